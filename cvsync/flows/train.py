"""Training a project, to the end, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cvsync.api.client import Client
from cvsync.api.versions import TRAIN_OPTIONS_SINCE, is_at_least
from cvsync.errors import NotFoundError, OverdueError, ServiceError, TrainingError, UnsupportedError
from cvsync.events import Observer, ignore, tell
from cvsync.flows.iterations import COMPLETED, FAILED, TRAINING, latest_completed, surplus, trained_order
from cvsync.flows.trainable import why_not_trainable
from cvsync.model import Iteration, ProjectType
from cvsync.run.failpoints import failpoint
from cvsync.run.once import once
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep

_NOT_NEEDED = ("BadRequestTrainingNotNeeded", "BadRequestTrainingNotNeededButTrainingPipelineUpdated")
_BUSY = "BadRequestTrainingAlreadyInProgress"
_FULL = "BadRequestExceedIterationPerProjectLimit"
MAX_HOURS = 96  # docs: the longest advanced training
LONGEST_TRAINING = (MAX_HOURS + 1) * 3600.0  # seconds; one that still goes on is stuck in the service
LONGEST_UNLISTED = 600.0  # seconds in which the service says that it trains and lists no training
_PASSED_OVER = (
    "{name}, which an earlier run asked for, is neither published nor exported, as the project has changed "
    "since and is trained anew; `cvsync publish` and `cvsync export` take it with --iteration"
)


class TrainingType(StrEnum):
    """How thorough a training is."""

    REGULAR = "Regular"  # as long as it takes
    ADVANCED = "Advanced"  # for so many hours at most, which are paid for


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What may be chosen about a training."""

    force: bool = False
    """Train even if nothing changed."""
    type: TrainingType = TrainingType.REGULAR
    hours: int | None = None
    """The budget of an advanced training."""
    keep_iterations: int | None = None
    """Where the project has no room for another iteration, remove the oldest but so many; None: refuse.
    Those in service stay whatever this says."""

    @property
    def call(self) -> dict[str, Any]:
        """What ``train_project`` is to be told beside ``force_train``; nothing where the defaults do."""
        if self.type is TrainingType.REGULAR:
            return {}
        return {"training_type": self.type.value, "reserved_budget_in_hours": self.hours}

    def check(self, version: str) -> None:
        """Refuse what a version of the API cannot do.

        Raises:
            UnsupportedError: Before v3.0 there is one kind of training, and no way to force it.
        """
        if (self.force or self.call) and not is_at_least(version, TRAIN_OPTIONS_SINCE):
            raise UnsupportedError(
                f"--force and --training-type advanced need --api-version {TRAIN_OPTIONS_SINCE} or later; "
                f"this is {version}"
            )


async def train(client: Client, project_id: str, **how: Any) -> Iteration:
    """Train, wait for the end and give the iteration; the latest one if nothing changed since.

    Takes the fields of ``Training`` by name, and raises as its ``run`` does.
    """
    return await Training(client, project_id, **how).run()


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training of one project, remembered so that it is asked for once, whoever dies meanwhile.

    Two notes: ``training`` says what is asked for, from before the call until ``forget``; ``trained`` which
    iteration learnt the project in which state.
    """

    client: Client = field(kw_only=False)
    project_id: str = field(kw_only=False)
    options: TrainOptions = field(default_factory=TrainOptions)
    notes: MutableMapping[str, Any] = field(default_factory=dict)
    type_: ProjectType | None = None
    """Of the project; None: whether it can be trained is left to the service."""
    state: str | None = None
    """Changes whenever there is something new to learn; None: not known."""
    in_vain: str | None = None
    """Why nothing could become of a new model; None: something can."""
    observer: Observer = ignore
    grace: float = GRACE
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.time

    async def run(self) -> Iteration:
        """Train if anything changed, and wait for the end.

        Raises:
            TrainingError: The service refused to train, or the training failed; with its reason.
            OverdueError: A training takes longer than any can.
        """
        resumed = await self._resume()
        forced = self.options.force and resumed is None
        if not forced:
            same = await self._trained_already()
            if same is not None:
                self._tell("NotNeeded" if resumed is None else same.status, same)
                return same
        await self._check()
        return await self._train(forced, resumed)

    def forget(self) -> None:
        """Drop the note of a training of which everything that was to become of it has become."""
        self.notes.pop("training", None)

    async def _resume(self) -> Iteration | None:
        """Wait for the end of the training that a dead run asked for; None: there is none, or it failed.

        A call that left shortly before the death may still be at work.
        """
        note = self.notes.get("training")
        if note is None:
            return None
        found = await self._asked_for(note)
        if found is None:
            left = note["at"] + self.grace - self.clock()
            if left > 0:
                await self.sleep(min(left, self.grace))
                found = await self._asked_for(note)
        if found is None:
            self.forget()
            return None
        self._tell("Resumed", found)
        ended = await self._wait(found)
        if ended.status == FAILED:
            self.forget()
            return None
        self._remember(ended, note["state"])
        return ended

    async def _asked_for(self, note: dict[str, Any]) -> Iteration | None:
        """Find the iteration that a call has begun: the first that was not there before it."""
        iterations = await self.client.get_iterations(self.project_id)
        if note.get("iteration"):
            return next((i for i in iterations if i.id == note["iteration"]), None)
        new = [i for i in iterations if i.id not in note["before"]]
        return min(new, key=lambda i: trained_order(i)[::-1], default=None)

    async def _trained_already(self) -> Iteration | None:
        """Give the iteration that learnt just what the project holds now."""
        note = self.notes.get("trained")
        if note is None or self.state is None or note["state"] != self.state:
            return None
        iterations = await self.client.get_iterations(self.project_id)
        return next((i for i in iterations if i.id == note["iteration"] and i.status == COMPLETED), None)

    async def _check(self) -> None:
        if self.in_vain is not None:
            raise TrainingError(f"nothing is trained, as nothing would come of it: {self.in_vain}")
        if self.type_ is not None:
            why = why_not_trainable(await self.client.get_tags(self.project_id), self.type_)
            if why is not None:
                raise TrainingError(f"the project cannot be trained yet: {why}")

    async def _train(self, forced: bool, resumed: Iteration | None) -> Iteration:
        for wait in waits(most=LONGEST_UNLISTED):
            iterations = await self._when_idle()
            self.notes["training"] = {
                "before": [i.id for i in iterations], "at": self.clock(), "state": self.state,
            }  # fmt: skip
            try:
                begun = await self._ask(forced)
            except ServiceError as error:
                if not error.is_transient:
                    self.forget()
                if error.code in _NOT_NEEDED:
                    return self._latest(iterations, error)
                if error.code == _FULL:
                    await self._make_room(iterations)
                elif error.code == _BUSY:  # somebody was faster
                    await self.sleep(wait)
                elif error.status == 400:
                    raise TrainingError(
                        f"the service refused to train: {error.message or error.code}"
                    ) from error
                else:
                    raise
                continue
            self.notes["training"] |= {"iteration": begun.id}
            if resumed is not None:
                text = _PASSED_OVER.format(name=resumed.name)
                tell(self.observer, "warning", text=text)
            return await self._finish(begun)
        raise OverdueError(
            "the service says that it trains the project, and lists no training; try again later"
        )

    async def _ask(self, forced: bool) -> Iteration:
        async def begin() -> Iteration:
            return await self.client.train_project(
                self.project_id, force_train=True if forced else None, **self.options.call
            )

        is_lost = False

        async def look() -> Iteration | None:
            nonlocal is_lost
            is_lost = True
            return await self._asked_for(self.notes["training"])

        try:
            return await once(begin, look, grace=self.grace, sleep=self.sleep)
        except ServiceError as error:
            # What is in the way of a second attempt may well be what the first one began.
            found = await look() if error.code == _BUSY and is_lost else None
            if found is None:
                raise
            return found

    async def _when_idle(self) -> Sequence[Iteration]:
        """Wait for the end of trainings that others began: a project has one at a time."""
        while True:
            iterations = await self.client.get_iterations(self.project_id)
            busy = next((i for i in iterations if i.status == TRAINING), None)
            if busy is None:
                return iterations
            await self._wait(busy)

    async def _finish(self, begun: Iteration) -> Iteration:
        ended = await self._wait(begun)
        if ended.status == FAILED:
            reason = ended.training_error_details or "the service gives no reason"
            raise TrainingError(f"training of {ended.name} failed: {reason}")
        self._remember(ended, self.state)
        return ended

    async def _wait(self, iteration: Iteration) -> Iteration:
        begun = self.clock()
        for wait in waits(most=LONGEST_TRAINING):
            self._tell(iteration.status, iteration, seconds=max(0.0, self.clock() - begun))
            if iteration.status in (COMPLETED, FAILED):
                return iteration
            await self.sleep(wait)
            iteration = await self.client.get_iteration(self.project_id, iteration.id)
        raise OverdueError(
            f"the training of {iteration.name} goes on for {LONGEST_TRAINING / 3600:.0f} hours, longer than "
            "any can; the next run waits for it again, `cvsync iteration ls` shows how it is"
        )

    def _latest(self, iterations: Sequence[Iteration], error: ServiceError) -> Iteration:
        latest = latest_completed(iterations)
        if latest is None:
            raise TrainingError(f"the service sees nothing to train: {error.message or error.code}")
        self._tell("NotNeeded", latest)
        self._remember(latest, self.state)
        return latest

    async def _make_room(self, iterations: Sequence[Iteration]) -> None:
        """Remove iterations that may go, or say why none may."""
        full = (
            f"the service refused to train: the project has {len(iterations)} iterations, as many as it may"
        )
        keep = self.options.keep_iterations
        if keep is None:
            raise TrainingError(
                f"{full}; --keep-iterations N removes the oldest but N that are neither published nor default"
            )
        going = surplus(iterations, keep)
        if not going:
            raise TrainingError(
                f"{full}, and each is published, default or among the newest {keep} (--keep-iterations)"
            )
        for iteration in going:
            try:
                await self.client.delete_iteration(self.project_id, iteration.id)
            except NotFoundError:
                continue  # it went by itself
            tell(self.observer, "iteration_removed", iteration=iteration.name, iteration_id=iteration.id)
            failpoint("after-removal")

    def _remember(self, iteration: Iteration, state: str | None) -> None:
        if state is not None:
            self.notes["trained"] = {"iteration": iteration.id, "state": state}

    def _tell(self, status: str, iteration: Iteration, **facts: float) -> None:
        named = {"iteration": iteration.name, "iteration_id": iteration.id}
        tell(self.observer, "train", status=status, **named, **facts)


def waits(*, most: float, first: float = 0.25, longest: float = 10.0) -> Iterator[float]:
    """Give the seconds between two looks at something slow; together ``most`` at most.

    What is counted is waiting alone: a machine that sleeps, or a clock that is set, uses none of it up.
    """
    wait = first
    while wait <= most:
        yield wait
        most -= wait
        wait = min(longest, wait * 1.5)
