"""What a plan may not do; asked before the first write."""

from __future__ import annotations

from dataclasses import dataclass

from cvsync.errors import GuardError
from cvsync.plan.plan import Plan

DEFAULT_MAX_DELETE = 100  # images; or DEFAULT_MAX_DELETE_SHARE of the project where that is fewer
DEFAULT_MAX_DELETE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class DeleteGuard:
    """How far ``--delete`` may go."""

    max_delete: int | None = None
    """Images; None: the smaller of ``DEFAULT_MAX_DELETE`` and ``DEFAULT_MAX_DELETE_SHARE`` of the project."""

    def limit(self, present: int) -> int:
        """Give the limit for a project of so many images; a small project may always lose one."""
        if self.max_delete is not None:
            return self.max_delete
        return min(DEFAULT_MAX_DELETE, max(1, int(present * DEFAULT_MAX_DELETE_SHARE)))


def check_source(plan: Plan, *, named: int, known: int, is_rejects: bool = False) -> None:
    """Refuse to delete what a manifest no longer names where the manifest or the project looks wrong.

    Args:
        plan: What is about to be applied.
        named: Images that the manifest names; a key that the ledger does not know is one of its own.
        known: Images in the ledger.
        is_rejects: Whether the manifest holds what was refused before, and so never all.

    Raises:
        GuardError: The manifest is of rejects, is empty or lost more than half of what the ledger knows, or
            the project's images are mostly unknown to the ledger.
    """
    present = plan.before.images
    unknown = plan.unmanaged + plan.adopted  # what is adopted now was not known before
    known += plan.adopted
    if is_rejects:
        raise GuardError("--delete refused: a rejects file names only what was refused; nothing was sent")
    if not named and (known or present):
        raise GuardError("--delete refused: the manifest names no image at all; nothing was sent")
    if named * 2 < known:
        raise GuardError(
            f"--delete refused: the manifest names {named} images, less than half of the {known} that the "
            "ledger knows; nothing was sent"
        )
    if present and unknown * 2 > present:
        raise GuardError(
            f"--delete refused: the ledger knows {present - unknown} of the project's "
            f"{present} images, fewer than half. Is it the right project? Nothing was sent"
        )


def check_losses(plan: Plan, *, guard: DeleteGuard) -> None:
    """Refuse to delete or replace more images than allowed.

    Raises:
        GuardError: More would go; it names the limit.
    """
    limit = guard.limit(plan.before.images)
    if plan.doomed > limit:
        raise GuardError(
            f"refused: {plan.doomed} of {plan.before.images} images would be deleted or replaced, more than "
            f"--max-delete {limit} allows; nothing was sent"
        )
