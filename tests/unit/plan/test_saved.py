"""Plans in files, quotas and costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from make import make_labels, make_snapshot

from cvsync.errors import GuardError, PlanError, SettingsError
from cvsync.known import KnownImages
from cvsync.model import ProjectType, Tag
from cvsync.plan import Kind, Plan, Prune, diff
from cvsync.plan.plan import Extent
from cvsync.plan.quota import Tier, check_quota, cost, labels_by_tag
from cvsync.plan.saved import FORMAT, LEARNED, SavedPlan, baseline, fingerprint_state, read_plan, write_plan

DETECTION = ProjectType.DETECTION
BOX = (0.1, 0.1, 0.2, 0.2)


def make_plan() -> Plan:
    desired = make_labels([("a", "x", *BOX), ("new", "ü", *BOX), ("new", "x", *BOX)])
    snapshot = make_snapshot({"id-a": [("x", 0.5, *BOX[1:])], "id-gone": []}, DETECTION)
    known = KnownImages.of({"a": "id-a", "gone": "id-gone"})
    return diff(desired, snapshot, known, prune=Prune.DELETE, renames={"x": "X"})


def test_a_saved_plan_is_read_back_whole(tmp_path: Path) -> None:
    plan, path = make_plan(), tmp_path / "p.plan"
    with path.open("wb") as file:
        write_plan(SavedPlan(plan, "https://here", "state"), file)

    saved = read_plan(path)

    assert (saved.destination, saved.state) == ("https://here", "state")
    assert [*saved.plan.actions()] == [*plan.actions()]
    assert saved.plan.counts == plan.counts
    assert saved.plan.table.equals(plan.table)
    assert len(plan.learned) == 1
    assert saved.plan.learned.equals(plan.learned)
    for name in ("project_id", "type", "new_tags", "renames", "before", "after", "unchanged", "unmanaged"):
        assert getattr(saved.plan, name) == getattr(plan, name)


@pytest.mark.parametrize("content", [b"", b"url,tag\n", b"PAR1"])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.plan"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match="cannot be read as a plan"):
        read_plan(path)


@pytest.mark.parametrize(("layout", "words"), [(FORMAT - 1, "make the plan again"), (FORMAT + 1, "update")])
def test_a_plan_of_another_layout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: int, words: str
) -> None:
    with monkeypatch.context() as patch, (tmp_path / "p.plan").open("wb") as file:
        patch.setattr("cvsync.plan.saved.FORMAT", layout)
        write_plan(SavedPlan(make_plan(), "https://here", "state"), file)

    with pytest.raises(PlanError, match=words):
        read_plan(tmp_path / "p.plan")


def test_another_parquet_file_is_no_plan(tmp_path: Path) -> None:
    pq.write_table(make_labels([("a", "x")]).table, tmp_path / "m.parquet")

    with pytest.raises(SettingsError, match="is no plan"):
        read_plan(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.slice(0, 2),
        lambda table: table.filter(pc.not_equal(table["kind"], LEARNED)),
        lambda table: table.drop_columns(["key"]),
        lambda table: table.drop_columns(["fingerprint"]),
        lambda table: table.set_column(0, "kind", pc.cast(table["kind"], pa.string())),
        lambda table: table.set_column(0, "kind", pa.array(["delete"] * len(table))),
    ],
    ids=["rows", "learned", "column", "fingerprint", "same", "type"],
)
def test_a_plan_that_was_edited_is_refused(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "p.plan"
    with path.open("wb") as file:
        write_plan(SavedPlan(make_plan(), "https://here", "state"), file)
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)

    if "same" in request.node.name:
        assert read_plan(path).plan.counts == make_plan().counts
        return
    with pytest.raises(SettingsError, match="was changed since it was saved; make the plan again"):
        read_plan(path)


def test_rows_of_a_plan_that_the_disk_changed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.plan"
    with path.open("wb") as file:
        write_plan(SavedPlan(make_plan(), "https://here", "state"), file)
    whole = path.read_bytes()
    taken = []
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    for at in range(4, len(whole) - footer):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with suppress(SettingsError):
            taken.append([*read_plan(path).plan.actions()])

    assert all(actions == [*make_plan().actions()] for actions in taken)


def test_every_change_of_a_project_changes_its_state() -> None:
    images = {"id-a": [("x", *BOX)], "id-b": [("y", *BOX)]}
    snapshot = make_snapshot(images, DETECTION)
    others = [
        make_snapshot(images | {"id-c": []}, DETECTION, ["x", "y"]),
        make_snapshot({"id-a": images["id-a"]}, DETECTION, ["x", "y"]),
        make_snapshot(images | {"id-b": [("x", *BOX)]}, DETECTION, ["x", "y"]),
        make_snapshot(images | {"id-b": [("y", 0.101, *BOX[1:])]}, DETECTION),
        make_snapshot(images, DETECTION, ["x", "y", "z"]),
        replace(snapshot, tags=[Tag("id-x", "renamed"), Tag("id-y", "y")]),
        replace(snapshot, project=replace(snapshot.project, id="other")),
    ]

    states = {fingerprint_state(s) for s in [snapshot, *others]}

    assert len(states) == 8
    again = make_snapshot(dict(reversed(images.items())), DETECTION, ["x", "y"])
    assert fingerprint_state(again) == fingerprint_state(snapshot)


def test_the_ledger_is_told_of_the_images_that_a_plan_changes() -> None:
    snapshot = make_snapshot({"id-a": [("x", 0.5, *BOX[1:])], "id-gone": []}, DETECTION)

    rows = baseline(make_plan(), snapshot, KnownImages.empty()).to_pylist()
    others = baseline(make_plan(), snapshot, KnownImages.of({"a": "id-a"})).to_pylist()

    assert sorted((r["key"], r["image_id"]) for r in rows) == [("a", "id-a"), ("gone", "id-gone")]
    assert {r["fingerprint"] for r in rows if r["key"] == "gone"} == {0}
    assert [r["key"] for r in others] == ["gone"]  # what it knows of the others may be more


def test_a_plan_that_cannot_fit_is_refused() -> None:
    plan = replace(make_plan(), before=Extent(5_000, 50))

    with pytest.raises(GuardError, match=r"would hold 51 tags; a project of tier F0 may hold 50"):
        check_quota(plan, Tier.F0)
    check_quota(plan, Tier.S0)
    check_quota(replace(plan, before=Extent(10**9, 10**6)), Tier.NONE)


def test_calls_are_counted_by_what_fits_into_one() -> None:
    plan = make_plan()

    assert plan.counts[Kind.CREATE_IMAGE] == plan.counts[Kind.DELETE_IMAGE] == 1
    # rename, create tag, create image, add box, remove box, delete image
    assert cost(plan).calls == 6
    assert cost(plan).seconds == pytest.approx(0.6)
    assert labels_by_tag(plan, Kind.CREATE_IMAGE) == {"X": 1, "ü": 1}
