"""The four ways to create images."""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.http_exceptions import HttpProcessingError

from cvsync import limits
from cvsync.emulator import pictures
from cvsync.emulator.call import Call, Reply, fields, guid, items, optional_text, pairs, real
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.fetch import FetchError
from cvsync.emulator.handlers.images import check_metadata
from cvsync.emulator.pictures import PictureError
from cvsync.emulator.store import creating, images, predictions
from cvsync.emulator.store.creating import Entry, Outcome, Rules
from cvsync.emulator.store.wearing import Box, box_text

Fill = Callable[[Entry], Awaitable[None]]
"""Gets the picture of an entry, or its failure."""


async def create_images_from_urls(call: Call) -> Reply:
    body = await call.optional_json()
    entries, _ = _entries(body, "url", "No image urls provided")
    if not call.site.settings.fetch:
        _stand_in(entries)

    async def fill(entry: Entry) -> None:
        try:
            await _take_in(call, entry, await call.site.fetcher.fetch(entry.source))
        except FetchError:
            entry.status = "ErrorSource"

    return await _create(call, entries, _metadata(call, body), fill)


def _stand_in(entries: Sequence[Entry]) -> None:
    """Take each URL for the bytes behind it."""
    for entry in entries:
        if entry.source:
            picture = pictures.made(entry.source)
            entry.sha, entry.width, entry.height = picture.sha, picture.width, picture.height
            entry.made = True


async def create_images_from_files(call: Call) -> Reply:
    body = await call.optional_json()
    entries, objects = _entries(body, "name", "No valid image files")
    contents = {id(entry): item.get("contents") for entry, item in zip(entries, objects, strict=True)}

    async def fill(entry: Entry) -> None:
        try:
            content = base64.b64decode(contents.pop(id(entry)) or "", validate=False)
        except (binascii.Error, ValueError, TypeError):
            entry.status = "ErrorImageFormat"
            return
        await _take_in(call, entry, content)

    return await _create(call, entries, _metadata(call, body), fill)


async def create_images_from_predictions(call: Call) -> Reply:
    body = await call.optional_json()
    entries, _ = _entries(body, "id", "No predictions provided")
    project = call.project()
    stored = predictions.by_ids(call.db, project, [guid(entry.source) for entry in entries])

    async def fill(entry: Entry) -> None:
        found = stored.get(guid(entry.source))
        if found is None:
            entry.status = "ErrorSource"
            return
        entry.sha, entry.width, entry.height = found.sha, found.width, found.height
        entry.made = bool(found.made)

    reply = await _create(call, entries, _metadata(call, body), fill)
    kept = [
        guid(result["sourceUrl"]) for result in reply.value["images"] if result["status"].startswith("OK")
    ]
    with call.site.store.writing() as db:  # docs: a prediction that became an image leaves the list
        predictions.delete(db, project, kept)
    return reply


async def create_images_from_data(call: Call) -> Reply:
    """Multipart files, or one image as the whole body."""
    tag_ids = call.ids("tagIds", at_most=limits.MAX_TAGS_PER_BATCH)
    entries, contents = [], {}
    for name, content in await read_files(call):
        entry = Entry(source=name, tag_ids=list(tag_ids))
        entries.append(entry)
        contents[id(entry)] = content
    _check_batch(entries, "No valid image files")

    async def fill(entry: Entry) -> None:
        await _take_in(call, entry, contents.pop(id(entry)))

    return await _create(call, entries, {}, fill)


async def read_files(call: Call) -> list[tuple[str, bytes]]:
    """The files of a body, each with the name that answers give it."""
    request = call.request
    content = await request.read()
    if not request.content_type.startswith("multipart/"):
        return [("", content)] if content else []
    # In one piece: where a boundary comes in two, aiohttp's reader calls what aiohttp has deprecated.
    body = StreamReader(request.protocol, limit=len(content) + 1, loop=asyncio.get_running_loop())
    body.feed_data(content)
    body.feed_eof()
    found: list[tuple[str, bytes]] = []
    try:
        async for part in MultipartReader(request.headers, body):
            if isinstance(part, BodyPartReader) and (name := _name_of(part)) is not None:
                found.append((name, bytes(await part.read())))
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        reason = str(error)[:_MAX_REASON]
        raise ServiceFault("BadRequestImageStream", f"The multipart body is broken: {reason}") from None
    return found


_MAX_REASON = 200  # characters of what is wrong with a body
_FILE_NAME = re.compile(r';\s*filename\s*=\s*("(?:[^"\\]|\\.)+"|[^\s";]+)', re.IGNORECASE)


def _name_of(part: BodyPartReader) -> str | None:
    """A file's name just as it was sent: its quotes and its backslashes stay. recorded, published example."""
    found = _FILE_NAME.search(part.headers.get("Content-Disposition", ""))
    if found:
        return found[1]
    return f'"{part.filename or part.name}"' if part.filename or part.name == "imageData" else None


async def _take_in(call: Call, entry: Entry, content: bytes) -> None:
    """Check and keep the bytes of an image."""
    try:
        picture = await asyncio.to_thread(_check_and_keep, call, content)
    except PictureError as error:
        status = str(error)
        # spec: the status for dimensions came with v3.4; inferred: unknown before.
        before = status == "ErrorImageDimensions" and call.version < (3, 4)
        entry.status = "ErrorUnknown" if before else status
        return
    entry.sha, entry.width, entry.height = picture.sha, picture.width, picture.height


def _check_and_keep(call: Call, content: bytes) -> pictures.Picture:
    picture = pictures.check(content, upright=call.site.settings.quirks.exif_rotation)
    call.site.blobs.write(picture.sha, content)
    return picture


def _entries(body: dict[str, Any], name: str, nothing: str) -> tuple[list[Entry], list[dict[str, Any]]]:
    """The entries of a batch. issue: a body that does not bind answers as if it were empty."""
    try:
        shared = [guid(tag) for tag in items(body.get("tagids"), "tagIds")]
        objects = [fields(item) for item in items(body.get("images"), "images")]
        entries = [_entry(item, name, shared) for item in objects]
    except ServiceFault as fault:
        if fault.code == "BadRequestImageRegions":
            raise
        raise ServiceFault("BadRequestImageBatch", nothing) from None
    _check_batch(entries, nothing)
    return entries, objects


def _entry(item: dict[str, Any], name: str, shared: list[str]) -> Entry:
    own = [guid(tag) for tag in items(item.get("tagids"), "tagIds")]
    return Entry(
        source=optional_text(item.get(name), name) or "",
        tag_ids=list(dict.fromkeys((*shared, *own))),
        boxes=[read_box(fields(region)) for region in items(item.get("regions"), "regions")],
    )


def read_box(region: dict[str, Any]) -> Box:
    numbers = [real(region.get(side), side, code="BadRequestImageRegions") for side in _SIDES]
    return (guid(region.get("tagid")), numbers[0], numbers[1], numbers[2], numbers[3])


_SIDES = ("left", "top", "width", "height")


def _check_batch(entries: Sequence[Entry], nothing: str) -> None:
    if not entries:
        raise ServiceFault("BadRequestImageBatch", nothing)
    if len(entries) > limits.MAX_IMAGES_PER_BATCH:
        raise ServiceFault(
            "BadRequestExceededBatchSize", f"A batch takes at most {limits.MAX_IMAGES_PER_BATCH} images"
        )
    tags = {tag for entry in entries for tag in (*entry.tag_ids, *(box[0] for box in entry.boxes))}
    if len(tags) > limits.MAX_TAGS_PER_BATCH:
        raise ServiceFault(
            "BadRequestExceededBatchSize", f"A batch takes at most {limits.MAX_TAGS_PER_BATCH} tags"
        )


def _metadata(call: Call, body: dict[str, Any]) -> dict[str, str]:
    if call.version < (3, 3):  # spec
        return {}
    metadata = check_metadata(pairs(body.get("metadata")))
    if len(metadata) > limits.MAX_METADATA_PAIRS:
        raise ServiceFault("BadRequestImageMetadataKey", "Too many metadata pairs")
    return metadata


async def _create(call: Call, entries: list[Entry], metadata: dict[str, str], fill: Fill) -> Reply:
    """Get the pictures, store the batch, answer."""
    _check_boxes(call, entries)
    _spoil(call, entries)
    await asyncio.gather(*(fill(entry) for entry in entries if entry.status == creating.OK and not entry.sha))
    rules = Rules(version=call.version, quota=call.site.quota, quirks=call.site.settings.quirks)
    with call.site.store.writing() as db:
        outcomes = creating.create_images(db, call.project(), entries, rules=rules, metadata=metadata)
    return _answer(call, outcomes)


def _check_boxes(call: Call, entries: Sequence[Entry]) -> None:
    """Refuse what a project cannot hold before anything is downloaded. inferred."""
    quirks = call.site.settings.quirks
    if not call.project().is_detection and any(entry.boxes for entry in entries):
        if not quirks.classification_ignores_boxes:
            raise ServiceFault("BadRequestImageRegions", "Regions belong to detection projects")
        for entry in entries:
            entry.tag_ids = list(dict.fromkeys((*entry.tag_ids, *(box[0] for box in entry.boxes))))
            entry.boxes = []
    boxes = (box for entry in entries for box in entry.boxes)
    if quirks.bad_box_refuses_batch and any(
        box_text(box, tolerance=quirks.box_tolerance) is None for box in boxes
    ):
        raise ServiceFault("BadRequestImageRegions", "A region is empty or stands out of its image")


def _answer(call: Call, outcomes: Sequence[Outcome]) -> Reply:
    keys = list(dict.fromkeys(outcome.key for outcome in outcomes if outcome.key is not None))
    project_id, shapes = call.project().id, call.shapes
    # recorded: create answers leave the names of tags null.
    shaped = {r.pk: shapes.image(project_id, r, named=False) for r in images.load(call.db, keys)}
    results: list[dict[str, Any]] = [
        {
            "sourceUrl": outcome.source,
            "status": outcome.status,
            "image": None if outcome.key is None else shaped[outcome.key],
        }
        for outcome in outcomes
    ]
    if call.shuffled is not None:
        random.Random(call.shuffled.seed).shuffle(results)  # noqa: S311
    is_strict = call.site.settings.quirks.duplicate_fails_batch
    fine = (creating.OK,) if is_strict else (creating.OK, creating.DUPLICATE)
    succeeded = all(outcome.status in fine for outcome in outcomes)
    # spec: 207 came with v3.3; before, a failed batch was a plain 200.
    status = 200 if succeeded or call.version < (3, 3) else 207
    return Reply({"isBatchSuccessful": succeeded, "images": results}, status)


def _spoil(call: Call, entries: list[Entry]) -> None:
    """Fail every n-th entry, as an injected `partial` fault asks."""
    if call.partial is not None:
        for entry in entries[call.partial.every - 1 :: call.partial.every]:
            entry.status = call.partial.image_status
