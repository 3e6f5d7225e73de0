"""Publishing an iteration under a name, so that the prediction endpoint answers with it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from cvsync.api.client import Client
from cvsync.api.versions import OVERWRITE_SINCE, is_at_least, require_operation
from cvsync.errors import MissingIterationError, NotFoundError, ServiceError, SettingsError, TrainingError
from cvsync.events import Observer, ignore, tell
from cvsync.flows.iterations import find_iteration, in_service
from cvsync.model import Iteration
from cvsync.run.failpoints import failpoint
from cvsync.run.once import once
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep

_NOT_PUBLISHED = "BadRequestIterationNotPublished"


@dataclass(frozen=True, slots=True)
class Publication:
    """Where an iteration is to answer."""

    name: str
    resource_id: str
    """Of the prediction resource, as Azure writes it: ``/subscriptions/…/accounts/NAME``."""

    def check(self, version: str) -> None:
        """Refuse what cannot be published, before anything is done.

        Raises:
            UnsupportedError: Before v3.0 nothing is published: the default iteration answers.
            SettingsError: It is no name.
        """
        require_operation(version, "PublishIteration")
        if not self.name.strip() or "/" in self.name:
            raise SettingsError(f"a model cannot be published as {self.name!r}: give a name without a slash")


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes iterations of one project, and moves names from one to the next.

    The note ``publishing`` says which name is on its way to which iteration, and which one had it: from
    before the name is taken away until the other has it.
    """

    client: Client = field(kw_only=False)
    project_id: str = field(kw_only=False)
    notes: MutableMapping[str, Any] = field(default_factory=dict)
    observer: Observer = ignore
    grace: float = GRACE
    sleep: Sleep = asyncio.sleep

    async def publish(self, iteration: Iteration, publication: Publication) -> None:
        """Have an iteration answer under a name, and nothing else; safe to repeat after any end.

        From v3.3 on the service moves a name in one call. Before, the name answers nothing between two calls.

        Raises:
            TrainingError: The service refused, or the iteration is published under another name.
        """
        iterations = await self.client.get_iterations(self.project_id)
        current = find_iteration(iterations, iteration.id)
        if _is_at(current, publication):
            self._tell("AlreadyPublished", current, publication.name)
            return
        if current.publish_name not in (None, "", publication.name):
            raise TrainingError(
                f"{current.name} is published as {current.publish_name}, and an iteration has one name; "
                f"`cvsync unpublish {shlex.quote(current.publish_name)}` takes it away"
            )
        old = next(iter(in_service(iterations, publication.name)), None)
        await self._move(current, old, publication)
        self._tell("Published", current, publication.name, old=old)

    async def unpublish(self, wanted: str) -> Iteration:
        """Take an iteration, by the name it answers under or its own or its id, back from its endpoint.

        Raises:
            MissingIterationError: Nothing is published under that name, and no iteration has it.
        """
        iterations = await self.client.get_iterations(self.project_id)
        found = next(iter(in_service(iterations, wanted)), None) or find_iteration(iterations, wanted)
        if not found.publish_name:
            raise MissingIterationError(f"{found.name} is not published")
        await self._withdraw(found)
        self._tell("Unpublished", found, found.publish_name)
        return found

    async def resume(self) -> None:
        """Give a name, that a dead run took away, to the iteration that was to have it."""
        note = self.notes.get("publishing")
        if note is None:
            return
        name, iterations = note["name"], await self.client.get_iterations(self.project_id)
        if not in_service(iterations, name):
            resources = {"new": note["resource"], "old": note.get("old_resource") or note["resource"]}
            heirs = [
                (iteration, Publication(name, resource))
                for which, resource in resources.items()
                for iteration in iterations
                if iteration.id == note[which] and not iteration.publish_name
            ]
            heir = await self._give_one_of(heirs, name)
            if heir is not None:
                self._tell("Resumed", heir, name)
        del self.notes["publishing"]

    async def _give_one_of(self, heirs: list[tuple[Iteration, Publication]], name: str) -> Iteration | None:
        """Give a name to the first that may have it; None: none may, and a warning says so."""
        for heir, publication in heirs:
            try:
                await self._give(heir, publication)
            except (TrainingError, ServiceError) as error:
                if _may_pass(error):
                    raise
            else:
                return heir
        tell(self.observer, "warning", text=f"{name} answers nothing; publish it again")
        return None

    async def _move(self, new: Iteration, old: Iteration | None, publication: Publication) -> None:
        if old is None:
            await self._give(new, publication)
        elif is_at_least(self.client.api_version, OVERWRITE_SINCE) and old.id != new.id:
            await self._give(new, publication, overwrite=True)
        else:
            await self._hand_over(new, old, publication)

    async def _hand_over(self, new: Iteration, old: Iteration, publication: Publication) -> None:
        """Take a name from one iteration and give it to another; back, where the other may not have it."""
        former = old.original_publish_resource_id or publication.resource_id
        self.notes["publishing"] = {
            "name": publication.name, "resource": publication.resource_id, "new": new.id, "old": old.id,
            "old_resource": former,
        }  # fmt: skip
        await self._withdraw(old)
        failpoint("in-publish")
        try:
            await self._give(new, publication)
        except (TrainingError, ServiceError) as error:
            if not _may_pass(error):
                await self._give_one_of([(old, Publication(publication.name, former))], publication.name)
                del self.notes["publishing"]
            raise
        del self.notes["publishing"]

    async def _give(self, iteration: Iteration, publication: Publication, *, overwrite: bool = False) -> None:
        async def call() -> bool:
            return await self.client.publish_iteration(
                self.project_id, iteration.id, publication.name, publication.resource_id,
                overwrite=True if overwrite else None,
            )  # fmt: skip

        async def look() -> bool | None:
            found = await self.client.get_iteration(self.project_id, iteration.id)
            return _is_at(found, publication) or None

        try:
            await once(call, look, grace=self.grace, sleep=self.sleep)
        except ServiceError as error:
            if error.status != 400:
                raise
            if await look():
                return  # an attempt whose answer was lost, and that was made again, had done it
            reason = error.message or error.code
            raise TrainingError(
                f"the service refused to publish {iteration.name} as {publication.name}: {reason}"
            ) from error

    async def _withdraw(self, iteration: Iteration) -> None:
        async def call() -> None:
            await self.client.unpublish_iteration(self.project_id, iteration.id)

        async def look() -> bool | None:
            found = await self.client.get_iteration(self.project_id, iteration.id)
            return not found.publish_name or None

        try:
            await once(call, look, grace=self.grace, sleep=self.sleep)
        except NotFoundError:
            return  # it is gone, and its name with it
        except ServiceError as error:
            if error.code != _NOT_PUBLISHED:
                raise

    def _tell(self, status: str, iteration: Iteration, name: str, old: Iteration | None = None) -> None:
        facts = {"publish_name": name, "iteration": iteration.name, "iteration_id": iteration.id}
        before = {"before": old.name} if old is not None and old.id != iteration.id else {}
        tell(self.observer, "publish", status=status, **facts, **before)


def _may_pass(error: TrainingError | ServiceError) -> bool:
    """Tell whether the service may publish later what it does not now; the note stays for that."""
    return isinstance(error, ServiceError) and error.is_transient


def _is_at(iteration: Iteration, publication: Publication) -> bool:
    """Tell whether an iteration answers where it should; resource ids match without case, as Azure has it.

    Where the service does not say which resource it is, it counts as the right one.
    """
    wanted = publication.resource_id.casefold()
    there = (iteration.original_publish_resource_id or wanted).casefold()
    return iteration.publish_name == publication.name and there == wanted
