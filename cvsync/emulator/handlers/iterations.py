"""Training, iterations, publishing and performance."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from cvsync import limits
from cvsync.emulator import domains, examples, exporting, scoring, serving, training
from cvsync.emulator.call import NO_CONTENT, Call, Reply, fields, guid, items, optional_text
from cvsync.emulator.candidates import Candidate, in_order
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.handlers.images import ORDERS, page_size
from cvsync.emulator.handlers.seeing import names_of, prediction_shapes
from cvsync.emulator.numbers import compact, naive, single
from cvsync.emulator.shapes import Shapes, pascal_case
from cvsync.emulator.store import images, iterations, projects
from cvsync.emulator.store.images import ImageRecord, Selection
from cvsync.emulator.store.iterations import COMPLETED, Iteration

MAX_BUDGET_HOURS = 96  # docs: the longest Advanced training


def shape_of(shapes: Shapes, project_id: str, iteration: Iteration) -> dict[str, Any]:
    """recorded: what only a finished training knows is null or left out before."""
    version, is_done = shapes.version, iteration.status == COMPLETED
    domain = domains.require(iteration.domain)
    shape: dict[str, Any] = {"id": iteration.id, "name": iteration.name}
    if version < (3, 0):
        shape["isDefault"] = bool(iteration.is_default)
    shape |= {
        "status": iteration.status,
        "created": shapes.date(iteration.created),
        "lastModified": shapes.date(iteration.modified),
    }
    if iteration.trained is not None:
        shape["trainedAt"] = shapes.date(iteration.trained)
    shape |= {"projectId": project_id, "exportable": is_done and domain.is_exportable}
    if version >= (3, 0):
        shape["exportableTo"] = shapes.platforms(domain) if is_done else None
    shape["domainId"] = iteration.domain if is_done else None
    if version >= (2, 1):
        shape["classificationType"] = iteration.classification if is_done else None
    if version >= (3, 0):
        shape |= {"trainingType": iteration.training_type, "reservedBudgetInHours": iteration.budget}
    if version >= (3, 1):
        shape["trainingTimeInMinutes"] = iteration.minutes
    if version >= (3, 0):
        shape |= {
            "publishName": iteration.publish_name,
            "originalPublishResourceId": iteration.publish_resource,
        }
    if version >= (3, 4):
        base = iteration.base_model
        shape |= {
            "customBaseModelInfo": orjson.loads(base) if base else None,
            "trainingErrorDetails": iteration.error,
        }
    return shape


def iteration_in_path(call: Call) -> Iteration:
    return iterations.find(call.db, call.project(), call.id_in_path("iterationId"))


async def train_project(call: Call) -> Reply:
    body = await call.optional_json() if call.version >= (3, 2) else {}
    project = call.project()
    training_type, budget = "Regular", 0
    if call.version >= (3, 0):
        training_type = call.choice("trainingType", ("Regular", "Advanced"), "Regular")
        budget = call.number("reservedBudgetInHours", 0, maximum=MAX_BUDGET_HOURS)
        _check_email(call.text("notificationEmailAddress"))
    if training_type == "Advanced" and budget < 1:
        raise ServiceFault("BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining", "At least one hour")
    selected = [guid(tag) for tag in items(body.get("selectedtags"), "selectedTags")]
    iteration = training.start(
        call.site,
        project.id,
        selected=selected,
        training_type=training_type,
        budget=budget,
        force=call.version >= (3, 0) and call.flag("forceTrain"),
        base_model=_base_model(call, body),
    )
    shape = shape_of(call.shapes, project.id, iteration)
    leaks = call.site.settings.quirks.pascal_case_leaks and call.version == (2, 0)
    return Reply(pascal_case(shape) if leaks else shape)


def _check_email(text: str | None) -> None:
    if text and ("@" not in text or " " in text):
        raise ServiceFault("BadRequestInvalidEmailAddress", "Not an email address")


def _base_model(call: Call, body: dict[str, Any]) -> str | None:
    """spec: v3.4 may start from another iteration; here it is checked and remembered, not built upon."""
    if call.version < (3, 4) or body.get("custombasemodelinfo") is None:
        return None
    info = fields(body["custombasemodelinfo"])
    project = projects.find(call.db, guid(info.get("projectid")))
    base = iterations.find(call.db, project, guid(info.get("iterationid")))
    if base.status != COMPLETED:
        raise ServiceFault("BadRequestCustomBaseModelIterationStatusNotCompleted", "The base is not trained")
    # inferred from the code's name: at least a classifier is no base for a detector.
    if domains.require(base.domain).is_detection != call.project().is_detection:
        raise ServiceFault("BadRequestCustomBaseModelDomainNotCompatible", "The base is of the other kind")
    return orjson.dumps({"projectId": project.id, "iterationId": base.id}).decode()


async def get_iterations(call: Call) -> Reply:
    project, shapes = call.project(), call.shapes
    return Reply([shape_of(shapes, project.id, i) for i in iterations.of_project(call.db, project)])


async def get_iteration(call: Call) -> Reply:
    return Reply(shape_of(call.shapes, call.project().id, iteration_in_path(call)))


async def update_iteration(call: Call) -> Reply:
    body = await call.json()
    name = optional_text(body.get("name"), "name")
    is_default = body.get("isdefault") if call.version < (3, 0) else None
    if is_default is not None and not isinstance(is_default, bool):
        raise ServiceFault("BadRequest", "isDefault is true or false")
    with call.site.store.writing() as db:
        iteration = iteration_in_path(call)
        if name is not None:
            iterations.rename(db, iteration, name)
        if is_default is not None:
            iterations.set_default(db, iteration, is_default)
    iteration = iteration_in_path(call)
    shape = shape_of(call.shapes, call.project().id, iteration)
    if call.version < (3, 0):  # recorded: only here the date has its zone
        shape["lastModified"] = naive(iteration.modified) + "Z"
    return Reply(shape)


async def delete_iteration(call: Call) -> Reply:
    with call.site.store.writing() as db:
        iterations.delete(db, iteration_in_path(call))
    return NO_CONTENT


async def publish_iteration(call: Call) -> Reply:
    name, resource = call.text("publishName") or "", call.text("predictionId") or ""
    if not name.strip() or "/" in name:
        raise ServiceFault("BadRequestInvalidPublishName", "Not a name to publish under")
    if not resource.strip():
        raise ServiceFault(
            "BadRequestInvalidPublishTarget", "predictionId is the id of a prediction resource"
        )
    overwrite = call.version >= (3, 3) and call.flag("overwrite")
    with call.site.store.writing() as db:
        iterations.publish(db, iteration_in_path(call), name, resource, overwrite=overwrite)
    return Reply(True)


async def unpublish_iteration(call: Call) -> Reply:
    with call.site.store.writing() as db:
        iteration = iteration_in_path(call)
        if not iteration.publish_name:
            raise ServiceFault("BadRequestIterationNotPublished", "The iteration is not published")
        iterations.unpublish_key(db, iteration.pk)
    return NO_CONTENT


async def get_iteration_performance(call: Call) -> Reply:
    """Precision and recall on the images that the fit did not see."""
    iteration = _trained_in_path(call)
    threshold, overlap = call.fraction("threshold"), call.fraction("overlapThreshold")
    held_out = iterations.held_out(call.db, iteration)
    truth = examples.truth(call.site, iteration)
    names = names_of(call.db, iteration)  # all is read at once: the iteration may be deleted while this waits
    scores = await asyncio.to_thread(
        scoring.performance,
        iteration,
        [truth[image] for image in held_out],
        [Candidate.read(said) for said in held_out.values()],
        threshold=0.5 if threshold is None else threshold,
        overlap_threshold=0.3 if overlap is None else overlap,
    )
    # recorded: no average precision for classification before v3.0.
    with_average = call.version >= (3, 0) or examples.kind_of(iteration) == "DETECTION"
    tags = [
        {"id": tag, "name": names[tag].name} | _score(score, with_average)
        for tag, score in zip(iteration.tag_ids, scores.tags, strict=True)
    ]
    return Reply({"perTagPerformance": tags} | _score(scores.overall, with_average))


def _score(score: scoring.Score, with_average: bool) -> dict[str, Any]:
    shape = {
        "precision": single(score.precision),
        "precisionStdDeviation": single(score.precision_deviation),
        "recall": single(score.recall),
        "recallStdDeviation": single(score.recall_deviation),
    }
    return shape | ({"averagePrecision": single(score.average_precision)} if with_average else {})


async def get_image_performances(call: Call) -> Reply:
    """Images of an iteration with what it says about them.

    recorded: all of them in v2, later only those held out.
    """
    iteration = _trained_in_path(call)
    held_out = iterations.held_out(call.db, iteration)
    tag_ids = call.ids("tagIds", at_most=limits.MAX_TAG_FILTER)
    found = _performance_images(call, iteration, held_out, tag_ids)
    if call.choice("orderBy", ORDERS, "Newest") == "Oldest":
        found = found[::-1]
    skip = call.number("skip", 0)
    page = found[skip : skip + page_size(call)]
    project_id, names, shapes = call.project().id, names_of(call.db, iteration), call.shapes
    answer = []
    for image in page:
        if image.id in held_out:
            candidates = Candidate.read(held_out[image.id])
        else:
            content = await asyncio.to_thread(serving.render_image, call.site, image)
            candidates = await call.site.trainer.predict(iteration, content)
        said = orjson.dumps(prediction_shapes(in_order(candidates), names, call.version)).decode()
        answer.append(_performance_shape(shapes, project_id, image, said))
    return Reply(answer)


async def get_image_performance_count(call: Call) -> Reply:
    iteration = _trained_in_path(call)
    held_out = iterations.held_out(call.db, iteration)
    return Reply(len(_performance_images(call, iteration, held_out, call.ids("tagIds"))))


def _performance_images(
    call: Call, iteration: Iteration, held_out: dict[str, str], tag_ids: list[str]
) -> list[ImageRecord]:
    selection = Selection(frame=iteration.frame, tagged=True, tag_ids=tag_ids)
    found = images.page(call.db, selection, oldest=False, take=-1, skip=0)
    return [image for image in found if call.version < (3, 0) or image.id in held_out]


def _performance_shape(shapes: Shapes, project_id: str, image: ImageRecord, said: str) -> orjson.Fragment:
    return orjson.Fragment(
        f'{{"predictions":{said},"id":"{image.id}","created":"{naive(image.created)}",'
        f'"width":{image.width},"height":{image.height}'
        f"{shapes.image_links(project_id, image, single=True)}{shapes.labels(image)}}}"
    )


def _trained_in_path(call: Call) -> Iteration:
    iteration = iteration_in_path(call)
    iterations.require_trained(iteration)
    return iteration


async def export_iteration(call: Call) -> Reply:
    iteration = _trained_in_path(call)
    platform = domains.platform_named(call.required_text("platform"), call.version)
    if platform is None or platform not in domains.require(iteration.domain).platforms:
        raise ServiceFault(
            "BadRequestExportValidationFailed", "The iteration does not export to this platform"
        )
    flavor = call.text("flavor") or None
    if flavor is not None:
        flavor = call.choice(
            "flavor", [name for name, since in _FLAVORS.items() if since <= call.version], ""
        )
    export = call.site.exporter.start(iteration, platform, flavor)
    return Reply(_export_shape(call, iteration, export))


async def get_exports(call: Call) -> Reply:
    iteration = iteration_in_path(call)
    return Reply([_export_shape(call, iteration, e) for e in exporting.of_iteration(call.db, iteration)])


def _export_shape(call: Call, iteration: Iteration, export: exporting.Export) -> dict[str, Any]:
    uri = None
    if export.status == "Done":
        uri = call.shapes.link(f"/m-{compact(call.project().id)}/{export.file_name(iteration)}")
    shape = {
        "platform": export.platform,
        "status": export.status,
        "downloadUri": uri,
        "flavor": export.flavor,
    }
    return shape | ({"newerVersionAvailable": False} if call.version >= (2, 1) else {})


_FLAVORS = {  # spec: with the version that brought each
    "Linux": (2, 0), "Windows": (2, 0), "ONNX10": (2, 2), "ONNX12": (2, 2), "ARM": (3, 0),
    "TensorFlowNormal": (3, 1), "TensorFlowLite": (3, 1),
}  # fmt: skip
