"""Copying projects by a token, and reading blobs with the key instead of a signed link."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from cvsync.emulator import serving
from cvsync.emulator.call import Call, Reply
from cvsync.emulator.errors import NotModelled, ServiceFault
from cvsync.emulator.numbers import TICKS_PER_SECOND, compact, now
from cvsync.emulator.store import copying, images, iterations, projects

_TOKEN = re.compile(r"/prjexp-([0-9a-f]{32})/project-export-info")
_MILLISECONDS_PER_IMAGE = 1_000  # recorded: 8-14 s for ten images


async def export_project(call: Call) -> Reply:
    """Announce a copy. recorded: the token is itself a signed link."""
    project = call.project()
    if any(i.status == iterations.TRAINING for i in iterations.of_project(call.db, project)):
        raise ServiceFault("BadRequestExportWhileTraining", "The project is being trained")
    counts = copying.counts(call.db, project)
    links = call.site.links
    path = f"/prjexp-{compact(project.id)}/project-export-info"
    return Reply(
        counts
        | {
            "estimatedImportTimeInMS": counts["imageCount"] * _MILLISECONDS_PER_IMAGE,
            "token": links.make(path, links.expiry()),
        }
    )


async def import_project(call: Call) -> Reply:
    settings = call.site.settings
    with call.site.store.writing() as db:
        source = projects.find(db, _source(call, call.required_text("token")))
        copy = copying.copy_project(
            db,
            source,
            name=(call.version >= (3, 3) and call.text("name")) or f"{source.name} (1)",
            quota=call.site.quota,
            ready=now() + max(1, round(settings.import_seconds * TICKS_PER_SECOND)),
            metadata=settings.quirks.import_metadata,
        )
    shape = call.shapes.project(copy, images.newest_id(call.db, copy.workspace))
    return Reply(shape | {"status": "Importing"})  # recorded: always, however short the copying is


def _source(call: Call, token: str) -> str:
    """The project that a token names. docs: an unencoded token answers "Invalid Token"."""
    links = call.site.links
    parts = urlsplit(token)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    found = _TOKEN.fullmatch(parts.path)
    signature, end = query.get("sig", ""), query.get("se", "")
    if found is None or not signature or not end:
        raise ServiceFault("BadRequestInvalidImportToken", "Invalid Token")
    if not links.is_genuine(parts.path, signature, end):
        if f"{parts.scheme}://{parts.netloc}" != links.base:
            raise NotModelled("importing from another emulator; copy by listing and uploading")
        raise ServiceFault("BadRequestInvalidImportToken", "Invalid Token")
    if links.is_over(end):
        raise ServiceFault("BadRequestInvalidImportToken", "Invalid Token")
    return serving.dashed(found[1])


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
