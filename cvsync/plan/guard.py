"""What a plan may not do; asked before the first write."""

from __future__ import annotations

from dataclasses import dataclass

from cvsync.errors import GuardError
from cvsync.plan.actions import Kind, Plan

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


def check_deletions(plan: Plan, *, named: int, known: int, guard: DeleteGuard) -> None:
    """Refuse deletions that look like a mistake.

    Args:
        plan: What is about to be applied.
        named: Distinct keys in the manifest.
        known: Distinct keys in the ledger.
        guard: How far deletion may go.

    Raises:
        GuardError: The manifest is empty or lost more than half of what the ledger knows, the project's
            images are mostly unknown to the ledger, or more images would go than allowed.
    """
    doomed = plan.counts[Kind.DELETE_IMAGE]
    if not named and (known or plan.present):
        raise GuardError("--delete refused: the manifest names no image at all; nothing was sent")
    if named * 2 < known:
        raise GuardError(
            f"--delete refused: the manifest names {named} images, less than half of the {known} that the "
            "ledger knows; nothing was sent"
        )
    if plan.present and plan.unmanaged * 2 > plan.present:
        raise GuardError(
            f"--delete refused: the ledger knows {plan.present - plan.unmanaged} of the project's "
            f"{plan.present} images, fewer than half. Is it the right project? Nothing was sent"
        )
    if doomed > guard.limit(plan.present):
        raise GuardError(
            f"--delete refused: {doomed} of {plan.present} images would go, more than "
            f"--max-delete {guard.limit(plan.present)} allows; nothing was sent"
        )
