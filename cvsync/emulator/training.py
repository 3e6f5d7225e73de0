"""Trainings: fits in a worker, one after the other, and the models that came of them."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from cvsync import limits
from cvsync.emulator import worker
from cvsync.emulator.candidates import Candidate, most_probable
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.examples import collect, kind_of
from cvsync.emulator.site import Site
from cvsync.emulator.store import iterations, projects, tags
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.projects import Project

log = logging.getLogger("cvsync.emulator")
_MODELS_KEPT = 8


class TrainingError(Exception):
    """A fit that came to nothing; the message is for people."""


class Trainer:
    """Runs trainings in the background and predicts with what they made."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)
        self._models: OrderedDict[str, Any] = OrderedDict()

    def resume(self) -> None:
        """Go on with the trainings that a stop or a kill interrupted."""
        for iteration in iterations.in_training(self._site.store.db):
            self.begin(iteration)

    def begin(self, iteration: Iteration) -> None:
        task = asyncio.create_task(self._train(iteration), name=f"train {iteration.name}")
        self._tasks[iteration.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(iteration.id, None))

    def forget(self, project: Project) -> None:
        """Stop the trainings of a project that goes away."""
        for iteration in iterations.of_project(self._site.store.db, project):
            self._models.pop(iteration.id, None)
            if iteration.id in self._tasks:
                self._tasks[iteration.id].cancel()

    async def close(self) -> None:
        """Stop what runs; it begins anew at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def predict(self, iteration: Iteration, content: bytes) -> list[Candidate]:
        """What an iteration sees in a picture."""
        model = await self._model(iteration)
        found = await asyncio.to_thread(model.predict, content)
        ids = iteration.tag_ids
        candidates = [
            Candidate(ids[tag], probability, box and (box[0], box[1], box[2], box[3]))
            for tag, probability, box in worker.said(found)
        ]
        is_boxed = any(candidate.box for candidate in candidates)
        return most_probable(candidates, limits.MAX_REGIONS_PER_PREDICTION) if is_boxed else candidates

    async def onnx(self, iteration: Iteration) -> bytes:
        model = await self._model(iteration)
        content: bytes = await asyncio.to_thread(model.to_onnx)
        return content

    async def _model(self, iteration: Iteration) -> Any:
        from cvsync.emulator import learn

        if iteration.id not in self._models:
            content = iterations.model(self._site.store.db, iteration)
            self._models[iteration.id] = await asyncio.to_thread(learn.Model.from_bytes, content)
            if len(self._models) > _MODELS_KEPT:
                self._models.popitem(last=False)
        return self._models[iteration.id]

    async def _train(self, iteration: Iteration) -> None:
        store = self._site.store
        try:
            async with self._turn:
                job = await asyncio.to_thread(self._job, iteration)
                ids = [item["id"] for item in job["examples"]]
                run = self._in_process if self._site.settings.train_in_process else self._in_thread
                result, model = await run(job)
            tag_ids = iteration.tag_ids
            held_out = [
                (ids[index], orjson.dumps([[tag_ids[tag], *rest] for tag, *rest in said]).decode())
                for index, said in zip(result["held_out"], result["candidates"], strict=True)
            ]
            with store.writing() as db:
                iterations.complete(db, iteration, model=model, held_out=held_out)
            self._site.hooks.trained(iteration, iterations.COMPLETED)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("training of %s failed", iteration.name)
            with store.writing() as db:
                iterations.fail(db, iteration, f"{type(error).__name__}: {error}")
            self._site.hooks.trained(iteration, iterations.FAILED)

    async def _in_thread(self, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return await asyncio.to_thread(worker.run, job)

    async def _in_process(self, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cvsync.emulator.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, complaint = await process.communicate(json.dumps(job).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise TrainingError(complaint.decode(errors="replace").strip().rpartition("\n")[2])
        head, _, model = output.partition(b"\n")
        return orjson.loads(head), model

    def _job(self, iteration: Iteration) -> dict[str, Any]:
        """Read the frozen frame of an iteration; on a connection of its own, as this runs in a thread."""
        db = sqlite3.connect(self._site.settings.data / "state.sqlite")
        try:
            examples = collect(self._site, db, iteration)
        finally:
            db.close()
        return {
            "kind": kind_of(iteration),
            "tag_count": len(iteration.tag_ids),
            "seed": self._site.settings.seed,
            "examples": examples,
        }


def trainable_tags(db: sqlite3.Connection, project: Project, selected: Sequence[str]) -> list[str]:
    """The tags that a training would learn, in the order of their names; or why it cannot."""
    known = tags.of_frame(db, project.workspace)
    if selected:
        missing = set(selected) - {tag.id for tag in known}
        if missing:
            raise ServiceFault("NotFoundTag", "A selected tag is not in the project")
        known = [tag for tag in known if tag.id in selected]
    used = [tag for tag in known if tag.image_count]
    if project.is_detection:
        if any(tag.type == tags.NEGATIVE for tag in used):
            raise ServiceFault(
                "BadRequestDetectionTrainingNotAllowNegativeTag", "Detection takes no Negative tag"
            )
        counts = _boxed(db, project)
        enough = limits.MIN_IMAGES_PER_TAG_DETECTION
        if not used or any(counts[tag.id] < enough for tag in used):  # issue: the message
            raise ServiceFault(
                "BadRequestDetectionTrainingValidationFailed", "Not enough images per tag for training"
            )
    elif len(used) < limits.MIN_TAGS_CLASSIFICATION or any(
        tag.image_count < limits.MIN_IMAGES_PER_TAG_CLASSIFICATION for tag in used
    ):
        raise ServiceFault(  # issue: the message; inferred: which of the codes
            "BadRequestClassificationTrainingValidationFailed", "Not enough images for training"
        )
    return [tag.id for tag in sorted(used, key=lambda tag: (tag.name.casefold(), tag.name))]


def _boxed(db: sqlite3.Connection, project: Project) -> Counter[str]:
    """How many images carry a box of each tag."""
    rows = db.execute(
        "SELECT t.id, count(DISTINCT r.image) FROM tags t JOIN regions r ON r.tag = t.pk WHERE t.frame = ?"
        " GROUP BY t.pk",
        (project.workspace,),
    )
    return Counter(dict(rows.fetchall()))


def start(
    site: Site,
    project_id: str,
    *,
    selected: Sequence[str],
    training_type: str,
    budget: int,
    force: bool,
    base_model: str | None,
) -> Iteration:
    """Begin a training, or say why not."""
    with site.store.writing() as db:
        project = projects.find(db, project_id)
        known = iterations.of_project(db, project)
        if any(iteration.status == iterations.TRAINING for iteration in known):
            raise ServiceFault("BadRequestTrainingAlreadyInProgress", "Training is already in progress")
        if len(known) >= site.quota.iterations:
            raise ServiceFault(
                "BadRequestExceedIterationPerProjectLimit", "The number of iterations is at its limit"
            )
        tag_ids = trainable_tags(db, project, selected)
        if not force and not iterations.is_changed(db, project, selected):
            raise ServiceFault("BadRequestTrainingNotNeeded", "Nothing changed since last training")
        iteration = iterations.start(
            db, project, tag_ids=tag_ids, selected=selected, training_type=training_type, budget=budget,
            base_model=base_model,
        )  # fmt: skip
    site.trainer.begin(iteration)
    return iteration
