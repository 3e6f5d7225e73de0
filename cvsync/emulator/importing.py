"""Copies of projects that come from another emulator: the document at once, the images in the background.

The token is a link to the document, as the service's own is one to its storage. Below the same folder the
source gives the images, to whoever has the token.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from cvsync.emulator.background import Background
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.fetch import FetchError
from cvsync.emulator.numbers import now
from cvsync.emulator.site import Site
from cvsync.emulator.store import copying, projects
from cvsync.emulator.store.copying import Document
from cvsync.emulator.store.projects import Project

log = logging.getLogger("cvsync.emulator")
MAX_DOCUMENT_BYTES = 1 << 30  # about a million images
_AT_ONCE = 16


class Importer:
    """Brings projects over from elsewhere."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._work = Background()
        self.close = self._work.close

    def resume(self) -> None:
        """An import that a stop or a kill interrupted has lost its token, and so has failed."""
        for project in projects.unfinished(self._site.store.db):
            log.warning("import of %s was interrupted", project.name)
            self._end(project, projects.FAILED)

    async def begin(self, token: str, name: str | None) -> Project:
        """Make the project, and go on with its images in the background."""
        document = await self._document(token)
        settings = self._site.settings
        try:
            with self._site.store.writing() as db:
                copy = copying.write(
                    db,
                    document,
                    name=name or f"{document['name']} (1)",
                    quota=self._site.quota,
                    ready=projects.NEVER,
                    metadata=settings.quirks.import_metadata,
                )
        except (KeyError, TypeError, ValueError, OverflowError, sqlite3.Error) as error:
            log.warning("the document of an import is broken: %r", error)
            raise invalid_token() from error
        self._work.begin(self._bring(copy, token, copying.contents(document)))
        return copy

    async def _document(self, token: str) -> Document:
        try:
            content = await self._site.fetcher.fetch(token, most=MAX_DOCUMENT_BYTES)
            document: Any = await asyncio.to_thread(orjson.loads, content)
        except (FetchError, orjson.JSONDecodeError) as error:
            raise invalid_token() from error
        if not isinstance(document, dict) or document.get("form") != copying.FORM:
            raise invalid_token()
        return document

    async def _bring(self, copy: Project, token: str, wanted: set[bytes]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def bring(sha: bytes) -> None:
            async with gate:
                content = await self._site.fetcher.fetch(image_link(token, sha))
                await asyncio.to_thread(self._site.blobs.write, sha, content)

        try:
            missing = [sha for sha in wanted if not self._site.blobs.path(sha).exists()]
            await asyncio.gather(*map(bring, missing))
        except (FetchError, OSError) as error:
            log.warning("import of %s failed: %s", copy.name, error)
            self._end(copy, projects.FAILED)
        else:
            self._end(copy, now())

    def _end(self, project: Project, ready: int) -> None:
        with self._site.store.writing() as db:
            projects.set_ready(db, project, ready)


def invalid_token() -> ServiceFault:
    return ServiceFault("BadRequestInvalidImportToken", "Invalid Token")  # docs


def image_link(token: str, sha: bytes) -> str:
    """The link of an image beside the document that a token names."""
    parts = urlsplit(token)
    folder = parts.path.rpartition("/")[0]
    return urlunsplit(parts._replace(path=f"{folder}/{sha.hex()}"))
