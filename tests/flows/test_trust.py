"""What a push may be trusted with, from the command line: identity, deletion, and every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make import make_png
from terminal import Ran, StartServed, Terminal

from cvsync.labels import BOX, Labels
from cvsync.manifest import FORMATS, Reading, read
from cvsync.manifest.holds import fit, label_losses

WRITABLE = [name for name, form in FORMATS.items() if form.write]
SUFFIX = {"azureml": "jsonl", "vertex": "jsonl", "rekognition": "manifest", "coco": "json"}


def reason(ran: Ran) -> str:
    """The one sentence, or two, that says why; it is the last line."""
    return ran.err.splitlines()[-1].removeprefix("cvsync: ")


def signed(terminal: Terminal, signature: str, day: int) -> Path:
    """A manifest of Azure SAS URLs."""
    query = f"?sp=r&st=2030-01-{day:02}T00:00:00Z&se=2030-02-{day:02}T00:00:00Z&spr=https&sv=2024-11-04&sr=b"
    rows = [row | {"url": f"{row['url']}{query}&sig={signature}%3D"} for row in terminal.rows(4)]
    return terminal.manifest(rows)


def test_renewed_signatures_are_no_change(terminal: Terminal) -> None:
    first = terminal.push(signed(terminal, "abc%2B1", 1))
    terminal.forget()

    planned = terminal.run("plan", signed(terminal, "xyz%2F2", 2), "--exit-code", "--delete")
    pushed = terminal.run("push", signed(terminal, "xyz%2F2", 2), "--delete")

    assert first.out == "2 tags created, 4 images created, 4 labels added\n"
    assert (planned.code, planned.out.splitlines()[-1]) == (0, "4 unchanged")
    assert (pushed.code, pushed.out, terminal.writes()) == (0, "nothing to do\n", {})
    assert "sig" not in first.err + pushed.err + planned.out


def test_a_ledger_that_was_deleted_heals(terminal: Terminal) -> None:
    manifest = terminal.manifest(terminal.rows(6))
    terminal.push(manifest)
    ledger, labels = terminal.ledger(), terminal.labels()
    (file,) = terminal.state.glob("*/*/ledger.sqlite")
    for part in file.parent.glob("ledger.sqlite*"):
        part.unlink()

    pushed = terminal.run("push", manifest)
    terminal.forget()
    again = terminal.run("push", manifest, "--on-drift", "stop", "--delete")

    assert (pushed.code, pushed.out) == (0, "6 images already there\n")
    assert terminal.labels() == labels
    assert terminal.ledger() == ledger
    assert (again.code, again.out, terminal.writes()) == (0, "nothing to do\n", {})


@pytest.mark.parametrize(
    ("kept", "options", "said"),
    [
        (0, (), "--delete refused: the manifest names no image at all; nothing was sent"),
        (
            2, ("--max-delete", "100"),
            "--delete refused: the manifest names 2 images, less than half of the 6 that the ledger knows; "
            "nothing was sent",
        ),
        (
            3, (),
            "refused: 3 of 6 images would be deleted or replaced, more than --max-delete 1 allows; "
            "nothing was sent",
        ),
    ],
)  # fmt: skip
def test_a_manifest_that_lost_its_rows_deletes_nothing(
    terminal: Terminal, kept: int, options: tuple[str, ...], said: str
) -> None:
    manifest = terminal.manifest(terminal.rows(6))
    terminal.push(manifest)
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[: kept + 1]))
    terminal.forget()

    pushed = terminal.run("push", manifest, "--delete", *options)

    assert (pushed.code, reason(pushed)) == (6, said)
    assert terminal.writes() == {}
    assert len(terminal.images()) == 6


def test_the_wrong_project_loses_nothing(terminal: Terminal) -> None:
    rows = terminal.rows(8)
    terminal.push(terminal.manifest(rows[:5]))
    terminal.state = terminal.folder / "state-of-another-project"
    manifest = terminal.manifest(rows[5:])
    terminal.push(manifest)
    terminal.forget()

    pushed = terminal.run("push", manifest, "--delete", "--delete-unmanaged", "--max-delete", "100")

    assert pushed.code == 6
    assert reason(pushed) == (
        "--delete refused: the ledger knows 3 of the project's 8 images, fewer than half. "
        "Is it the right project? Nothing was sent"
    )
    assert terminal.writes() == {}
    assert len(terminal.images()) == 8


def test_a_quota_that_only_the_service_knows_ends_with_6(start_served: StartServed, tmp_path: Path) -> None:
    tight = Terminal(start_served(fetch=False, quota="F0"), tmp_path, tmp_path, tmp_path / "state")
    rows = [{"url": f"https://pictures.test/{n}.png", "tag": f"t{n}"} for n in range(51)]

    pushed = tight.push(tight.manifest(rows))  # as if the resource were of the paid tier

    assert (pushed.code, reason(pushed)) == (
        6, "CreateTag answered 400 BadRequestExceedTagPerProjectLimit: The number of tags is at its limit",
    )  # fmt: skip


def test_an_unreadable_shard_deletes_nothing(terminal: Terminal) -> None:
    rows = terminal.rows(6)
    shards = terminal.folder / "shards"
    shards.mkdir()
    for n in range(6):
        terminal.manifest(rows[n : n + 1], f"shards/{n}.csv")
    terminal.push(shards)
    (shards / "3.csv").write_bytes(b"\x1f\x8b cut off")
    terminal.forget()

    pushed = terminal.run("push", shards, "--delete", "--max-delete", "100")

    assert pushed.code == 4
    assert reason(pushed).startswith(f"{shards / '3.csv'}: cannot be read: ")
    assert terminal.writes() == {}
    assert len(terminal.images()) == 6


@pytest.mark.parametrize("operation", ["GetTaggedImages", "GetTags"])
def test_a_listing_that_fails_deletes_nothing(terminal: Terminal, operation: str) -> None:
    rows = terminal.rows(6)
    terminal.push(terminal.manifest(rows))
    terminal.forget()
    terminal.order(operation=operation, kind="status", status=503, retry_after=0)

    pushed = terminal.run(
        "push", terminal.manifest(rows[:5]), "--delete", "--max-delete", "100", "--max-outage", "0"
    )

    assert pushed.code == 5
    assert operation in reason(pushed)
    assert "503" in reason(pushed)
    assert terminal.writes() == {}
    assert len(terminal.images()) == 6


def test_an_image_of_two_keys_goes_with_the_last_of_them(terminal: Terminal) -> None:
    rows = terminal.rows(3)
    (terminal.pictures / "twin.png").write_bytes((terminal.pictures / "0.png").read_bytes())
    rows.append(rows[0] | {"url": terminal.url("twin.png")})
    terminal.push(terminal.manifest(rows))
    assert len(terminal.images()) == 3

    one_left = terminal.run("push", terminal.manifest(rows[1:]), "--delete", "--max-delete", "9")
    none_left = terminal.run("push", terminal.manifest(rows[1:3]), "--delete", "--max-delete", "9")

    assert (one_left.code, one_left.out) == (0, "nothing to do\n")
    assert (none_left.code, none_left.out.splitlines()[0]) == (0, "1 image deleted")
    assert len(terminal.images()) == 2


def other_content(terminal: Terminal) -> tuple[Path, list[dict[str, Any]]]:
    """A pushed manifest with versions, and the same with another for the first image."""
    rows = [row | {"version": "1"} for row in terminal.rows(3)]
    terminal.push(terminal.manifest(rows))
    (terminal.pictures / "0.png").write_bytes(make_png(50))
    rows[0]["version"] = "2"
    terminal.forget()
    return terminal.manifest(rows), rows


def test_a_new_version_is_confirmed_before_the_old_image_goes(terminal: Terminal) -> None:
    manifest, rows = other_content(terminal)
    before = terminal.ledger()

    pushed = terminal.run("push", manifest, "--json")

    sent = [json.loads(line) for line in pushed.out.splitlines()]
    steps = [(e["ev"], e["kind"]) for e in sent if e["ev"] in ("batch_sent", "batch_done")]
    created, deleted = ("batch_done", "replace image"), ("batch_sent", "delete image")
    assert steps.index(created) < steps.index(deleted)
    assert terminal.writes() == {"CreateImagesFromUrls": 1, "DeleteImages": 1}
    after, key = terminal.ledger(), rows[0]["url"]
    assert {image["id"] for image in terminal.images()} == {*after.values()}
    assert [key for key in before if before[key] != after[key]] == [key]


def test_an_old_image_stays_where_the_new_one_is_refused(terminal: Terminal) -> None:
    manifest, _ = other_content(terminal)
    (terminal.pictures / "0.png").write_text("no picture")
    before = terminal.ledger()

    pushed = terminal.run("push", manifest)

    assert pushed.code == 3
    assert "ErrorImageFormat" in pushed.err
    assert "DeleteImages" not in terminal.writes()
    assert {image["id"] for image in terminal.images()} == {*before.values()}


@pytest.fixture
def start(tmp_path: Path) -> dict[str, Path]:
    """What formats are asked to hold: boxes on whole pixels at URLs; of folders, tags of files."""
    head = "tag,left,top,width,height,image_width,image_height\n"
    sizes = ["0.25,0.5,0.125,0.25", "0,0,1,1"]
    boxes = "".join(f"https://x.test/{n}.png,cup {n},{box},200,100\n" for n, box in enumerate(sizes))
    for n in range(2):
        (tmp_path / f"{n}.png").write_bytes(make_png(n, (200, 100)))
    files = "".join(f"{n}.png,cup {n},,,,,200,100\n" for n in range(2))
    texts = {"boxes": f"url,{head}{boxes}", "files": f"path,{head}{files}"}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in texts}


def read_as(path: Path, form: str) -> Labels:
    manifest = read([path], Reading(format=form))
    assert not manifest.problems
    return manifest.labels


def facts(labels: Labels) -> set[tuple[Any, ...]]:
    return {
        (r["url"] or Path(r["path"]).name, r["tag"], *(r[side] for side in BOX))
        for r in labels.table.to_pylist()
    }


@pytest.mark.parametrize("first", WRITABLE)
def test_every_pair_of_formats_converts_there_and_back(
    terminal: Terminal, start: dict[str, Path], first: str
) -> None:
    went = []
    for second in WRITABLE:
        steps = [("csv", start["files" if "folders" in (first, second) else "boxes"])]
        for n, form in enumerate((first, second, first)):
            before, source = steps[-1]
            name = terminal.folder / f"{second}-{n}-{form}"
            target = name if FORMATS[form].is_folder else name.with_suffix(f".{SUFFIX.get(form, form)}")
            losses = label_losses(fit(read_as(source, before), FORMATS[form].holds).losses)

            ran = terminal.run("convert", source, target, "--from", before, "-f", form)

            if losses:
                assert ran.code == 4
                assert f"{form} cannot hold {losses[0]}" in ran.err
                break
            assert ran.code == 0, ran.err
            steps.append((form, target))
        else:
            begun, there, back = (facts(read_as(path, form)) for form, path in steps[1:])
            assert begun == there == back
            assert len(back) == 2
            went.append(second)
    assert went == [second for second in WRITABLE if goes(first, second)]


def goes(first: str, second: str) -> bool:
    """Whether a pair loses nothing on its way, by what the table in the README says of the formats."""
    if "folders" in (first, second):  # tags of files
        return not {"coco", "yolo", "voc", "vertex", "rekognition"} & {first, second}
    needs_sizes = {"rekognition", "coco", "voc"} & {first, second}
    return not (needs_sizes and "vertex" in (first, second))  # which has no place for them


@pytest.mark.parametrize("saves", [True, False])
def test_a_run_that_deleted_says_how_that_is_undone(terminal: Terminal, saves: bool) -> None:
    rows = terminal.rows(3)
    terminal.push(terminal.manifest(rows))

    more = () if saves else ("--no-backup",)
    pushed = terminal.run("push", terminal.manifest(rows[1:]), "--delete", *more)
    lines = [line for line in pushed.out.splitlines() if "cvsync undo" in line]

    assert len(lines) == saves
    if saves:
        undone = terminal.run("undo", lines[0].split("`")[1].split()[-1])
        assert undone.out == "1 image created, 1 label added\n"
        assert len(terminal.images()) == 3


def test_a_push_that_cannot_fit_makes_no_project(terminal: Terminal) -> None:
    rows = [terminal.rows(1)[0] | {"tag": f"tag {n}"} for n in range(51)]
    manifest = terminal.manifest(rows)

    refused = terminal.push(manifest, "--quota", "F0")
    writes = terminal.writes()
    narrowed = terminal.push(manifest, "--quota", "F0", "--exclude", "tag 50")

    assert (refused.code, writes) == (6, {})
    assert "would hold 51 tags; a project of tier F0 may hold 50" in refused.err
    assert narrowed.code == 0
