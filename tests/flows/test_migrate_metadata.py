"""Metadata on its way from one project to another."""

from __future__ import annotations

import pytest
from make import make_png, write_csv
from pairs import Pair

from cvsync.api.client import open_client
from cvsync.errors import UnsupportedError


async def test_metadata_goes_along_and_marks_do_not(pair: Pair) -> None:
    pair.source.api_version = "v3.3"
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    rows = [{"path": "0.png", "tag": "fork", "metadata.shop": "Süd"}]
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    (before,) = await pair.source.images()

    await pair.migrate()

    (after,) = await pair.copy.images()
    assert after.metadata["shop"] == "Süd"
    assert before.metadata["cvsync_batch"] != after.metadata["cvsync_batch"]
    assert (await pair.verify()).is_equal


async def test_edited_metadata_is_sent_and_what_is_beside_it_stays(pair: Pair) -> None:
    pair.source.api_version = "v3.3"
    rows = [{"path": f"{n}.png", "tag": "fork", "metadata.shop": "Süd"} for n in range(3)]
    for n in range(3):
        (pair.source.folder / f"{n}.png").write_bytes(make_png(n))
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    await pair.migrate()
    before = {image.id: image.metadata for image in await pair.copy.images()}
    async with open_client(pair.copy.settings) as (copy, _):
        project = await pair.copy.project_id(copy)
        for image_id, pairs in before.items():
            await copy.update_image_metadata(project, [image_id], {**pairs, "ours": "yes"})
    rows[1]["metadata.shop"] = "Nord"
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    await pair.copy.forget()

    plan = await pair.plan()
    report = await pair.migrate()
    again = await pair.migrate()

    (action,) = plan.actions()
    assert str(action) == f"set metadata shop=Nord of {action.key}"
    assert (plan.unchanged, +report.counts, +again.counts) == (2, {"metadata_set": 1}, {})
    assert await pair.copy.writes() == {"UpdateImageMetadata": 1}
    after = {image.id: image.metadata for image in await pair.copy.images()}
    assert after == {
        image_id: {**pairs, "ours": "yes", "shop": "Nord" if image_id == action.image_id else "Süd"}
        for image_id, pairs in before.items()
    }
    assert (await pair.verify()).is_equal


@pytest.mark.parametrize("version", ["v2.0", "v2.2"])
async def test_an_older_version_takes_no_metadata_but_does_without_marks(pair: Pair, version: str) -> None:
    """And before v2.2, no types of tags."""
    pair.source.api_version, pair.copy.api_version = "v3.3", version
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    rows = [{"path": "0.png", "tag": tag} for tag in ("fork", "cup")]
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))

    await pair.migrate()

    assert (await pair.verify()).is_equal


async def test_metadata_that_a_version_has_not_is_refused_before_anything_is_made(pair: Pair) -> None:
    pair.source.api_version, pair.copy.api_version = "v3.3", "v3.0"
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    manifest = write_csv(
        pair.source.folder / "m.csv", [{"path": "0.png", "tag": "fork", "metadata.shop": "Süd"}]
    )
    await pair.source.push(manifest)

    for act in (pair.migrate, pair.plan, lambda: pair.copy.push(manifest), lambda: pair.copy.plan(manifest)):
        with pytest.raises(UnsupportedError, match=r"metadata \(shop\) needs --api-version v3.3"):
            await act()

    assert await pair.copy.writes() == {}


@pytest.mark.parametrize("is_there", [False, True])
async def test_negative_tags_that_a_version_has_not_are_refused_before_anything_is_made(
    pair: Pair, is_there: bool
) -> None:
    """In a copy, too, that is made at a version that does not know what they are."""
    pair.source.api_version, pair.copy.api_version = "v3.3", "v2.1"
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    row = {"path": "0.png", "tag": "nothing", "tag_type": "Negative"}
    manifest = write_csv(pair.source.folder / "m.csv", [row])
    await pair.source.push(manifest)
    if is_there:
        async with open_client(pair.copy.settings) as (copy, _):
            await copy.create_project("copy")
            await copy.create_project("shelf")
    await pair.copy.forget()

    for act in (pair.migrate, pair.plan, lambda: pair.copy.push(manifest), lambda: pair.copy.plan(manifest)):
        with pytest.raises(UnsupportedError, match=r"negative tags \(nothing\) need --api-version v2.2"):
            await act()

    assert await pair.copy.writes() == {}


async def test_a_negative_tag_that_is_there_needs_no_version_that_knows_it(pair: Pair) -> None:
    row = {"path": "0.png", "tag": "nothing", "tag_type": "Negative"}
    (pair.copy.folder / "0.png").write_bytes(make_png(0))
    manifest = write_csv(pair.copy.folder / "m.csv", [row])
    await pair.copy.push(manifest)
    pair.copy.api_version = "v2.1"

    assert (await pair.copy.push(manifest)).is_complete


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("v3.2", "no metadata of images"),
        ("v2.1", "no metadata of images and no types of tags, so that a negative one counts as regular"),
    ],
)
async def test_what_a_version_does_not_tell_of_a_source_is_warned_of(
    pair: Pair, version: str, what: str
) -> None:
    pair.source.api_version = version
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    await pair.source.push(write_csv(pair.source.folder / "m.csv", [{"path": "0.png", "tag": "fork"}]))

    await pair.migrate()

    (text,) = (event.facts["text"] for event in pair.source.events if event.name == "warning")
    assert text == f"API version {version} tells {what}; --api-version v3.3 or later does"
