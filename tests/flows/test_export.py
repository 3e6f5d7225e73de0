"""Exports: asked for once, fetched once, checked, and of several platforms at a time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from releasing import manifest, release, told
from shelf import Shelf

from cvsync.api.client import open_client
from cvsync.errors import OverdueError, SettingsError, TrainingError
from cvsync.flows.export import ExportTarget
from cvsync.flows.judge import Gate, Least, Measure
from cvsync.flows.project import NewProject
from cvsync.flows.train import TrainOptions
from cvsync.model import Export

pytestmark = pytest.mark.usefixtures("quick_learner")
ONNX = ExportTarget("ONNX")
BOTH = (ONNX, ExportTarget("ONNX", "ONNX12"))


@pytest.fixture
async def trained(shelf: Shelf) -> Shelf:
    """A shelf with a trained model that can be exported."""
    await shelf.push(manifest(shelf), create=NewProject(exportable=True))
    await release(shelf, train=TrainOptions())
    return shelf


async def test_nothing_is_trained_for_an_export_that_cannot_be(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.push(manifest(shelf), create=NewProject())
    await shelf.forget()

    with pytest.raises(TrainingError, match="domain General, whose models cannot be exported"):
        await release(shelf, train=TrainOptions(), exports=(ONNX,), export_folder=tmp_path / "e")

    assert await shelf.writes() == {}


async def asked(shelf: Shelf) -> int:
    """The exports that were asked for since the last `forget`."""
    return (await shelf.writes()).get("ExportIteration", 0)


async def test_export_lands_checked_with_its_sum_beside_it(trained: Shelf, tmp_path: Path) -> None:
    released = await release(trained, exports=BOTH, export_folder=tmp_path / "e")

    assert [path.name for path in released.exports] == [
        "shelf-Iteration_1-onnx.zip", "shelf-Iteration_1-onnx-ONNX12.zip",
    ]  # fmt: skip
    for path in released.exports:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert (tmp_path / "e" / f"{path.name}.sha256").read_text() == f"{digest}  {path.name}\n"
    assert len([*(tmp_path / "e").iterdir()]) == 4
    assert await asked(trained) == 2


async def test_export_is_asked_for_and_fetched_once(trained: Shelf, tmp_path: Path) -> None:
    await release(trained, exports=(ONNX,), export_folder=tmp_path / "e")
    await release(trained, exports=(ONNX,), export_folder=tmp_path / "e")
    await release(trained, exports=(ONNX,), export_folder=tmp_path / "elsewhere")

    assert await asked(trained) == 1
    assert told(trained, "export") == ["Done", "Present", "Done"]


@pytest.mark.parametrize("lost", ["shelf-Iteration_1-onnx.zip", "shelf-Iteration_1-onnx.zip.sha256"])
async def test_file_that_is_gone_or_changed_is_fetched_again(
    trained: Shelf, tmp_path: Path, lost: str
) -> None:
    (path,) = (await release(trained, exports=(ONNX,), export_folder=tmp_path)).exports
    whole = path.read_bytes()
    (tmp_path / lost).unlink()
    await release(trained, exports=(ONNX,), export_folder=tmp_path)
    path.write_bytes(b"changed")
    await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert path.read_bytes() == whole
    assert told(trained, "export") == ["Done"] * 3


async def test_export_that_somebody_asked_for_is_waited_for(trained: Shelf, tmp_path: Path) -> None:
    async with open_client(trained.settings) as (client, _):
        project = await trained.project_id(client)
        (iteration,) = await client.get_iterations(project)
        await client.export_iteration(project, iteration.id, "ONNX")
    await trained.forget()

    await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert await asked(trained) == 0


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
async def test_lost_answer_asks_for_no_second_export(trained: Shelf, tmp_path: Path, kind: str) -> None:
    await trained.control("POST", "faults", [{"operation": "ExportIteration", "kind": kind, "count": 1}])

    released = await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert len(released.exports) == 1
    exports = (await trained.control("GET", "exports")) or []
    assert len(exports) == 1


async def test_already_queued_is_no_error(trained: Shelf, tmp_path: Path) -> None:
    """Somebody asks between the look and the call."""
    busy = {"code": "BadRequestExportAlreadyInProgress", "message": "Export already in progress"}
    fault = {"operation": "ExportIteration", "kind": "status", "status": 400, "body": busy, "count": 1}
    await trained.control("POST", "faults", [fault])
    async with open_client(trained.settings) as (client, _):
        project = await trained.project_id(client)
        (iteration,) = await client.get_iterations(project)

        async def asking(_seconds: float) -> None:
            if not await client.get_exports(project, iteration.id):
                await client.export_iteration(project, iteration.id, "ONNX")

        from cvsync.flows.release import ReleaseRequest, release_project

        request = ReleaseRequest(exports=(ONNX,), export_folder=tmp_path)
        async with trained.service() as service:
            released = await release_project(service, "shelf", request, sleep=asking)

    assert len(released.exports) == 1


@pytest.mark.parametrize(("times", "requests"), [(1, 2), (2, 3)])
async def test_export_is_asked_for_again_where_another_was_on_its_way(
    trained: Shelf, tmp_path: Path, times: int, requests: int
) -> None:
    await refuse_as_busy(trained, times)

    released = await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert len(released.exports) == 1
    assert await asked(trained) == requests


async def test_export_that_never_appears_ends_the_wait(trained: Shelf, tmp_path: Path) -> None:
    await refuse_as_busy(trained, 1000)

    with pytest.raises(TrainingError, match="lists no export of Iteration 1 for ONNX"):
        await release(trained, exports=(ONNX,), export_folder=tmp_path)


async def refuse_as_busy(shelf: Shelf, times: int) -> None:
    busy = {"code": "BadRequestExportAlreadyInProgress", "message": "Export already in progress"}
    fault = {"operation": "ExportIteration", "kind": "status", "status": 400, "body": busy, "count": times}
    await shelf.control("POST", "faults", [fault])


def test_exports_match_without_case() -> None:
    assert ExportTarget("TensorFlow", "new").is_of(Export("tensorflow", "Done", flavor="NEW"))
    assert not ExportTarget("TensorFlow", "new").is_of(Export("TensorFlow", "Done"))


async def test_file_of_another_model_is_not_replaced_in_silence(trained: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "shelf-Iteration_1-onnx.zip"
    path.write_bytes(b"of another project of this name")

    for _ in range(2):
        await release(trained, exports=(ONNX,), export_folder=tmp_path)

    (warning,) = [event.facts["text"] for event in trained.events if event.name == "warning"]
    assert str(warning).startswith(f"{path} was there, of another model")


async def test_model_that_is_too_large_is_named(
    trained: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvsync.flows.export.MOST_MODEL_BYTES", 10)

    with pytest.raises(TrainingError, match="the export for ONNX has more than 10 bytes"):
        await release(trained, exports=(ONNX,), export_folder=tmp_path)


async def test_one_that_fails_does_not_hold_up_the_others(trained: Shelf, tmp_path: Path) -> None:
    targets = (ExportTarget("CoreML"), ONNX, ExportTarget("TensorFlow", "TensorFlowLite"))

    with pytest.raises(TrainingError, match=r"for CoreML; .* for TensorFlow:TensorFlowLite"):
        await release(trained, exports=targets, export_folder=tmp_path)

    assert (tmp_path / "shelf-Iteration_1-onnx.zip.sha256").exists()


async def test_unusable_archive_is_refused_and_not_left(
    trained: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvsync.emulator import exporting

    monkeypatch.setattr(exporting, "_write_zip", lambda path, *_: path.write_bytes(b"no zip"))

    with pytest.raises(TrainingError, match="for ONNX is unusable: it is no sound zip archive"):
        await release(trained, exports=(ONNX,), export_folder=tmp_path / "e")

    assert [*(tmp_path / "e").iterdir()] == []


async def test_model_that_is_not_good_enough_is_not_exported(trained: Shelf, tmp_path: Path) -> None:
    gate = Gate(least=(Least(Measure.PRECISION, 0.9),))

    with pytest.raises(TrainingError, match=r"precision is 0.5000, below 0.9"):
        await release(trained, exports=(ONNX,), export_folder=tmp_path / "e", gate=gate)

    assert not (tmp_path / "e").exists()
    assert await asked(trained) == 0


async def test_domain_that_cannot_be_exported_is_named(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.push(manifest(shelf))
    await release(shelf, train=TrainOptions())

    for train in (None, TrainOptions()):
        with pytest.raises(TrainingError, match="1 cannot be exported: only projects with a compact domain"):
            await release(shelf, train=train, exports=(ONNX,), export_folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("onnx", ExportTarget("ONNX")),
        ("tensorflow:tensorflowlite", ExportTarget("TensorFlow", "TensorFlowLite")),
        ("DockerFile:linux", ExportTarget("DockerFile", "Linux")),
        ("coreml:New", ExportTarget("CoreML", "New")),
    ],
)  # fmt: skip
def test_targets_match_without_case(text: str, target: ExportTarget) -> None:
    assert ExportTarget.parse(text) == target


def test_unknown_platform_is_told_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="'toaster' is none of CoreML"):
        ExportTarget.parse("toaster")


async def test_export_that_failed_once_is_asked_for_again(
    trained: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvsync.emulator import exporting

    with monkeypatch.context() as broken:
        broken.setattr(exporting, "_write_zip", lambda *_: 1 / 0)
        with pytest.raises(TrainingError, match="does not say why it could not export Iteration 1 for ONNX"):
            await release(trained, exports=(ONNX,), export_folder=tmp_path)

    released = await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert len(released.exports) == 1
    assert await asked(trained) == 2


async def test_export_that_is_stuck_ends_the_wait_and_is_found_again(
    trained: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr("cvsync.flows.export.LONGEST_EXPORT", 0.0)
        with pytest.raises(OverdueError, match="export of Iteration 1 for ONNX goes on for 0 hours"):
            await release(trained, exports=(ONNX,), export_folder=tmp_path)

    released = await release(trained, exports=(ONNX,), export_folder=tmp_path)

    assert len(released.exports) == 1
    assert await asked(trained) == 1
