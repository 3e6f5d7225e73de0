"""What is left alone while refused rows do not say which image they are of."""

from __future__ import annotations

from collections.abc import Collection

from cvsync.events import tell
from cvsync.flows.service import Service
from cvsync.plan import Prune

_NOTHING_DELETED = (
    "nothing is deleted, since refused rows do not say which image they are of: mend them or take them out "
    "(--delete-despite-errors deletes what no other row names)"
)
_KEPT = "{} is removed, since refused rows do not say which image they are of: mend them or take them out"
_NAMED = 5  # tags in a message


def held_back(service: Service, prune: Prune, hidden: Collection[str | None]) -> Prune:
    """Say what may be deleted: nothing while a refused row may be of what would go.

    Args:
        service: Is told.
        prune: What is to be.
        hidden: As ``Desired.hidden_tags`` gives them.
    """
    if prune is Prune.KEEP or not hidden:
        return prune
    tell(service.observer, "warning", text=_NOTHING_DELETED)
    return Prune.KEEP


def tell_kept(service: Service, hidden: Collection[str | None]) -> None:
    """Tell which labels are not removed, for as long as refused rows may be of them."""
    names = sorted(repr(name) for name in hidden if name)
    if None in hidden:
        tell(service.observer, "warning", text=_KEPT.format("no label"))
    elif names:
        more = f" and {len(names) - _NAMED} more tags" if len(names) > _NAMED else ""
        tell(service.observer, "warning", text=_KEPT.format(f"no label {', '.join(names[:_NAMED])}{more}"))
