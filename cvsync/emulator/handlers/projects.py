"""Domains and projects."""

from __future__ import annotations

from typing import Any

import orjson

from cvsync.emulator import domains
from cvsync.emulator.call import NO_CONTENT, Call, Reply, fields, guid, items, one_of, optional_text
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.store import images, projects
from cvsync.emulator.store.projects import Project

CLASSIFICATION_TYPES = ("Multilabel", "Multiclass")  # the first is the default. recorded


async def get_domains(call: Call) -> Reply:
    return Reply([domain.shape(call.version) for domain in domains.listed(call.version)])


async def get_domain(call: Call) -> Reply:
    return Reply(domains.require(call.id_in_path("domainId")).shape(call.version))


async def get_projects(call: Call) -> Reply:
    shapes = call.shapes
    return Reply(
        [
            shapes.project(project, images.newest_id(call.db, project.workspace))
            for project in projects.all_projects(call.db)
        ]
    )


async def get_project(call: Call) -> Reply:
    return _answer(call, call.project())


async def create_project(call: Call) -> Reply:
    """Create from the query alone; v3.4 takes two more settings in an optional body."""
    domain = domains.require(call.id("domainId") or domains.DEFAULT, "BadRequestProjectUnknownDomain")
    classification = CLASSIFICATION_TYPES[0]
    if call.version >= (2, 1) and call.text("classificationType"):
        classification = one_of(
            call.text("classificationType"), CLASSIFICATION_TYPES, "classificationType",
            code="BadRequestProjectUnknownClassification",
        )  # fmt: skip
    hooks = await _hooks(call)
    _check_length(call, call.text("name"))
    with call.site.store.writing() as db:
        project = projects.create(
            db,
            call.text("name") or "",
            description=call.text("description") or "",
            domain=domain.id,
            classification=classification,
            platforms=_platforms(call),
            quota=call.site.quota,
            container_uri=hooks.get("exportmodelcontaineruri"),
            queue_uri=hooks.get("notificationqueueuri"),
        )
    call.site.hooks.connected(project)
    return _answer(call, project)


async def update_project(call: Call) -> Reply:
    """Change what the body names. recorded: settings that are left out stay as they are."""
    body = await call.json()
    with call.site.store.writing() as db:
        project = call.project()
        changes = _changes(call, project, body)
        has_new_queue = changes.get("queue_uri") not in (None, project.queue_uri)
        project = projects.update(db, project, changes)
    if has_new_queue:
        call.site.hooks.connected(project)
    return _answer(call, project)


async def delete_project(call: Call) -> Reply:
    with call.site.store.writing() as db:
        project = call.project()
        call.site.trainer.forget(project)
        projects.delete(db, project)
    return NO_CONTENT


def _answer(call: Call, project: Project) -> Reply:
    return Reply(call.shapes.project(project, images.newest_id(call.db, project.workspace)))


def _check_length(call: Call, name: str | None) -> None:
    if name and 0 < call.site.settings.quirks.max_name_length < len(name):
        raise ServiceFault("BadRequestProjectName", "The name is too long")


def _platforms(call: Call) -> list[str]:
    wanted = (call.text("targetExportPlatforms") or "") if call.version >= (3, 0) else ""
    return _known_platforms(call, [name.strip() for name in wanted.split(",") if name.strip()])


def _known_platforms(call: Call, names: list[Any]) -> list[str]:
    known = domains.platforms(call.version)
    return [
        one_of(name, known, "targetExportPlatforms", code="BadRequestProjectUnsupportedExportPlatform")
        for name in names
    ]


async def _hooks(call: Call) -> dict[str, str | None]:
    """docs: the storage hooks are query parameters in v3.3; spec: a body in v3.4."""
    if call.version < (3, 3):
        return {}
    names = ("exportmodelcontaineruri", "notificationqueueuri")
    body = await call.optional_json() if call.version >= (3, 4) else {}
    return {name: optional_text(body.get(name), name) or call.text(name) for name in names}


def _changes(call: Call, project: Project, body: dict[str, Any]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    name = optional_text(body.get("name"), "name")
    if name is not None:
        _check_length(call, name)
        projects.check_name(name)
        changes["name"] = name
    description = optional_text(body.get("description"), "description")
    if description is not None:
        changes["description"] = description
    settings = fields(body.get("settings") or {})
    if settings.get("domainid") is not None:
        changes["domain"] = _new_domain(project, guid(settings["domainid"]))
    if settings.get("classificationtype") is not None:
        changes["classification"] = one_of(
            settings["classificationtype"], CLASSIFICATION_TYPES, "classificationType",
            code="BadRequestProjectUnknownClassification",
        )  # fmt: skip
    if settings.get("targetexportplatforms") is not None:
        names = _known_platforms(call, items(settings["targetexportplatforms"], "targetExportPlatforms"))
        changes["platforms"] = orjson.dumps(names).decode()
    has_processing = call.version >= (3, 1)  # spec
    processing = fields(settings.get("imageprocessingsettings") or {}) if has_processing else {}
    if processing.get("augmentationmethods") is not None:
        changes["augmentation"] = _augmentation(processing["augmentationmethods"])
    return changes | _new_hooks(call, settings)


def _new_hooks(call: Call, settings: dict[str, Any]) -> dict[str, str | None]:
    """docs: UpdateProject sets the storage hooks, though the specification says that they are only read."""
    columns = {"exportmodelcontaineruri": "container_uri", "notificationqueueuri": "queue_uri"}
    given = {name: optional_text(settings.get(name), name) for name in columns if call.version >= (3, 3)}
    return {columns[name]: value or None for name, value in given.items() if value is not None}


def _new_domain(project: Project, domain_id: str) -> str:
    domain = domains.require(domain_id, "BadRequestProjectUnknownDomain")
    if domain.is_detection != project.is_detection:
        raise ServiceFault("BadRequestProjectUnsupportedDomainTypeChange", "The type of a project is fixed")
    return domain.id


def _augmentation(value: object) -> str:
    if not isinstance(value, dict) or any(not isinstance(flag, bool) for flag in value.values()):
        raise ServiceFault("BadRequestProjectImagePreprocessingSettings", "augmentationMethods: name to bool")
    return orjson.dumps(value).decode()
