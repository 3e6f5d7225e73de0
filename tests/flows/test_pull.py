"""Taking a project out, and back in."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from terminal import StartServed, Terminal

from cvsync.cli.reading_options import PULLED


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    """A project with twelve images."""
    terminal.push(terminal.manifest(rows(terminal, 12)))
    return terminal


def rows(terminal: Terminal, count: int, **cells: Any) -> list[dict[str, Any]]:
    """Rows with boxes of whole pixels, which any format can hold."""
    box = {"left": 0.25, "top": 0.5, "width": 0.25, "height": 0.125}
    return [row | box | cells for row in terminal.rows(count)]


def sums(folder: Path) -> list[str]:
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir())


def test_a_pull_brings_images_and_their_labels(filled: Terminal) -> None:
    done = filled.run("pull", "-o", filled.folder / "out")

    assert done.code == 0
    assert sums(filled.folder / "out" / "images") == sums(filled.pictures)
    table = pq.read_table(filled.folder / "out" / "manifest.parquet")
    assert table.column_names == [
        "key", "path", "tag", "left", "top", "width", "height", "image_id", "image_width", "image_height",
        "sha256", "size",
    ]  # fmt: skip
    row = table.to_pylist()[0]
    file = filled.folder / "out" / row["path"]
    assert row["path"] == f"images/{row['image_id']}.png"
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert row["size"] == file.stat().st_size
    assert {row["key"] for row in table.to_pylist()} == {filled.url(f"{n}.png") for n in range(12)}
    assert "12 images fetched" in done.out


def test_a_second_pull_fetches_only_what_changed(filled: Terminal) -> None:
    filled.run("pull", "-o", filled.folder / "out")
    filled.push(filled.manifest(rows(filled, 15)))

    done = filled.run("pull", "-o", filled.folder / "out")

    assert done.out.startswith("3 images fetched")
    assert "12 there already" in done.out
    assert sums(filled.folder / "out" / "images") == sums(filled.pictures)


@pytest.mark.parametrize("form", ["parquet", "csv", "tsv", "jsonl", "coco", "yolo", "voc"])
def test_what_was_pulled_pushed_into_the_same_project_changes_nothing(filled: Terminal, form: str) -> None:
    pulled = filled.folder / "out"
    assert filled.run("pull", "-o", pulled, "-f", form).code == 0
    filled.state = filled.folder / "another"
    filled.forget()

    again = filled.run("push", pulled)

    assert (again.code, again.out) == (0, "nothing to do\n")
    assert filled.writes() == {}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "azureml", "coco", "yolo", "voc"])
def test_what_was_pulled_fills_an_empty_project(
    filled: Terminal, form: str, start_served: StartServed
) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled, "-f", form)
    filled.emulator = start_served()

    pushed = filled.push(pulled)
    verified = filled.run("verify", pulled, "--all-bytes")

    assert (pushed.code, verified.code) == (0, 0), verified.out
    assert len(filled.images()) == 12
    assert filled.writes() == {"CreateProject": 1, "CreateTag": 2, "CreateImagesFromFiles": 1}


@pytest.mark.parametrize("form", PULLED)
def test_a_project_without_images_goes_out_and_in_in_any_format(terminal: Terminal, form: str) -> None:
    terminal.run("project", "create", "shelf", "--type", "detection")
    terminal.run("pull", "-o", terminal.folder / "out", "-f", form, "--no-images")

    validated, pushed, verified = (
        terminal.run(verb, terminal.folder / "out") for verb in ("validate", "push", "verify")
    )
    terminal.push(terminal.manifest(rows(terminal, 3)))
    guarded = terminal.run("push", terminal.folder / "out", "--delete", "--max-delete", "100")

    assert (validated.code, pushed.code, verified.code) == (0, 0, 0)
    assert "W024" in validated.out
    assert "W024" in pushed.err
    assert (guarded.code, "names no image at all" in guarded.err) == (6, True)
    assert len(terminal.images()) == 3


def test_keys_of_a_format_without_ids_are_known_in_their_project(filled: Terminal) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled, "-f", "azureml")
    filled.forget()

    pushed, verified = filled.run("push", pulled), filled.run("verify", pulled)

    assert (pushed.code, pushed.out) == (0, "nothing to do\n")
    assert filled.writes() == {}
    assert verified.code == 0


def test_a_pull_makes_no_image_managed(filled: Terminal) -> None:
    """Else a manifest that does not name what others put there would delete it."""
    filled.state = filled.folder / "another"
    filled.run("pull", "-o", filled.folder / "out")

    assert "12 images that no key is known to be" in filled.run("status").out
    assert filled.ledger() == {}


def test_ids_of_another_project_mean_nothing(filled: Terminal, start_served: StartServed) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled, "-f", "csv")
    ids = {image["id"] for image in filled.images()}
    filled.emulator = start_served()
    filled.push(pulled)
    others = [image["id"] for image in filled.images()]
    text = (pulled / "manifest.csv").read_text()
    for mine, other in zip(sorted(ids), reversed(others), strict=True):
        text = text.replace(f",{mine},", f",{other},")
    (pulled / "manifest.csv").write_text(text)
    filled.forget()

    again = filled.run("push", pulled)

    assert not ids & {*others}
    assert (again.code, again.out) == (0, "nothing to do\n")  # keys say which image is meant, ids only hint


def test_images_that_are_gone_are_named_and_pruned_if_asked(filled: Terminal) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled)
    filled.push(filled.manifest(rows(filled, 12)[1:]), "--delete")

    told = filled.run("pull", "-o", pulled, "--tag", "fork")
    kept = len([*(pulled / "images").iterdir()])
    pruned = filled.run("pull", "-o", pulled, "--prune")

    assert "1 images are gone from the project: kept" in told.out
    assert kept == 12
    assert "1 images are gone from the project: deleted" in pruned.out
    assert len([*(pulled / "images").iterdir()]) == 11
    assert " gone " not in filled.run("pull", "-o", pulled).out


def test_most_of_a_folder_is_not_pruned(filled: Terminal) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled)
    for left in (8, 5):
        filled.push(filled.manifest(rows(filled, left)), "--delete", "--max-delete", "9")

    done = filled.run("pull", "-o", pulled, "--prune")

    assert done.code == 6
    assert "--prune refused: 7 of 12 images" in done.err
    assert len([*(pulled / "images").iterdir()]) == 12


def test_a_pull_into_what_is_no_pulled_folder_is_refused(filled: Terminal) -> None:
    done = filled.run("pull", "-o", filled.pictures)

    assert done.code == 2
    assert "holds something that was not pulled" in done.err
    assert len([*filled.pictures.iterdir()]) == 12


def test_a_pull_of_another_project_into_the_folder_is_refused(
    filled: Terminal, start_served: StartServed
) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled)
    filled.emulator = start_served(fetch=True, files=filled.pictures)
    filled.push(filled.manifest(filled.rows(2)))

    done = filled.run("pull", "-o", pulled, "--prune")

    assert done.code == 2
    assert "holds images of" in done.err
    assert len([*(pulled / "images").iterdir()]) == 12


def test_what_a_format_cannot_hold_is_refused_before_anything_is_fetched(filled: Terminal) -> None:
    filled.push(filled.manifest([*rows(filled, 12), *rows(filled, 1, tag="tab\tin")]))
    pulled = filled.folder / "out"

    done = filled.run("pull", "-o", pulled, "-f", "voc")

    assert done.code == 4
    assert "voc cannot hold 1 labels whose tag cannot be written" in done.err
    assert [*(pulled / "images").iterdir()] == []


@pytest.mark.parametrize("options", [[], ["--lossy"]])
@pytest.mark.parametrize("form", ["vertex", "rekognition"])
def test_a_format_without_paths_is_pulled_without_images(
    filled: Terminal, form: str, options: list[str]
) -> None:
    """With them its manifest would name no image at all."""
    done = filled.run("pull", "-o", filled.folder / "out", "-f", form, *options)

    assert done.code == 2
    assert f"{form} names images by links, not by files; --no-images pulls it" in done.err
    assert not (filled.folder / "out").exists()


@pytest.mark.parametrize("form", ["parquet", "csv", "azureml", "vertex", "coco", "yolo", "voc"])
def test_labels_alone_are_pulled_without_a_download(filled: Terminal, form: str) -> None:
    """They name the images by where they are in the service, without the signature that opens it."""
    pulled = filled.folder / "out"

    done = filled.run("pull", "-o", pulled, "-f", form, "--no-images")
    filled.forget()
    pushed = filled.run("push", pulled)

    assert done.code == 0
    assert not (pulled / "images").exists()
    assert not [file for file in pulled.rglob("*.*") if file.is_file() and b"sig=" in file.read_bytes()]
    assert (pushed.code, pushed.out) == (0, "nothing to do\n")
    assert filled.writes() == {}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ("--tag fork", 8), ("--tag fork --tag SPOON", 15), ("--tagged", 15), ("--untagged", 2),
        ("--since 2100-01-01", 0), ("--until 2100-01-01", 17), ("--since 2020-01-01", 17),
        ("--filter metadata=batch+eq+'x'", 3), ("--filter metadata=batch+eq+'x' --tag fork", 2),
        ("--filter metadata=batch+eq+'x' --untagged", 0),
    ],
)  # fmt: skip
def test_images_are_picked(filled: Terminal, options: str, count: int) -> None:
    batch = [row | {"metadata.batch": "x"} for row in rows(filled, 15)[12:]]
    bare = [{"url": row["url"]} for row in filled.rows(17)[15:]]
    filled.push(filled.manifest([*batch, *bare]))

    done = filled.run("pull", "-o", filled.folder / "out", *(o.replace("+", " ") for o in options.split()))

    assert done.code == 0
    assert len([*(filled.folder / "out" / "images").iterdir()]) == count


def test_an_iteration_is_pulled_as_it_was_trained(filled: Terminal, quick_learner: None) -> None:
    filled.push(filled.manifest(rows(filled, 40)), "--train")
    filled.push(filled.manifest(rows(filled, 40)[1:]), "--delete")

    done = filled.run("pull", "-o", filled.folder / "out", "--iteration", "Iteration 1")

    assert done.code == 0
    assert "40 images fetched" in done.out
    assert " gone " not in done.out


def test_what_no_manifest_has_room_for_is_listed(filled: Terminal) -> None:
    filled._ask(
        f"customvision/v3.3/training/projects/{filled.project()}/tags?name=unused&description=x", "POST"
    )

    done = filled.run("pull", "-o", filled.folder / "out")

    assert "left out: 1 tags that no image has (unused)" in done.err
    assert "left out: 1 descriptions of tags (unused)" in done.err
    some = filled.run("pull", "-o", filled.folder / "some", "--tag", "fork")
    assert "left out: 2 tags that none of these images has (" in some.err


def test_a_version_of_the_manifest_stays_what_it_is(filled: Terminal) -> None:
    """Else the pulled manifest would put new images in the place of all."""
    versioned = [row | {"version": "7"} for row in rows(filled, 12)]
    filled.run("push", filled.manifest(versioned))
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled, "-f", "csv")
    filled.forget()

    pushed = [filled.run("push", pulled), filled.run("push", filled.manifest(versioned))]

    assert [run.out for run in pushed] == ["nothing to do\n"] * 2
    assert filled.writes() == {}


def test_formulas_in_cells_stay_what_they_are(filled: Terminal) -> None:
    formula = '=HYPERLINK("http://x.test","a;b")'
    filled.push(filled.manifest([row | {"tag": formula} for row in rows(filled, 2)]))

    done = filled.run("pull", "-o", filled.folder / "out", "-f", "csv", "--tag", formula)

    assert done.code == 0
    with (filled.folder / "out" / "manifest.csv").open(newline="") as file:
        assert [row["tag"] for row in csv.DictReader(file)] == [formula] * 2


def test_events_tell_what_is_done(filled: Terminal) -> None:
    done = filled.run("pull", "-o", filled.folder / "out", "--json")

    told = [json.loads(line) for line in done.out.splitlines()]
    assert [event["ev"] for event in told if event["ev"] not in ("rate", "status")] == [
        "run_start", "pull_summary", "images_fetched", "written", "totals", "run_end",
    ]  # fmt: skip
    assert told[-1]["totals"]["images_fetched"] == 12
    states = [event for event in told if event["ev"] == "status"]
    assert (states[-1]["done"], states[-1]["total"], states[-1]["in_flight"]) == (12, 12, 0)
    assert "sig=" not in done.out


def test_what_was_left_out_is_not_counted_as_written(terminal: Terminal) -> None:
    one, other = rows(terminal, 2)
    terminal.push(terminal.manifest([one, other | {"tag": "tab\tin"}]))

    done = terminal.run("pull", "-o", terminal.folder / "out", "-f", "voc", "--lossy")

    assert "left out: 1 labels whose tag cannot be written" in done.err
    assert "1 labels of 2 images as voc" in done.out


def test_manifests_of_earlier_pulls_in_other_formats_are_told(filled: Terminal) -> None:
    """Those that are folders, too; each pull leaves one more behind."""
    pulled, left = filled.folder / "out", set[str]()
    for form, parts in [
        ("parquet", ["manifest.parquet"]), ("coco", ["manifest.json"]), ("yolo", ["data.yaml", "labels"]),
        ("voc", ["Annotations"]), ("csv", ["manifest.csv"]), ("yolo", ["data.yaml", "labels"]),
    ]:  # fmt: skip
        done = filled.run("pull", "-o", pulled, "-f", form)

        told = re.findall(f"warning: {pulled}/(\\S+) is of an earlier pull and stays as it was", done.err)
        assert {*told} == left - {*parts}
        left |= {*parts}


def test_labels_alone_need_no_folder_for_images(filled: Terminal) -> None:
    pulled = filled.folder / "out"

    for _ in range(2):
        assert filled.run("pull", "-o", pulled, "-f", "csv", "--no-images").code == 0
        assert sorted(path.name for path in pulled.iterdir()) == [".cvsync", "manifest.csv"]
    assert filled.run("pull", "-o", pulled, "-f", "csv").code == 0
    assert len([*(pulled / "images").iterdir()]) == 12


def test_a_filter_that_the_service_does_not_take_is_told_as_such(filled: Terminal) -> None:
    done = filled.run("pull", "-o", filled.folder / "out", "--filter", "batch is x")

    assert (done.code, "the service does not take --filter 'batch is x': " in done.err) == (2, True)
