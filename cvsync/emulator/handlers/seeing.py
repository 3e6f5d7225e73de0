"""What predictions have in common: the picture sent, the model asked, the shape answered."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cvsync.emulator import pictures
from cvsync.emulator.call import Call, optional_text
from cvsync.emulator.candidates import Candidate, as_text, in_order, uncertainty
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.fetch import FetchError
from cvsync.emulator.handlers.creating import read_files
from cvsync.emulator.numbers import now, single
from cvsync.emulator.pictures import Picture, PictureError
from cvsync.emulator.quotas import NO_LIMIT
from cvsync.emulator.store import iterations, predictions, tags
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.tags import Tag

_CODES = {
    "ErrorImageSize": "BadRequestImageSizeBytes",
    "ErrorImageFormat": "BadRequestImageFormat",
    "ErrorImageDimensions": "BadRequestImageDimensions",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that came with a call."""

    picture: Picture
    content: bytes
    made: bool


async def picture_from_url(call: Call, *, max_bytes: int) -> Seen:
    url = optional_text((await call.optional_json()).get("url"), "url") or ""
    if not call.site.settings.fetch and url:
        picture = pictures.made(url)
        content = await asyncio.to_thread(pictures.made_bytes, picture.sha, picture.width, picture.height)
        return Seen(picture, content, True)
    try:
        content = await call.site.fetcher.fetch(url)
    except FetchError:
        raise ServiceFault("BadRequestImageUrl", "") from None  # issue: the message is empty
    return await _seen(call, content, max_bytes)


async def picture_from_body(call: Call, *, max_bytes: int) -> Seen:
    files = await read_files(call)
    if not files:
        raise ServiceFault("BadRequestImageStream", "No image")
    return await _seen(call, files[0][1], max_bytes)


async def _seen(call: Call, content: bytes, max_bytes: int) -> Seen:
    try:
        picture = await asyncio.to_thread(
            pictures.check, content, max_bytes=max_bytes, upright=call.site.settings.quirks.exif_rotation
        )
    except PictureError as error:
        code = _CODES[str(error)]
        since = (3, 1) if call.route.is_prediction else (3, 3)  # spec
        if code == "BadRequestImageDimensions" and call.version < since:
            code = "BadRequestImageFormat"
        message = f"Bad Request Image Format, Uri: {uuid.uuid4().hex}" if "Format" in code else ""  # issue
        raise ServiceFault(code, message) from None
    return Seen(picture, content, False)


def count(call: Call, new: int) -> None:
    """Count predictions, or refuse them, where a month has only so many."""
    at_most = call.site.quota.predictions
    if at_most < NO_LIMIT:
        with call.site.store.writing() as db:
            predictions.count(db, new, at_most=at_most)


async def predict(
    call: Call,
    iteration: Iteration,
    seen: Seen,
    *,
    keep: bool,
    application: str | None = None,
    typed: bool | None = None,
) -> tuple[dict[str, Any], int]:
    """Ask a model; the answer without its date, and the moment it was made."""
    count(call, 1)
    candidates = in_order(await call.site.trainer.predict(iteration, seen.content))
    prediction_id, moment = str(uuid.uuid4()), now()
    if keep:
        if not seen.made:
            await asyncio.to_thread(call.site.blobs.write, seen.picture.sha, seen.content)
        with call.site.store.writing() as db:
            prediction_id, moment = predictions.keep(
                db, call.project(), iteration=iteration.id, domain=iteration.domain, application=application,
                sha=seen.picture.sha, made=seen.made, size=(seen.picture.width, seen.picture.height),
                uncertainty=uncertainty(candidates), candidates=as_text(candidates),
            )  # fmt: skip
    shape = {
        "id": prediction_id,
        "project": call.project().id,
        "iteration": iteration.id,
        "created": "",
        "predictions": prediction_shapes(candidates, names_of(call.db, iteration), call.version, typed=typed),
    }
    return shape, moment


def names_of(db: sqlite3.Connection, iteration: Iteration) -> dict[str, Tag]:
    return {tag.id: tag for tag in tags.of_frame(db, iteration.frame)}


def names_in(db: sqlite3.Connection, call: Call, iteration_id: str) -> dict[str, Tag]:
    """The tags of an iteration; none once it is deleted."""
    try:
        return names_of(db, iterations.find(db, call.project(), iteration_id))
    except ServiceFault:
        return {}


def prediction_shapes(
    candidates: Sequence[Candidate],
    names: dict[str, Tag],
    version: tuple[int, int],
    *,
    typed: bool | None = None,
) -> list[dict[str, Any]]:
    """spec: the type of the tag came with Training v3.3 and Prediction v3.1."""
    with_type = version >= (3, 3) if typed is None else typed
    answer = []
    for candidate in candidates:
        tag = names.get(candidate.tag_id)
        shape: dict[str, Any] = {
            "probability": single(candidate.probability),
            "tagId": candidate.tag_id,
            "tagName": tag and tag.name,
        }
        if candidate.box is not None:  # recorded: left out for classification
            sides = zip(("left", "top", "width", "height"), candidate.box, strict=True)
            shape["boundingBox"] = {name: single(side) for name, side in sides}
        if with_type:
            shape["tagType"] = tag.type if tag else "Regular"
        answer.append(shape)
    return answer
