"""Which tag of a copy is which of the source, so that a tag that gets another name there gets it here too."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.flows.service import Service
from cvsync.model import Tag
from cvsync.plan.tags import possible_renames
from cvsync.run.notes import Notes

_NOTE = "tags of "  # and the source's id


class CopiedTags:
    """A note in the copy's ledger: for ids of the source's tags the names that the copy has for them.

    It is a name and no id of the copy, so that it can be committed before the tag is created. A name that the
    copy no longer has was changed there by somebody, and stays as it is.
    """

    def __init__(self, notes: Notes, source_id: str, tags: Sequence[Tag]) -> None:
        """Look at a note.

        Args:
            notes: Of the copy.
            source_id: The source.
            tags: Those of its tags that the copy should have, with the names that they should have there.
        """
        self._notes, self._name = notes, _NOTE + source_id
        self._wanted = {tag.id: tag.name for tag in tags}

    async def renames(self, service: Service, project_id: str) -> dict[str, str]:
        """Give what tags of the copy are to be named now, old -> new, but for names that others keep."""
        noted: dict[str, str] = self._notes.get(self._name, {})
        moved = {noted[i]: name for i, name in self._wanted.items() if noted.get(i, name) != name}
        if not moved:
            return {}
        return possible_renames(moved, (tag.name for tag in await service.client.get_tags(project_id)))

    def note_new(self) -> None:
        """Commit those that are not known yet; before any is created."""
        self._note(self._wanted | self._notes.get(self._name, {}))

    def note_all(self) -> None:
        """Commit all of them; when the copy has them under these names."""
        self._note(self._notes.get(self._name, {}) | self._wanted)

    def _note(self, names: dict[str, str]) -> None:
        if names != self._notes.get(self._name, {}):
            self._notes[self._name] = names
