"""Images: pages, counts, lookups, deletion, metadata."""

from __future__ import annotations

from typing import Any

import orjson

from cvsync import limits
from cvsync.emulator import filters
from cvsync.emulator.call import NO_CONTENT, Call, Reply, pairs
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.store import images, iterations
from cvsync.emulator.store.images import Selection

DEFAULT_PAGE = 50  # spec
ORDERS = ("Newest", "Oldest")
STATUSES = {"All": None, "Tagged": True, "Untagged": False}


async def get_images(call: Call) -> Reply:
    return _page(call, _status(call))


async def get_tagged_images(call: Call) -> Reply:
    return _page(call, True)


async def get_untagged_images(call: Call) -> Reply:
    return _page(call, False)


async def get_image_count(call: Call) -> Reply:
    return _count(call, _status(call))


async def get_tagged_image_count(call: Call) -> Reply:
    return _count(call, True)


async def get_untagged_image_count(call: Call) -> Reply:
    return _count(call, False)


async def get_images_by_ids(call: Call) -> Reply:
    project = call.project()
    frame = iterations.frame_of(call.db, project, call.id("iterationId"))
    wanted = call.ids("imageIds", at_most=limits.MAX_IDS_PER_READ)
    shapes = call.shapes
    return Reply([shapes.image(project.id, image) for image in images.by_ids(call.db, frame, wanted)])


async def delete_images(call: Call) -> Reply:
    """204 at once, or 202 where the service would work on in the background."""
    everything = call.version >= (3, 1) and call.flag("allImages")
    iterations_too = call.version >= (3, 1) and call.flag("allIterations")
    wanted = call.ids("imageIds", at_most=limits.MAX_IDS_PER_DELETE)
    if not everything and not wanted:
        raise ServiceFault("BadRequestInvalidIds", "imageIds is required")
    with call.site.store.writing() as db:
        project = call.project()
        if everything:
            images.delete_all(db, project, iterations=iterations_too)
        else:
            images.delete(db, project, wanted, iterations=iterations_too)
    return Reply(status=202) if everything or iterations_too else NO_CONTENT


async def update_image_metadata(call: Call) -> Reply:
    wanted = call.required_ids("imageIds", at_most=limits.MAX_IDS_PER_READ)
    metadata = check_metadata(await _flat(call))
    entries: list[dict[str, Any]] = []
    with call.site.store.writing() as db:
        project = call.project()
        keys = images.keys_of(db, project.workspace, wanted)
        for image_id in wanted:
            entries.append(_update_one(call, image_id, keys.get(image_id), metadata))
    succeeded = all(entry["status"] == "OK" for entry in entries)
    return Reply({"isBatchSuccessful": succeeded, "images": entries}, 200 if succeeded else 207)


def check_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Refuse keys and values that are too long. spec: the limits."""
    for key, value in metadata.items():
        if not key or len(key) > limits.MAX_METADATA_KEY:
            raise ServiceFault("BadRequestImageMetadataKey", "A metadata key is empty or too long")
        if len(value) > limits.MAX_METADATA_VALUE:
            raise ServiceFault("BadRequestImageMetadataValue", "A metadata value is too long")
    return metadata


def _update_one(call: Call, image_id: str, key: int | None, metadata: dict[str, str]) -> dict[str, Any]:
    if key is None:
        return {"imageId": image_id, "status": "ErrorImageNotFound"}
    merge = call.site.settings.quirks.merge_metadata
    after = images.update_metadata(call.db, key, metadata, merge=merge, limit=limits.MAX_METADATA_PAIRS)
    if after is None:
        return {"imageId": image_id, "status": "ErrorLimitExceed"}
    return {"imageId": image_id, "status": "OK", "metadata": after}


async def _flat(call: Call) -> dict[str, str]:
    """The body of a metadata update, whose names are the user's own and keep their case."""
    await call.json()  # refuses what is no JSON object
    return pairs(orjson.loads(await call.request.read()))


def _status(call: Call) -> bool | None:
    return STATUSES[call.choice("taggingStatus", list(STATUSES), "All")]


def _selection(call: Call, tagged: bool | None, tag_ids: list[str]) -> Selection:
    where = call.text("$filter") if call.version >= (3, 3) else None
    return Selection(
        frame=iterations.frame_of(call.db, call.project(), call.id("iterationId")),
        tagged=tagged,
        tag_ids=tag_ids,
        where=filters.parse(where) if where and where.strip() else None,
    )


def page_size(call: Call) -> int:
    """How many are asked for; what the service does about more than a page is unknown."""
    if call.site.settings.quirks.large_take_is_cut:
        return min(call.number("take", DEFAULT_PAGE), limits.MAX_PAGE)
    return call.number("take", DEFAULT_PAGE, maximum=limits.MAX_PAGE)


def _count(call: Call, tagged: bool | None) -> Reply:
    # spec: the lists of tags that narrow a count have no bound.
    return Reply(images.count(call.db, _selection(call, tagged, call.ids("tagIds"))))


def _page(call: Call, tagged: bool | None) -> Reply:
    tag_ids = call.ids("tagIds", at_most=limits.MAX_TAG_FILTER)
    found = images.page(
        call.db,
        _selection(call, tagged, tag_ids),
        oldest=call.choice("orderBy", ORDERS, "Newest") == "Oldest",
        take=page_size(call),
        skip=call.number("skip", 0),
    )
    project_id, shapes = call.project().id, call.shapes
    return Reply([shapes.image(project_id, image) for image in found])
