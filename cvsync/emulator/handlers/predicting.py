"""Predictions: quick tests, the Prediction API, and the predictions that were kept."""

from __future__ import annotations

from typing import Any

from cvsync import limits
from cvsync.emulator.call import (
    NO_CONTENT,
    Call,
    Reply,
    fields,
    guid,
    items,
    one_of,
    optional_text,
    position,
    real,
)
from cvsync.emulator.candidates import Candidate
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.handlers.seeing import (
    Seen,
    names_in,
    picture_from_body,
    picture_from_url,
    predict,
    prediction_shapes,
)
from cvsync.emulator.numbers import compact, naive, single, ticks, to_single, zulu, zulu_milliseconds
from cvsync.emulator.shapes import pascal_case
from cvsync.emulator.store import iterations, predictions
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.predictions import Query, StoredPrediction

DEFAULT_RESULTS = 50  # inferred: what `maxCount` 0 means
MAX_RESULTS = 256  # inferred, like the pages of images
ORDERS = ("Newest", "Oldest", "Suggested")


async def quick_test_image(call: Call) -> Reply:
    return await _quick_test(call, await picture_from_body(call, max_bytes=limits.MAX_IMAGE_BYTES))


async def quick_test_image_url(call: Call) -> Reply:
    return await _quick_test(call, await picture_from_url(call, max_bytes=limits.MAX_IMAGE_BYTES))


async def _quick_test(call: Call, seen: Seen) -> Reply:
    iteration = _chosen(call)
    keep = call.version < (3, 1) or call.flag("store", default=True)
    shape, moment = await predict(call, iteration, seen, keep=keep)
    # recorded: seven digits in v2, three in v3.
    shape["created"] = zulu_milliseconds(moment) if call.version >= (3, 0) else zulu(moment)
    return Reply(shape)


async def predict_image(call: Call) -> Reply:
    return await _predict(call, await picture_from_body(call, max_bytes=limits.MAX_PREDICTION_IMAGE_BYTES))


async def predict_image_url(call: Call) -> Reply:
    return await _predict(call, await picture_from_url(call, max_bytes=limits.MAX_PREDICTION_IMAGE_BYTES))


async def _predict(call: Call, seen: Seen) -> Reply:
    """The Prediction API: by published name in v3, by iteration id or default in v2."""
    project = call.project()
    if call.version < (2, 0) and project.is_detection:
        raise ServiceFault("BadRequestNotSupported", "v1.1 knows no boxes")
    if call.version >= (3, 0):
        iteration = iterations.published(call.db, project, call.text_in_path("publishedName"))
        if project.is_detection != call.route.operation.startswith("Detect"):  # inferred
            raise ServiceFault("BadRequestNotSupported", "The project is of the other kind")
    else:
        iteration = _chosen(call)
    keep = not call.route.operation.endswith("NoStore")
    typed = call.version >= (3, 1)  # spec
    shape, moment = await predict(
        call, iteration, seen, keep=keep, application=call.text("application"), typed=typed
    )
    shape["created"] = zulu(moment)
    return Reply(_oldest_shape(shape) if call.version < (2, 0) else shape)


def _oldest_shape(shape: dict[str, Any]) -> dict[str, Any]:
    """spec: v1.1 wrote PascalCase, and called a tag's name `Tag`."""
    old = pascal_case(shape)
    old["Predictions"] = [
        {"TagId": one["tagId"], "Tag": one["tagName"], "Probability": one["probability"]}
        for one in shape["predictions"]
    ]
    return old


def _chosen(call: Call) -> Iteration:
    iteration_id = call.id("iterationId")
    if iteration_id is None:
        return iterations.default(call.db, call.project())
    iteration = iterations.find(call.db, call.project(), iteration_id)
    iterations.require_trained(iteration)
    return iteration


async def query_predictions(call: Call) -> Reply:
    """A page of kept predictions; the token goes back as it came to get the next one."""
    body = await call.json()
    wanted, tags = _query(body)
    count = body.get("maxcount") or 0
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_RESULTS:
        raise ServiceFault("BadRequestPredictionResultsExceededCount", f"maxCount is at most {MAX_RESULTS}")
    skip = position(body.get("continuation"), code="BadRequestPredictionInvalidQueryParameters")
    take = count or DEFAULT_RESULTS
    project = call.project()
    found = predictions.query(call.db, project, wanted, take=take + 1, skip=skip)
    token = {
        "session": optional_text(body.get("session"), "session") or f"{len(found)}:{project.pk}",
        "continuation": str(skip + take) if len(found) > take else None,
        "maxCount": count,
        "orderBy": wanted.order_by,
        "tags": tags or None,  # recorded: what was not asked for is null
        "iterationId": wanted.iteration,
        "startTime": body.get("starttime"),
        "endTime": body.get("endtime"),
        "application": wanted.application,
    }
    return Reply({"token": token, "results": [_stored_shape(call, one) for one in found[:take]]})


def _query(body: dict[str, Any]) -> tuple[Query, list[dict[str, Any]]]:
    tags: list[dict[str, Any]] = []
    limits_of: list[tuple[str, float, float]] = []
    for item in map(fields, items(body.get("tags"), "tags")):
        least = _threshold(item.get("minthreshold", 0), "minThreshold")
        most = _threshold(item.get("maxthreshold", 1), "maxThreshold")
        limits_of.append((guid(item.get("id")), least, most))
        tags.append({"id": guid(item.get("id")), "minThreshold": single(least), "maxThreshold": single(most)})
    if len(tags) > limits.MAX_QUERY_TAGS:
        raise ServiceFault("BadRequestPredictionTagsExceededCount", f"At most {limits.MAX_QUERY_TAGS} tags")
    wanted = Query(
        order_by=one_of(body.get("orderby") or ORDERS[0], ORDERS, "orderBy"),
        iteration=guid(body["iterationid"]) if body.get("iterationid") else None,
        application=optional_text(body.get("application"), "application"),
        start=_moment(body.get("starttime")),
        end=_moment(body.get("endtime")),
        tags=limits_of,
    )
    return wanted, tags


def _threshold(value: object, name: str) -> float:
    """A number that the token of the answer can say again. spec: a 32-bit float."""
    number = real(value, name)
    try:
        to_single(number)
    except OverflowError:
        raise ServiceFault("BadRequestPredictionInvalidQueryParameters", f"{name} is too large") from None
    return number


def _moment(value: object) -> int | None:
    if value is None:
        return None
    try:
        return ticks(str(value))
    except (ValueError, OverflowError):
        raise ServiceFault("BadRequestPredictionInvalidQueryParameters", "Not a time") from None


def _stored_shape(call: Call, stored: StoredPrediction) -> dict[str, Any]:
    project, shapes = call.project(), call.shapes
    folder = f"/e-{compact(project.id)}"
    main = shapes.link(f"{folder}/o-{compact(stored.id)}")
    thumbnail = shapes.link(f"{folder}/t-{compact(stored.id)}")
    if call.version < (2, 2):
        links = {"imageUri": main, "thumbnailUri": thumbnail}
    else:
        links = {"resizedImageUri": main, "thumbnailUri": thumbnail, "originalImageUri": main}
    names = names_in(call.db, call, stored.iteration)
    is_new = call.version >= (3, 0)
    return links | {
        "domain": stored.domain,
        "id": stored.id,
        "project": project.id,
        "iteration": stored.iteration,
        "created": zulu_milliseconds(stored.created) if is_new else naive(stored.created),
        "predictions": prediction_shapes(Candidate.read(stored.candidates), names, call.version),
    }


async def delete_prediction(call: Call) -> Reply:
    ids = call.ids("ids")
    if not ids:
        raise ServiceFault("BadRequestPredictionIdsMissing", "ids is required")
    if len(ids) > limits.MAX_PREDICTIONS_PER_CALL:
        raise ServiceFault("BadRequestPredictionIdsExceededCount", "Too many ids")
    with call.site.store.writing() as db:
        predictions.delete(db, call.project(), ids)
    return NO_CONTENT
