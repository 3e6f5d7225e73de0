"""`cvsync iteration`: the trained models of a project."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.errors import GuardError
from cvsync.events import tell
from cvsync.flows.housekeeping.agreement import Agree
from cvsync.flows.iterations import find_iteration, in_service, trained_order
from cvsync.flows.project import require_project
from cvsync.flows.service import Service
from cvsync.model import Iteration


async def list_iterations(service: Service, project: str) -> list[Iteration]:
    """List the iterations of a project, the latest first.

    Raises:
        MissingProjectError: There is no such project.
    """
    found = await require_project(service, project)
    return sorted(await service.client.get_iterations(found.id), key=trained_order, reverse=True)


async def remove_iterations(
    service: Service, project: str, wanted: Sequence[str], *, agree: Agree
) -> list[Iteration]:
    """Delete iterations; nothing is removed if it was not agreed to.

    Raises:
        MissingProjectError: There is no such project.
        MissingIterationError: There is no such iteration; none is removed.
        GuardError: One of them is in service; none is removed.
        SettingsError: Several have a name.
        LockedError: A run works on the project.
    """
    found = await require_project(service, project)
    with service.hold_lock(found.id):
        return await _remove(service, found.id, wanted, agree)


async def _remove(service: Service, project_id: str, wanted: Sequence[str], agree: Agree) -> list[Iteration]:
    iterations = await service.client.get_iterations(project_id)
    chosen = list({i.id: i for i in (find_iteration(iterations, one) for one in wanted)}.values())
    for iteration in in_service(chosen):
        how = f"is published as {iteration.publish_name!r}" if iteration.publish_name else "is the default"
        raise GuardError(f"{iteration.name} {how} and answers predictions: `cvsync unpublish` it first")
    listed = ", ".join(f"{iteration.name!r}" for iteration in chosen)
    if not agree(f"iteration {listed}" if len(chosen) == 1 else f"iterations {listed}"):
        return []
    for iteration in chosen:
        await service.client.delete_iteration(project_id, iteration.id)
        tell(service.observer, "removed", what="iteration", id=iteration.id, name=iteration.name)
    return chosen
