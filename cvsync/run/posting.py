"""The request that creates images, by URL or by bytes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cvsync.api.client import Client
from cvsync.api.created import Posted, posted, read_created
from cvsync.api.images import file_entry, url_entry
from cvsync.api.labels import LabelId
from cvsync.plan.actions import Action
from cvsync.plan.batch import url_size
from cvsync.run.content import body_size, read_bytes
from cvsync.run.marker import with_marker
from cvsync.run.room import Room


async def post_images(
    client: Client,
    project_id: str,
    actions: Sequence[Action],
    labels: Iterable[Iterable[LabelId]],
    *,
    marker: str | None,
    attempt: int = 1,
    room: Room,
) -> tuple[Posted, ...]:
    """Create the images of a batch; what they get as metadata always holds the batch's marker.

    Bytes are read only when there is ``room`` for them.
    """
    metadata = with_marker(actions[0].metadata, marker, attempt)
    if actions[0].url is not None:
        urls = [url_entry(a.url or "", some) for a, some in zip(actions, labels, strict=True)]
        body = client.creation(urls, metadata=metadata)
        return await _post(client, "CreateImagesFromUrls", project_id, body)
    async with room.taken(sum(map(body_size, actions))):
        async with room.building:
            body = await asyncio.to_thread(_write_files, client, actions, labels, metadata)
        return await _post(client, "CreateImagesFromFiles", project_id, body)


def _write_files(
    client: Client,
    actions: Sequence[Action],
    labels: Iterable[Iterable[LabelId]],
    metadata: Mapping[str, str] | None,
) -> bytes:
    """Read files and write the body that holds them; of what it takes in between nothing is left."""
    entries = [file_entry(a.key or "", read_bytes(a), some) for a, some in zip(actions, labels, strict=True)]
    return client.creation(entries, metadata=metadata)


async def _post(client: Client, operation: str, project_id: str, body: bytes) -> tuple[Posted, ...]:
    return posted(await client.post_creation(operation, project_id, body, read=read_created))


def pair(actions: Iterable[Action], outcomes: Iterable[Posted]) -> Iterator[tuple[Action, Posted | None]]:
    """Match answers to what was sent by name, never by place: the service may shuffle them."""
    by_source: dict[str, list[Posted]] = defaultdict(list)
    for outcome in outcomes:
        by_source[outcome.source_url].append(outcome)
    for action in actions:
        found = by_source.get(action.url or action.key or "", [])
        yield action, (found.pop(0) if len(found) > 1 else found[0]) if found else None


def size_of(action: Action) -> int:
    """Say how many bytes an image adds to a request body."""
    return url_size(action) if action.url is not None else body_size(action)
