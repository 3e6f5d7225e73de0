"""What a project tells its owner's storage: messages to a queue, exported models to a container.

docs: storage-integration, with the form of the messages; the names of the blobs are inferred. Nothing hangs
on the storage: what it does not take is a warning in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape

import orjson

from cvsync.emulator.fetch import FetchError
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
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what is still on its way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def connected(self, project: Project) -> None:
        """A project was made that has a queue."""
        self._begin(self._tell(project, "ConnectionTest", {}))

    def trained(self, iteration: Iteration, end: str) -> None:
        """A training has ended, `Completed` or `Failed`."""
        facts = {"iterationId": iteration.id, "trainingStatus": f"Training{end}"}
        if project := projects.by_key(self._site.store.db, iteration.project):
            self._begin(self._tell(project, "Training", facts))

    def exported(self, iteration: Iteration, file: Path | None) -> None:
        """An export has ended; None: in failure."""
        if project := projects.by_key(self._site.store.db, iteration.project):
            self._begin(self._export(project, iteration, file))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _export(self, project: Project, iteration: Iteration, file: Path | None) -> None:
        if project.container_uri and file is not None:
            blob = _below(project.container_uri, f"{project.id}/{file.name}")
            content = await asyncio.to_thread(file.read_bytes)
            await self._send("PUT", blob, content, {"x-ms-blob-type": "BlockBlob"})
        end = iterations.FAILED if file is None else iterations.COMPLETED
        await self._tell(project, "Export", {"iterationId": iteration.id, "exportStatus": f"Export{end}"})

    async def _tell(self, project: Project, kind: str, facts: dict[str, str]) -> None:
        if project.queue_uri:
            message = {"version": "1.0", "type": kind, "Content": {"projectId": project.id} | facts}
            text = escape(orjson.dumps(message).decode())
            body = f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()
            await self._send("POST", _below(project.queue_uri, "messages"), body, {})

    async def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
        if not self._site.settings.fetch:
            return
        try:
            await self._site.fetcher.send(method, url, body, headers)
        except FetchError as error:
            log.warning("%s %s: %s", method, url.partition("?")[0], error)


def _below(uri: str, name: str) -> str:
    """A place below a container or a queue, with the signature that its URI came with."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))
