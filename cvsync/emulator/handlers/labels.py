"""Tags and regions of images that exist."""

from __future__ import annotations

from typing import Any

import orjson

from cvsync import limits
from cvsync.emulator.call import NO_CONTENT, Call, Reply, fields, guid, items
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.handlers.creating import read_box
from cvsync.emulator.numbers import naive, single, to_single
from cvsync.emulator.store import labels
from cvsync.emulator.store.labels import NewRegion, RegionEntry


async def create_image_tags(call: Call) -> Reply:
    body = await call.json()
    entries = []
    for item in map(fields, items(body.get("tags"), "tags")):
        entries.append((guid(item.get("imageid")), guid(item.get("tagid"))))
    _check_size(entries, limits.MAX_IMAGE_TAGS_PER_CALL, "BadRequestImageTags")
    with call.site.store.writing() as db:
        replace = call.site.settings.quirks.multiclass_replaces_tag
        result = labels.create_tags(db, call.project(), entries, replace=replace)
    return Reply(
        {
            name: [{"imageId": image, "tagId": tag} for image, tag in getattr(result, name)]
            for name in ("created", "duplicated", "exceeded")
        }
    )


async def create_image_regions(call: Call) -> Reply:
    body = await call.json()
    entries: list[RegionEntry] = []
    for item in map(fields, items(body.get("regions"), "regions")):
        entries.append((guid(item.get("imageid")), read_box(item)))
    _check_size(entries, limits.MAX_REGIONS_PER_CALL, "BadRequestImageRegions")
    with call.site.store.writing() as db:
        project = call.project()
        if not project.is_detection:  # inferred
            raise ServiceFault("BadRequestImageRegions", "Regions belong to detection projects")
        tolerance = call.site.settings.quirks.box_tolerance
        result = labels.create_regions(db, project, entries, tolerance=tolerance)
    whole = not result.duplicated and not result.exceeded
    return Reply(
        {
            "created": [_created(region) for region in result.created],
            "duplicated": [_entry(entry) for entry in result.duplicated],
            "exceeded": [_entry(entry) for entry in result.exceeded],
        },
        200 if whole or call.version < (3, 3) else 207,
    )


async def delete_image_tags(call: Call) -> Reply:
    image_ids = call.required_ids("imageIds", at_most=limits.MAX_TAGGED_IMAGES_PER_DELETE)
    tag_ids = call.required_ids("tagIds", at_most=limits.MAX_TAGS_PER_DELETE)
    with call.site.store.writing() as db:
        labels.delete_tags(db, call.project(), image_ids, tag_ids)
    return NO_CONTENT


async def delete_image_regions(call: Call) -> Reply:
    region_ids = call.required_ids("regionIds", at_most=limits.MAX_REGIONS_PER_CALL)
    with call.site.store.writing() as db:
        labels.delete_regions(db, call.project(), region_ids)
    return NO_CONTENT


def _check_size(entries: list[Any], limit: int, empty_code: str) -> None:
    if not entries:
        raise ServiceFault(empty_code, "The batch is empty")
    if len(entries) > limit:
        raise ServiceFault("BadRequestExceededBatchSize", f"A batch takes at most {limit} entries")


def _created(region: NewRegion) -> orjson.Fragment:
    return orjson.Fragment(
        f'{{"imageId":"{region.image_id}","regionId":"{region.id}","tagName":null,'
        f'"created":"{naive(region.created)}","tagId":"{region.tag_id}",{region.box}}}'
    )


def _entry(entry: RegionEntry) -> dict[str, Any]:
    image_id, (tag_id, *box) = entry
    sides = zip(("left", "top", "width", "height"), box, strict=True)
    return {"imageId": image_id, "tagId": tag_id} | {name: single(to_single(side)) for name, side in sides}
