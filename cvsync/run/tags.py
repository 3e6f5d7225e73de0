"""The tags of the project: renamed, created, and looked up by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cvsync.errors import PlanError, ServiceError, TransportError
from cvsync.labels import fold
from cvsync.model import Tag
from cvsync.plan.actions import Kind, NewTag, TagRename
from cvsync.plan.plan import Plan
from cvsync.run.once import once
from cvsync.run.verdict import Verdict, verdict
from cvsync.run.work import Work
from cvsync.run.workers import spread

_AT_ONCE = 4  # new tags; more would use up the burst with which uploads begin
_NOT_UNIQUE = "BadRequestTagNameNotUnique"


class _BySpelling(dict[str, str]):
    """The id of each tag by its name as a manifest spells it, folded once a spelling."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        super().__init__()
        self._ids = ids

    def __missing__(self, name: str) -> str:
        found = self._ids.get(fold(name))
        if found is None:
            raise PlanError(f"the tag {name!r} is gone from the project; run again to plan anew")
        self[name] = found
        return found


class Tags:
    """What each tag's name means to the service."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ids: dict[str, str] = {}
        self._by_spelling = _BySpelling(self._ids)
        self.by_id: dict[str, Tag] = {}

    @property
    def names(self) -> dict[str, str]:
        """The folded name of each tag, by id."""
        return {tag_id: name for name, tag_id in self._ids.items()}

    def id_of(self, name: str) -> str:
        """Give the id of a tag.

        Raises:
            PlanError: The project has no such tag any more.
        """
        return self._by_spelling[name]

    @property
    def ids(self) -> Mapping[str, str]:
        """The id of each tag by its name, in any spelling; raises as ``id_of`` does."""
        return self._by_spelling

    async def read(self) -> None:
        """Ask the service for them; those that are gone are forgotten."""
        tags = await self._listed()
        self._ids, self.by_id = {}, {}
        self._by_spelling = _BySpelling(self._ids)
        self._know(tags)

    async def _listed(self) -> Sequence[Tag]:
        return await self._work.client.get_tags(self._work.project_id)

    def _know(self, tags: Iterable[Tag]) -> None:
        for tag in tags:
            self._ids[fold(tag.name)] = tag.id
            self.by_id[tag.id] = tag

    async def prepare(self, plan: Plan, listed: Sequence[Tag] | None = None) -> None:
        """Rename and create what the plan says; safe to repeat.

        Args:
            plan: Of which renames and new tags are made true.
            listed: The tags as they were just read; None: they are read now.
        """
        await self._rename(plan.renames)
        if listed is None or plan.renames:
            await self.read()
        else:
            self._know(listed)
        missing = [tag for tag in plan.new_tags if fold(tag.name) not in self._ids]
        await spread(missing, self._create, workers=_AT_ONCE, stop=self._work.stop)

    async def _rename(self, renames: Sequence[TagRename]) -> None:
        """Rename one after the other; a name that another tag is about to give up comes later."""
        waiting = list(renames)
        while waiting and not self._work.stop.requested:
            blocked = [rename for rename in waiting if not await self._rename_one(rename)]
            if len(blocked) == len(waiting):
                names = ", ".join(map(str, blocked))
                raise PlanError(f"tags cannot be renamed, since others have these names: {names}")
            waiting = blocked

    async def _rename_one(self, rename: TagRename) -> bool:
        work = self._work
        changes = {"name": rename.new} if rename.new != rename.old else {}
        if rename.description is not None:
            changes["description"] = rename.description
        batch_id = work.ledger.intend(work.run_id, Kind.RENAME_TAG.words, [rename.tag_id])
        try:
            await work.client.update_tag(work.project_id, rename.tag_id, changes)
        except ServiceError as error:
            if verdict(error) is Verdict.BROKEN:
                raise
            work.ledger.conclude(batch_id, "refused")
            if error.code != _NOT_UNIQUE:
                raise
            return False
        work.ledger.conclude(batch_id, counts={"tags_renamed": 1})
        return True

    async def _create(self, tag: NewTag) -> None:
        """Create a tag; never again before a look at what there is."""
        work = self._work
        batch_id = work.ledger.intend(work.run_id, Kind.CREATE_TAG.words, [tag.name])
        is_first = True

        async def post() -> bool:
            nonlocal is_first
            if not is_first:
                work.ledger.intend_again(batch_id)
            is_first = False
            try:
                made = await work.client.create_tag(
                    work.project_id, tag.name, description=tag.description or None, type_=tag.type
                )
            except ServiceError as error:
                if error.code != _NOT_UNIQUE:
                    raise
                self._know(await self._listed())  # somebody else made it meanwhile: as good
            else:
                self._know([made])
            return True

        async def look() -> bool | None:
            work.tell("batch_in_doubt", batch=batch_id, kind=Kind.CREATE_TAG.words, items=1)
            self._know(await self._listed())
            applied = fold(tag.name) in self._ids
            work.tell("batch_settled", batch=batch_id, kind=Kind.CREATE_TAG.words, applied=applied)
            return applied or None

        settings = work.settings
        try:
            await once(post, look, grace=settings.grace, attempts=settings.attempts, sleep=work.sleep)
        except (ServiceError, TransportError) as error:
            if verdict(error) in (Verdict.UNDONE, Verdict.REFUSED):
                work.ledger.conclude(batch_id, "refused")
            raise
        work.ledger.conclude(batch_id, counts={"tags_created": 1})
