"""Copying projects by a token, and reading blobs with the key instead of a signed link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from cvsync.emulator import serving
from cvsync.emulator.call import Call, Reply
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.importing import invalid_token
from cvsync.emulator.numbers import TICKS_PER_SECOND, compact, now
from cvsync.emulator.store import copying, images, iterations, projects
from cvsync.emulator.store.projects import Project

_MILLISECONDS_PER_IMAGE = 1_000  # recorded: 8-14 s for ten images


async def export_project(call: Call) -> Reply:
    """Announce a copy. recorded: the token is itself a signed link."""
    project = call.project()
    if any(i.status == iterations.TRAINING for i in iterations.of_project(call.db, project)):
        raise ServiceFault("BadRequestExportWhileTraining", "The project is being trained")
    counts = copying.counts(call.db, project)
    path = f"/prjexp-{compact(project.id)}/project-export-info"
    return Reply(
        counts
        | {
            "estimatedImportTimeInMS": counts["imageCount"] * _MILLISECONDS_PER_IMAGE,
            "token": call.shapes.absolute_link(path),
        }
    )


async def import_project(call: Call) -> Reply:
    """Begin a copy: of a project of this emulator, or of another's, whose token is a link to it."""
    token = call.required_text("token")
    name = call.text("name") if call.version >= (3, 3) else None  # spec
    source = _source(call, token)
    if source is None:
        copy = await call.site.importer.begin(token, name)
    else:
        copy = _copy(call, source, name)
    shape = call.shapes.project(copy, images.newest_id(call.db, copy.workspace))
    return Reply(shape | {"status": "Importing"})  # recorded: always, however short the copying is


def _copy(call: Call, source_id: str, name: str | None) -> Project:
    settings = call.site.settings
    with call.site.store.writing() as db:
        source = projects.find(db, source_id)
        return copying.write(
            db,
            copying.read(db, source),
            name=name or f"{source.name} (1)",
            quota=call.site.quota,
            ready=now() + max(1, round(settings.import_seconds * TICKS_PER_SECOND)),
            metadata=settings.quirks.import_metadata,
        )


def _source(call: Call, token: str) -> str | None:
    """The project of this emulator that a token names; None: it is another's.

    docs: a token that was not URL-encoded answers "Invalid Token".
    """
    links = call.site.links
    parts = urlsplit(token)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    found = serving.COPY.fullmatch(parts.path)
    signature, end = query.get("sig", ""), query.get("se", "")
    if found is None or not signature or not end:
        raise invalid_token()
    if links.is_genuine(parts.path, signature, end):
        if links.is_over(end):
            raise invalid_token()
        return serving.dashed(found["project"])
    if parts.netloc in (urlsplit(links.base).netloc, call.request.headers.get("Host")):
        raise invalid_token()  # ours, but forged
    return None


async def get_artifact(call: Call) -> Reply:
    """spec: the relative links of a resource in a virtual network are read here."""
    project, path = call.project(), urlsplit(call.required_text("path")).path
    if not path.startswith("/"):
        path = f"/{path}"
    if compact(project.id) not in path.split("/")[1]:
        raise ServiceFault("BadRequestInvalidArtifactUri", "Not an artifact of this project")
    content = await serving.blob_bytes(call.site, path)
    if content is None:
        raise ServiceFault("BadRequestInvalidArtifactUri", "No such artifact")
    return Reply(web.Response(body=content, content_type="application/octet-stream"))
