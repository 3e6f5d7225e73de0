"""Suggested tags and regions for untagged images, and proposals of regions."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from cvsync import limits
from cvsync.emulator import proposals, serving
from cvsync.emulator.call import Call, Reply, guid, items, one_of, optional_text, position, real
from cvsync.emulator.candidates import Candidate, as_text, in_order, uncertainty
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.handlers.predicting import DEFAULT_RESULTS
from cvsync.emulator.handlers.seeing import count, names_in, names_of, prediction_shapes
from cvsync.emulator.numbers import naive_milliseconds, now, single, zulu_milliseconds
from cvsync.emulator.store import images, iterations, predictions
from cvsync.emulator.store.images import ImageRecord
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.predictions import Suggestion

SORTS = ("UncertaintyAscending", "UncertaintyDescending")


async def suggest_tags_and_regions(call: Call) -> Reply:
    """Predict on untagged images and keep what was said for the queries below. docs: on no others.

    docs: only the first time is billed like predictions; after that, what was kept is answered.
    """
    iteration = _iteration(call)
    wanted = call.required_ids("imageIds", at_most=limits.MAX_PREDICTIONS_PER_CALL)
    project = call.project()
    found = [image for image in images.by_ids(call.db, project.workspace, wanted) if not image.tags]
    kept = predictions.kept_suggestions(call.db, project, iteration.id, [image.id for image in found])
    new = [image for image in found if image.id not in kept]
    count(call, len(new))
    made = [await _suggest(call, iteration, image) for image in new]
    with call.site.store.writing() as db:
        predictions.keep_suggestions(db, call.project(), made)
    kept |= {one.image: one for one in made}
    names = names_of(call.db, iteration)
    return Reply(
        [
            {
                "id": one.image,
                "project": project.id,
                "iteration": iteration.id,
                "created": zulu_milliseconds(one.created),
                "predictions": prediction_shapes(Candidate.read(one.candidates), names, call.version),
                "predictionUncertainty": one.uncertainty,
            }
            for one in (kept[image.id] for image in found)
        ]
    )


async def _suggest(call: Call, iteration: Iteration, image: ImageRecord) -> Suggestion:
    content = await asyncio.to_thread(serving.render_image, call.site, image)
    candidates = in_order(await call.site.trainer.predict(iteration, content))
    return Suggestion(iteration.id, image.id, now(), uncertainty(candidates), as_text(candidates))


async def query_suggested_images(call: Call) -> Reply:
    body = await call.json()
    tag_ids, threshold = _filter(body)
    sort = one_of(body.get("sortby") or SORTS[0], SORTS, "sortBy")
    most, skip = _most(body.get("maxcount")), position(body.get("continuation"))
    iteration, project = _iteration(call), call.project()
    found = predictions.suggestions(call.db, project, iteration.id, tag_ids, threshold)
    if sort == SORTS[1]:
        found = found[::-1]
    take = most or DEFAULT_RESULTS
    keys = images.keys_of(call.db, project.workspace, [one.image for one in found[skip : skip + take]])
    records = {record.id: record for record in images.load(call.db, list(keys.values()))}
    token = {
        "tagIds": tag_ids,
        "threshold": threshold,
        "session": optional_text(body.get("session"), "session") or f"{len(found)}:{project.pk}",
        "continuation": str(skip + take) if len(found) > skip + take else None,
        "maxCount": most,
        "sortBy": sort,
    }
    results = [_shape(call, iteration, one, records[one.image]) for one in found[skip : skip + take]]
    return Reply({"token": token, "results": results})


async def query_suggested_image_count(call: Call) -> Reply:
    """How many untagged images each asked tag is suggested for. recorded: zeros too."""
    tag_ids, threshold = _filter(await call.json())
    iteration, project = _iteration(call), call.project()
    return Reply(
        {
            tag: len(predictions.suggestions(call.db, project, iteration.id, [tag], threshold))
            for tag in tag_ids
        }
    )


def _shape(call: Call, iteration: Iteration, one: Suggestion, image: ImageRecord) -> orjson.Fragment:
    project, shapes = call.project(), call.shapes
    names = names_in(call.db, call, one.iteration)
    said = orjson.dumps(prediction_shapes(Candidate.read(one.candidates), names, call.version)).decode()
    return orjson.Fragment(
        f'{{"width":{image.width},"height":{image.height}{shapes.image_links(project.id, image)},'
        f'"domain":"{iteration.domain}","id":"{image.id}","project":"{project.id}",'
        f'"iteration":"{iteration.id}","created":"{naive_milliseconds(one.created)}",'
        f'"predictions":{said},"predictionUncertainty":{orjson.dumps(one.uncertainty).decode()}}}'
    )


def _iteration(call: Call) -> Iteration:
    iteration = iterations.find(call.db, call.project(), guid(call.required_text("iterationId")))
    iterations.require_trained(iteration)
    return iteration


def _filter(body: dict[str, Any]) -> tuple[list[str], float]:
    tag_ids = [guid(tag) for tag in items(body.get("tagids"), "tagIds")]
    return tag_ids, real(body.get("threshold") or 0, "threshold")


def _most(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limits.MAX_PAGE:
        raise ServiceFault("BadRequest", f"maxCount is from 0 to {limits.MAX_PAGE}")
    return value


async def get_image_region_proposals(call: Call) -> Reply:
    project, image_id = call.project(), call.id_in_path("imageId")
    found = images.by_ids(call.db, project.workspace, [image_id])
    if not found:
        raise ServiceFault("NotFoundImage", "Image not found")
    content = await asyncio.to_thread(serving.render_image, call.site, found[0])
    proposed = await asyncio.to_thread(proposals.propose, content)
    sides = ("left", "top", "width", "height")
    answer = [
        {
            "confidence": single(confidence),
            "boundingBox": {name: single(side) for name, side in zip(sides, box, strict=True)},
        }
        for confidence, box in proposed
    ]
    return Reply({"projectId": project.id, "imageId": image_id, "proposals": answer})
