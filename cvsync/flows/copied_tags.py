"""Which tag of a copy is which of the source, so that a tag that gets another name there gets it here too."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.flows.service import Service
from cvsync.labels import fold
from cvsync.model import Tag
from cvsync.plan.tags import possible_renames
from cvsync.run.notes import Notes

_NOTE = "tags of "  # and the source's id

Names = dict[str, list[str]]
"""For ids of the source's tags the names that the copy may have for them, the latest last."""


class CopiedTags:
    """A note in the copy's ledger: ``Names``.

    It is of names and not of ids of the copy, so that it can be committed before a tag is created. A name
    that the copy no longer has was changed there by somebody, and stays as it is.
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
        noted: Names = self._notes.get(self._name, {})
        unlike = {i: name for i, name in self._wanted.items() if noted.get(i, [name]) != [name]}
        if not unlike:
            return {}
        there = {fold(tag.name) for tag in await service.client.get_tags(project_id)}
        moved = {}
        for tag_id, new in unlike.items():
            old = next((name for name in reversed(noted[tag_id]) if fold(name) in there), new)
            if old != new:
                moved[old] = new
        return possible_renames(moved, there)

    def note_before(self) -> None:
        """Commit which names the copy is about to have; before any tag is created or renamed."""
        noted: Names = self._notes.get(self._name, {})
        pairs = self._wanted.items()
        self._note({i: [*(old for old in noted.get(i, ()) if old != name), name] for i, name in pairs})

    def note_after(self) -> None:
        """Commit which names the copy has now."""
        self._note({i: [name] for i, name in self._wanted.items()})

    def _note(self, names: Names) -> None:
        noted: Names = self._notes.get(self._name, {})
        if noted | names != noted:
            self._notes[self._name] = noted | names
