"""What a project tells its owner's storage: messages to a queue, exported models to a container.

docs: storage-integration, with the form of the messages and the names of the blobs. Nothing hangs on the
storage: what it does not take is a warning in the log.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit
from xml.sax.saxutils import escape

import orjson

from cvsync.emulator.background import Background
from cvsync.emulator.fetch import FetchError
from cvsync.emulator.numbers import compact
from cvsync.emulator.store import iterations, projects
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.projects import Project

if TYPE_CHECKING:
    from cvsync.emulator.site import Site

log = logging.getLogger("cvsync.emulator")


class Hooks:
    """Sends in the background; nothing at all where nothing is downloaded either."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._work = Background()
        self.close = self._work.close

    def connected(self, project: Project) -> None:
        """A project has got a queue."""
        self._work.begin(self._tell(project, "ConnectionTest", {}))

    def trained(self, iteration: Iteration, end: str) -> None:
        """A training has ended, `Completed` or `Failed`."""
        facts = {"iterationId": iteration.id, "trainingStatus": f"Training{end}"}
        if project := projects.by_key(self._site.store.db, iteration.project):
            self._work.begin(self._tell(project, "Training", facts))

    def exported(self, iteration: Iteration, platform: str, file: Path | None) -> None:
        """An export has ended; None: in failure."""
        if project := projects.by_key(self._site.store.db, iteration.project):
            self._work.begin(self._export(project, iteration, platform, file))

    async def _export(self, project: Project, iteration: Iteration, platform: str, file: Path | None) -> None:
        facts = {"iterationId": iteration.id, "exportStatus": f"Export{iterations.FAILED}"}
        if file is not None:
            facts["exportStatus"] = f"Export{iterations.COMPLETED}"
            facts["modelUri"] = await self._keep(project, f"{iteration.id}.{platform}", file)
        await self._tell(project, "Export", facts)

    async def _keep(self, project: Project, name: str, file: Path) -> str:
        """Give the project's container a model; the URI of that, or a signed link where there is none."""
        if not project.container_uri:
            links, path = self._site.links, f"/m-{compact(project.id)}/{file.name}"
            return links.base + links.make(path, links.expiry())
        content, blob = await asyncio.to_thread(file.read_bytes), f"{project.id} - {name}"
        await self._send("PUT", project.container_uri, blob, content, {"x-ms-blob-type": "BlockBlob"})
        return _below(project.container_uri, blob).partition("?")[0]

    async def _tell(self, project: Project, kind: str, facts: dict[str, str]) -> None:
        if project.queue_uri:
            message = {"version": "1.0", "type": kind, "Content": {"projectId": project.id} | facts}
            text = escape(orjson.dumps(message).decode())
            body = f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()
            await self._send("POST", project.queue_uri, "messages", body, {})

    async def _send(self, method: str, uri: str, name: str, body: bytes, headers: dict[str, str]) -> None:
        if not self._site.settings.fetch:
            return
        try:
            await self._site.fetcher.send(method, _below(uri, name), body, headers)
        except (FetchError, ValueError) as error:
            log.warning("%s %s to %s: %s", method, name, uri.partition("?")[0], error)


def _below(uri: str, name: str) -> str:
    """A place below a container or a queue, with the signature that its URI came with."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))
