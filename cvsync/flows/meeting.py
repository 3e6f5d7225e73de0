"""What is wanted meets the project that is to hold it, which may be yet to be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cvsync.errors import ManifestError, MissingProjectError
from cvsync.flows.aim import Aim, PlanRequest
from cvsync.flows.desired import Desired, refuse_metadata, refuse_negative, want
from cvsync.flows.manifests import read_manifest, refuse_if_strict
from cvsync.flows.project import (
    NewProject,
    choose_domain,
    choose_type,
    compare_project,
    find_project,
    make_project,
    require_with_type,
)
from cvsync.flows.service import Service
from cvsync.flows.telling import tell_problems
from cvsync.labels import fold
from cvsync.manifest import Problem
from cvsync.model import Project, ProjectType
from cvsync.plan.fit import infer_type
from cvsync.plan.plan import Extent
from cvsync.plan.quota import check_extent

_SHOWN = 10  # problems that an error names


async def meet(service: Service, request: PlanRequest, *, dry: bool) -> tuple[Project, Desired]:
    """Read the manifest, find or make the project, and see what of the one the other can hold.

    Raises:
        ManifestError: It does not say what kind of project is to be made, as rows could not be read.
    """
    manifest = await read_manifest(service, request.manifests, request.reading)
    refuse_if_strict(request, manifest.problems)
    inferred = infer_type(manifest.labels, manifest.refused)
    if manifest.may_have_boxes and inferred is not ProjectType.DETECTION:
        await _refuse_to_guess(service, request, manifest.problems)
    return await find_or_create(
        service, request, inferred, lambda type_: want(manifest, type_), asked=request.create, dry=dry
    )


async def _refuse_to_guess(service: Service, request: PlanRequest, problems: Sequence[Problem]) -> None:
    """See that no project is made without boxes, for good, because rows with boxes could not be read."""
    if request.create is None or request.create.type is not None:
        return
    if await find_project(service.client, request.project) is None:
        more = [f"and {len(problems) - _SHOWN:,} more"] if len(problems) > _SHOWN else []
        why = (
            "so it cannot be told whether the new project is to hold boxes; mend these rows, or say --type; "
            "nothing was made"
        )
        raise ManifestError(request.reference, [*map(str, problems[:_SHOWN]), *more, why])


async def find_or_create(
    service: Service,
    aim: Aim,
    inferred: ProjectType,
    want: Callable[[ProjectType], Desired],
    *,
    asked: NewProject | None,
    dry: bool,
) -> tuple[Project, Desired]:
    """Find or make the project, and see what it can hold of what is wanted.

    Args:
        service: Of the project.
        aim: Which project, and whether it may be made.
        inferred: The type that a new one gets, unless the user says otherwise.
        want: Gives what a project of a type should hold.
        asked: What the user says of a new project; where there is one, it is told what of that it is not.
        dry: Whether nothing may be touched: a new project then has no id.

    Raises:
        GuardError: A new project cannot hold all that is wanted; nothing was made.
        UnsupportedError: There is metadata, or a new project's tag is negative, and the API version has none.
    """
    project: Project | None = None
    try:
        project, type_ = await require_with_type(service, aim.project, remedy="--create-project makes it")
    except MissingProjectError:
        if aim.create is None:
            raise
        type_ = choose_type(service.client, aim.create, inferred=inferred)
    else:
        if asked is not None:
            await compare_project(service, project, type_, asked)
    desired = want(type_)
    refuse_metadata(desired, service.client.api_version)
    refuse_if_strict(aim, desired.problems)
    tell_problems(service.observer, desired.problems)
    if project is None:
        assert aim.create is not None
        refuse_negative(desired.negative_tags, service.client.api_version)
        check_extent(_extent(aim, desired), aim.tier)
        if dry:
            choose_domain(await service.client.get_domains(), type_, aim.create)
            project = Project("", aim.project)
        else:
            project = await make_project(service, aim.project, aim.create, inferred=inferred)
    return project, desired


def _extent(aim: Aim, desired: Desired) -> Extent:
    """Tell how much of what the service limits a new project is to hold."""
    labels, scope = desired.labels, aim.scope
    images = len(labels.keys)
    if not scope.is_everything:
        images = len(np.unique(labels.key_codes[scope.of_labels(labels)]))
    tags = {fold(name) for name in (*scope.wanted(labels), *(tag.name for tag in desired.tags))}
    return Extent(images, len(tags))
