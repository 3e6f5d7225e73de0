"""Edits that others make with the official SDK, as the portal does, and what the command line says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

sdk = pytest.importorskip("azure.cognitiveservices.vision.customvision.training")
from azure.cognitiveservices.vision.customvision.training import models  # noqa: E402
from msrest.authentication import ApiKeyCredentials  # noqa: E402

# The SDK is archived and built on libraries that warn of themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def portal(terminal: Terminal) -> Iterator[Any]:
    key = ApiKeyCredentials(in_headers={"Training-key": "local-training-key"})
    with sdk.CustomVisionTrainingClient(terminal.emulator.url, key) as client:
        yield client


@pytest.fixture
def manifest(terminal: Terminal) -> Path:
    """Pushed already."""
    manifest = terminal.manifest(terminal.rows(4))
    assert terminal.push(manifest).code == 0
    return manifest


def edit(portal: Any, terminal: Terminal) -> str:
    """Draw a box more on the first image of the manifest, and give the image's key."""
    key, image_id = next(iter(sorted(terminal.ledger().items())))
    (project,) = portal.get_projects()
    (image,) = portal.get_images_by_ids(project.id, image_ids=[image_id])
    entry = models.ImageRegionCreateEntry(
        image_id=image_id, tag_id=image.regions[0].tag_id, left=0.5, top=0.5, width=0.1, height=0.1
    )
    portal.create_image_regions(project.id, regions=[entry])
    terminal.forget()
    return key


def delete(portal: Any, terminal: Terminal) -> str:
    """Delete the first image of the manifest, and give its key."""
    key, image_id = next(iter(sorted(terminal.ledger().items())))
    (project,) = portal.get_projects()
    portal.delete_images(project.id, image_ids=[image_id])
    terminal.forget()
    return key


def boxes(terminal: Terminal) -> int:
    return sum(map(len, terminal.labels().values()))


def test_by_default_the_manifest_is_right_and_the_edit_is_undone(
    portal: Any, terminal: Terminal, manifest: Path
) -> None:
    key = edit(portal, terminal)

    planned = terminal.run("plan", manifest)
    pushed = terminal.run("push", manifest)

    assert planned.out.splitlines()[:2] == [
        "remove label: 1 (fork 1)", f"  remove fork [0.5 0.5 0.1 0.1] from {key}",
    ]  # fmt: skip
    told = "1 image to lose labels, 3 unchanged, 1 edited in the project since the last run"
    assert planned.out.splitlines()[-1] == told
    assert f"plan: {told}" in pushed.err
    assert (pushed.code, pushed.out) == (0, "1 label removed\n")
    assert terminal.writes() == {"DeleteImageRegions": 1}
    assert boxes(terminal) == 4
    assert terminal.run("push", manifest, "--on-drift", "stop").out == "nothing to do\n"


def test_where_the_project_is_right_its_edits_stay(portal: Any, terminal: Terminal, manifest: Path) -> None:
    edit(portal, terminal)

    planned = terminal.run("plan", manifest, "--on-drift", "project", "--exit-code")
    pushed = terminal.run("push", manifest, "--on-drift", "project")

    told = "4 unchanged, 1 edited in the project since the last run"
    assert (planned.code, planned.out.splitlines()[-1]) == (0, told)
    assert f"plan: {told}" in pushed.err
    assert (pushed.code, pushed.out, terminal.writes()) == (0, "nothing to do\n", {})
    assert boxes(terminal) == 5
    # It is told again as long as manifest and project differ.
    assert terminal.run("push", manifest, "--on-drift", "stop").code == 6


def test_where_nobody_is_right_the_push_stops_and_names_the_image(
    portal: Any, terminal: Terminal, manifest: Path
) -> None:
    key = edit(portal, terminal)

    planned = terminal.run("plan", manifest, "--on-drift", "stop")
    pushed = terminal.run("push", manifest, "--on-drift", "stop")

    assert (planned.code, pushed.code) == (6, 6)
    assert pushed.err.splitlines()[-1] == (
        f"cvsync: 1 image was edited in the project since the last run: {key}; nothing was sent. "
        "--on-drift manifest undoes the edits, --on-drift project keeps them"
    )
    assert planned.err.splitlines()[-1] == pushed.err.splitlines()[-1]
    assert terminal.writes() == {}
    assert boxes(terminal) == 5


@pytest.mark.parametrize(
    ("setting", "out"),
    [("manifest", "1 image created, 1 label added\n"), ("project", "nothing to do\n"), ("stop", "")],
)
def test_an_image_that_was_deleted_is_an_edit(
    portal: Any, terminal: Terminal, manifest: Path, setting: str, out: str
) -> None:
    key = delete(portal, terminal)

    pushed = terminal.run("push", manifest, "--on-drift", setting)

    assert (pushed.code, pushed.out) == (6 if setting == "stop" else 0, out)
    assert len(terminal.images()) == (4 if setting == "manifest" else 3)
    assert ("1 image was edited" in pushed.err and key in pushed.err) == (setting == "stop")
    assert ("1 edited in the project since the last run" in pushed.err) == (setting != "stop")


def test_an_edit_that_the_manifest_takes_over_is_none(
    portal: Any, terminal: Terminal, manifest: Path
) -> None:
    edit(portal, terminal)
    rows = terminal.rows(4)
    more = rows[0] | {"left": 0.5, "top": 0.5, "width": 0.1, "height": 0.1}

    pushed = terminal.run("push", terminal.manifest([*rows, more]), "--on-drift", "stop")

    assert (pushed.code, pushed.out, terminal.writes()) == (0, "nothing to do\n", {})


def test_both_may_change_different_images(portal: Any, terminal: Terminal, manifest: Path) -> None:
    edit(portal, terminal)
    rows = terminal.rows(4)
    rows[3]["tag"] = "cup"

    pushed = terminal.run("push", terminal.manifest(rows), "--on-drift", "project")

    assert (pushed.code, pushed.out) == (0, "1 tag created, 1 label added, 1 label removed\n")
    assert boxes(terminal) == 5
