"""Choosing an iteration: by name or id, the latest trained one, those in service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cvsync.api.client import Client
from cvsync.errors import MissingIterationError, SettingsError
from cvsync.model import Iteration

TRAINING, COMPLETED, FAILED = "Training", "Completed", "Failed"  # recorded: what `status` can be
_NEVER = datetime.min.replace(tzinfo=UTC)


async def choose_iteration(client: Client, project_id: str, wanted: str | None = None) -> Iteration:
    """Give the trained iteration of a name or an id; None: the latest.

    Raises:
        MissingIterationError: There is none, or its training did not come to an end.
        SettingsError: Several iterations have that name.
    """
    iterations = await client.get_iterations(project_id)
    if wanted is None:
        latest = latest_completed(iterations)
        if latest is None:
            raise MissingIterationError("the project has no trained iteration; `cvsync train` makes one")
        return latest
    found = find_iteration(iterations, wanted)
    if found.status != COMPLETED:
        raise MissingIterationError(f"{found.name} is not trained: its status is {found.status}")
    return found


def find_iteration(iterations: Sequence[Iteration], wanted: str) -> Iteration:
    """Find an iteration, trained or not, by its id or its name.

    Raises:
        MissingIterationError: There is none; the message lists those that there are.
        SettingsError: Several have that name.
    """
    named = [i for i in iterations if wanted.lower() == i.id] or [i for i in iterations if wanted == i.name]
    if len(named) > 1:
        ids = ", ".join(iteration.id for iteration in named)
        raise SettingsError(f"{len(named)} iterations are named {wanted!r}; give one of their ids: {ids}")
    if not named:
        names = ", ".join(iteration.name for iteration in iterations) or "none"
        raise MissingIterationError(f"there is no iteration {wanted!r}; the project has: {names}")
    return named[0]


def latest_completed(iterations: Iterable[Iteration]) -> Iteration | None:
    """Give the iteration whose training came to an end last."""
    return max((i for i in iterations if i.status == COMPLETED), key=trained_order, default=None)


def in_service(iterations: Iterable[Iteration], name: str | None = None) -> list[Iteration]:
    """Give the iterations that answer predictions, the latest trained first.

    Those are the published ones, of a publish name or of any, and in v2.x the default one.
    """
    found = [i for i in iterations if (name is None and i.is_default) or _is_published(i, name)]
    return sorted(found, key=trained_order, reverse=True)


def surplus(iterations: Sequence[Iteration], keep: int) -> list[Iteration]:
    """Give those that may go, so that the newest ``keep`` trained ones stay: failed ones, then the oldest.

    Whatever answers predictions stays too, and what is in training.
    """
    trained = sorted((i for i in iterations if i.status == COMPLETED), key=trained_order)
    stay = {i.id for i in [*trained[max(0, len(trained) - keep) :], *in_service(iterations)]}
    ended = [*(i for i in iterations if i.status == FAILED), *trained]
    return [i for i in ended if i.id not in stay]


def trained_order(iteration: Iteration) -> tuple[datetime, datetime]:
    """Sort iterations by when their training came to an end, those without an end first."""
    return iteration.trained_at or _NEVER, iteration.created or _NEVER


def _is_published(iteration: Iteration, name: str | None) -> bool:
    return bool(iteration.publish_name) and name in (None, iteration.publish_name)
