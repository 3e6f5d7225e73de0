"""What is no part of the API: blobs behind signed links, and the files of a folder."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import orjson
from aiohttp import web

from cvsync.emulator import parts, pictures
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import is_guid
from cvsync.emulator.site import Site
from cvsync.emulator.store import copying, projects
from cvsync.emulator.store.images import ImageRecord

_BLOB = re.compile(r"/[ie]-(?P<project>[0-9a-f]{32})/(?P<kind>[ito])-(?P<image>[0-9a-f]{32})")
COPY = re.compile(r"/prjexp-(?P<project>[0-9a-f]{32})/project-export-info")
_COPIED_IMAGE = re.compile(r"/prjexp-(?P<project>[0-9a-f]{32})/(?P<sha>[0-9a-f]{64})")
_EXPORT = re.compile(r"/m-(?P<project>[0-9a-f]{32})/(?P<name>[0-9a-f]{32}\.[\w.]+\.zip)")


async def serve_blob(request: web.Request, site: Site) -> web.StreamResponse:
    """Answer a signed link: 403 once it is over or forged, 404 for what is gone."""
    path, signature, end = request.path, request.query.get("sig", ""), request.query.get("se", "")
    if not site.links.is_genuine(path, signature, end):
        return parts.error(403, "AuthenticationFailed", "Server failed to authenticate the request.")
    if site.links.is_over(end):
        return parts.error(
            403, "AuthenticationFailed", f"Signature not valid in the specified time frame: Expiry [{end}]"
        )
    content = await blob_bytes(site, path)
    if content is None:
        return parts.error(404, "BlobNotFound", "The specified blob does not exist.")
    return parts.blob(request, content)


async def serve_copy(request: web.Request, site: Site) -> web.StreamResponse:
    """Give a project's document, or an image of it, to whoever has the token that names the document."""
    query, path = request.query, request.path
    image = _COPIED_IMAGE.fullmatch(path)
    document_path = f"/prjexp-{image['project']}/project-export-info" if image else path
    found = COPY.fullmatch(document_path)
    end = query.get("se", "")
    if found is None or not site.links.is_genuine(document_path, query.get("sig", ""), end):
        return parts.error(403, "AuthenticationFailed", "Server failed to authenticate the request.")
    if site.links.is_over(end):
        return parts.error(403, "AuthenticationFailed", f"The token was good until {end}")
    try:
        project = projects.find(site.store.db, dashed(found["project"]))
    except ServiceFault:
        return parts.error(404, "BlobNotFound", "The specified blob does not exist.")
    if image is None:
        document = copying.read(site.store.db, project)
        body = await asyncio.to_thread(orjson.dumps, document)
        return web.Response(body=body, content_type="application/json")
    row = site.store.db.execute(
        "SELECT 1 FROM images WHERE sha = ? AND frame IN (SELECT pk FROM frames WHERE project = ?) LIMIT 1",
        (bytes.fromhex(image["sha"]), project.pk),
    ).fetchone()
    file = site.blobs.path(bytes.fromhex(image["sha"]))
    if row is None or not await asyncio.to_thread(file.is_file):
        return parts.error(404, "BlobNotFound", "The specified blob does not exist.")
    return web.FileResponse(file)


PICTURE = (  # any frame will do, as an image's bytes never change; predictions have blobs of their own
    # CROSS: from the few frames of the project, not from all images of all projects
    "SELECT i.sha, i.width, i.height, i.made FROM projects p CROSS JOIN frames f ON f.project = p.pk"
    " CROSS JOIN images i ON i.frame = f.pk AND i.id = ?2 WHERE p.id = ?1 UNION ALL"
    " SELECT s.sha, s.width, s.height, s.made FROM projects p JOIN predictions s ON s.project = p.pk"
    " WHERE p.id = ?1 AND s.id = ?2 LIMIT 1"
)


async def blob_bytes(site: Site, path: str) -> bytes | None:
    """The bytes behind the path of a link, without asking for its signature."""
    export = _EXPORT.fullmatch(path)
    if export is not None:
        file = site.settings.data / "exports" / export["name"]
        return await asyncio.to_thread(lambda: file.read_bytes() if file.is_file() else None)
    found = _BLOB.fullmatch(path)
    if found is None:
        return None
    project, image = dashed(found["project"]), dashed(found["image"])
    row = site.store.db.execute(PICTURE, (project, image)).fetchone()
    if row is None:
        return None
    sha, width, height, made = row
    return await asyncio.to_thread(render, site, sha, (width, height), made=bool(made), kind=found["kind"])


def render(site: Site, sha: bytes, size: tuple[int, int], *, made: bool, kind: str = "o") -> bytes:
    """The bytes of one image: `o` the upload, `i` the training copy, `t` the thumbnail."""
    content = pictures.made_bytes(sha, *size) if made else site.blobs.read(sha)
    upright = site.settings.quirks.exif_rotation
    if kind == "t":
        return pictures.resized(content, pictures.THUMBNAIL_SIDE_PX, upright=upright)
    if kind == "i" and not made and max(size) > pictures.TRAINING_SIDE_PX:
        return pictures.resized(content, pictures.TRAINING_SIDE_PX, upright=upright)
    return content


def render_image(site: Site, image: ImageRecord) -> bytes:
    """The upload of one image."""
    return render(site, image.sha, (image.width, image.height), made=image.made)


def dashed(guid: str) -> str:
    text = f"{guid[:8]}-{guid[8:12]}-{guid[12:16]}-{guid[16:20]}-{guid[20:]}"
    assert is_guid(text)
    return text


async def serve_file(request: web.Request, site: Site) -> web.StreamResponse:
    """A file below the folder that was given; nothing outside of it, links included."""
    folder = site.settings.files
    path = folder and await asyncio.to_thread(_inside, folder, request.match_info["path"])
    if path is None:
        raise web.HTTPNotFound
    return web.FileResponse(path)


def _inside(folder: Path, relative: str) -> Path | None:
    try:
        root, path = folder.resolve(), (folder / relative).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        return None
