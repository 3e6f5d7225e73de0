"""Projects that others filled, taken over by `--adopt-unmanaged`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from terminal import BOX, Terminal


@pytest.fixture
def taken(terminal: Terminal) -> Terminal:
    """A project with twelve images of which cvsync here knows nothing."""
    terminal.push(terminal.manifest(terminal.rows(12)))
    terminal.state = terminal.folder / "another-state"
    terminal.forget()
    return terminal


def pulled(terminal: Terminal, *, leave_out: int = 0, **more: Any) -> Path:
    """What a pull writes: ids as keys and as `image_id`, paths of the files beside it."""
    rows = [
        {"key": i["id"], "image_id": i["id"], "path": f"images/{i['id']}.png", "tag": r["tagName"]}
        | {name: r[name] for name in BOX}
        for i in terminal.images()
        for r in i["regions"]
    ]  # fmt: skip
    return terminal.manifest([row | more for row in rows[leave_out:]], "pulled.csv")


def test_a_pulled_manifest_takes_the_project_over(taken: Terminal) -> None:
    manifest = pulled(taken, leave_out=1)

    planned = taken.run("plan", manifest, "--adopt-unmanaged")
    assert not list(taken.state.glob("*/*/ledger.sqlite"))
    pushed = taken.run("push", manifest, "--adopt-unmanaged")

    assert (planned.code, pushed.code) == (0, 0)
    assert planned.out.splitlines()[-1] == "11 unchanged, 1 unmanaged, known by their ids from now on"
    assert pushed.out == "nothing to do\n"
    ids = {image["id"] for image in taken.images()}
    assert taken.ledger() == {id_: id_ for id_ in ids}
    assert "0 images that no key" not in taken.run("status").out
    again = taken.run("push", manifest, "--delete")
    assert (again.code, again.out.splitlines()[0]) == (0, "1 image deleted")
    assert taken.writes() == {"DeleteImages": 1}
    assert len(taken.images()) == 11


def test_labels_of_a_pulled_manifest_are_those_of_its_images(taken: Terminal) -> None:
    manifest = pulled(taken, tag="cup")

    pushed = taken.run("push", manifest)

    assert (pushed.code, pushed.out) == (0, "1 tag created, 12 labels added, 12 labels removed\n")
    assert set(map(tuple, taken.labels().values())) == {("cup",)}


def test_a_bad_row_keeps_its_image(taken: Terminal) -> None:
    manifest = pulled(taken)
    lines = manifest.read_text().splitlines()
    lines[1] = lines[1].replace(lines[1].split(",")[0], "mine", 1).replace("0.1", "none", 1)
    manifest.write_text("\n".join(lines) + "\n")

    pushed = taken.run(
        "push", manifest, "--adopt-unmanaged", "--delete", "--max-delete", "9", "--delete-despite-errors"
    )

    assert pushed.code == 3
    assert "E010" in pushed.err
    assert len(taken.images()) == 12


def test_images_that_turn_out_to_be_of_a_url_are_not_deleted(taken: Terminal) -> None:
    """Their ids are keys that the manifest does not name; what the service says of the URLs counts."""
    manifest = taken.manifest(taken.rows(12))

    first = taken.run("push", manifest, "--adopt-unmanaged")
    second = taken.run("push", manifest, "--delete", "--max-delete", "12")

    assert (first.code, second.code) == (0, 0)
    assert first.out == "12 images already there\n"
    assert second.out == "nothing to do\n"
    assert len(taken.images()) == 12


def test_the_wrong_project_is_not_emptied_by_adoption(taken: Terminal) -> None:
    taken.rows(13)
    manifest = taken.manifest(taken.rows(13)[12:])

    pushed = taken.run("push", manifest, "--adopt-unmanaged", "--delete", "--max-delete", "100")

    assert pushed.code == 6
    assert "--delete refused" in pushed.err
    assert len(taken.images()) == 12


def test_a_saved_plan_adopts_when_it_is_applied(taken: Terminal) -> None:
    saved = taken.folder / "p.plan"
    taken.run("plan", pulled(taken, leave_out=1), "--adopt-unmanaged", "-o", saved)

    applied = taken.run("apply", saved)

    assert (applied.code, applied.out) == (0, "nothing to do\n")
    assert len(taken.ledger()) == 12


def test_a_plan_that_is_applied_keeps_the_versions_that_the_ledger_knows(terminal: Terminal) -> None:
    rows = [row | {"version": "1"} for row in terminal.rows(3)]
    terminal.push(terminal.manifest(rows))
    rows[0] |= {"left": 0.5}
    terminal.run("plan", terminal.manifest(rows), "-o", terminal.folder / "p.plan")
    terminal.run("apply", terminal.folder / "p.plan")
    rows[0] |= {"version": "2"}

    planned = terminal.run("plan", terminal.manifest(rows))

    assert planned.out.startswith("replace image: 1")


def test_labels_of_others_that_the_next_run_takes_off_are_warned_of_while_they_are_there(
    taken: Terminal,
) -> None:
    manifest = taken.manifest([row | {"tag": "cup"} for row in taken.rows(12)])

    met, again = taken.run("push", manifest), taken.run("push", manifest)

    assert (met.code, met.out) == (0, "1 tag created, 12 images already there, 12 labels added\n")
    assert met.err.count("and the next run takes them off") == 1
    assert again.out == "12 labels removed\n"
    assert "takes them off" not in again.err


def test_labels_of_others_on_a_picture_that_was_there_are_edits_to_the_next_run(taken: Terminal) -> None:
    manifest = taken.manifest([row | {"tag": "cup"} for row in taken.rows(12)])
    taken.push(manifest)

    stopped = taken.run("push", manifest, "--on-drift", "stop")
    kept = [taken.run("push", manifest, "--on-drift", "project") for _ in range(2)]

    assert stopped.code == 6
    assert [run.out for run in kept] == ["nothing to do\n"] * 2
    tags = [region["tagName"] for image in taken.images() for region in image["regions"]]
    assert (len(tags), tags.count("cup")) == (24, 12)


def test_a_renamed_file_brings_no_warning_of_its_own_labels(taken: Terminal) -> None:
    rows = taken.rows(12)
    taken.push(taken.manifest(rows))

    renamed = [row | {"key": f"new {n}", "tag": "cup"} for n, row in enumerate(rows)]
    moved = taken.run("push", taken.manifest(renamed))

    assert "12 images already there" in moved.out
    assert "takes them off" not in moved.err


def test_of_twins_that_are_compared_apart_neither_brings_labels_of_others(
    taken: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvsync.run.adopt._AT_ONCE", 1)
    rows = [row | {"key": f"{twin} {n}", "tag": twin} for n, row in enumerate(taken.rows(2)) for twin in "ab"]
    manifest = taken.manifest(rows)

    met = taken.push(manifest)
    kept = taken.run("push", manifest, "--on-drift", "project")

    assert met.out == "2 tags created, 4 images already there, 4 labels added\n"
    assert kept.out == "nothing to do\n"
    assert sum(labels in (["a", "b", "fork"], ["a", "b", "spoon"]) for labels in taken.labels().values()) == 2


@pytest.mark.parametrize("together", [1, 64])
def test_replacing_labels_of_others_spares_those_of_twins(
    taken: Terminal, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Those of one push, whether they are compared together or apart; one picture is new."""
    monkeypatch.setattr("cvsync.run.adopt._AT_ONCE", together)
    rows = [
        row | {"key": f"{twin} {n}", "tag": twin} for n, row in enumerate(taken.rows(13)) for twin in "ab"
    ]

    pushed = taken.push(taken.manifest(rows), "--adopt", "replace")

    assert pushed.code == 0
    assert [*taken.labels().values()] == [["a", "b"]] * 13


@pytest.mark.parametrize("type_", ["detection", "multilabel"])
def test_a_label_stays_that_moves_to_another_key_of_the_same_picture(terminal: Terminal, type_: str) -> None:
    boxed = type_ == "detection"
    rows = [{n: row[n] for n in ("url", *(BOX if boxed else ()))} for row in terminal.rows(2)]
    before = [row | {"key": f"a {n}", "tag": tag} for n, row in enumerate(rows) for tag in ("cup", "jug")]
    after = [row | {"key": f"a {n}", "tag": "cup"} for n, row in enumerate(rows)]
    after += [row | {"key": f"b {n}", "tag": tag} for n, row in enumerate(rows) for tag in ("jug", "pan")]
    terminal.push(terminal.manifest(before), "--type", type_)

    moved = terminal.run("push", terminal.manifest(after))
    again = terminal.run("push", terminal.manifest(after), "--on-drift", "stop")

    assert (moved.code, again.out) == (0, "nothing to do\n")
    tags = [sorted(t["tagName"] for t in image["tags"]) for image in terminal.images()]
    assert tags == [["cup", "jug", "pan"]] * 2


def test_a_row_that_a_new_key_of_the_same_picture_keeps_out_is_told_why(terminal: Terminal) -> None:
    (row,) = [{"url": row["url"]} for row in terminal.rows(1)]
    old, new = row | {"key": "old", "tag": "cup"}, row | {"key": "new", "tag": "jug"}
    terminal.push(terminal.manifest([old | {"tag": ""}]), "--type", "multiclass")

    kept_out = terminal.run("push", terminal.manifest([old, new]))
    named = terminal.run("push", terminal.manifest([old, new]))

    assert (kept_out.code, named.code) == (3, 3)
    assert "a new key that is the same picture" in kept_out.err
    assert "another key is the same picture" in named.err
