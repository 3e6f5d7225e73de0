"""The request that creates images, by URL or by bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from cvsync.api.client import Client
from cvsync.api.created import Posted, posted, read_created
from cvsync.api.images import file_entries, url_entries
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
        body = client.creation(url_entries([a.url or "" for a in actions], labels), metadata=metadata)
        return await _post(client, "CreateImagesFromUrls", project_id, body)
    async with room.taken(body_size(actions)):
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
    files = ((a.key or "", read_bytes(a)) for a in actions)
    return client.creation(file_entries(files, labels), metadata=metadata)


async def _post(client: Client, operation: str, project_id: str, body: bytes) -> tuple[Posted, ...]:
    return posted(await client.post_creation(operation, project_id, body, read=read_created))


def pair(actions: Sequence[Action], outcomes: Sequence[Posted]) -> Sequence[Posted | None]:
    """Give what became of each action, matched by name: the service may shuffle its answers."""
    names = [action.url or action.key or "" for action in actions]
    if names == [outcome.source_url for outcome in outcomes]:
        return outcomes
    by_name: dict[str, list[Posted]] = {name: [] for name in names}
    for outcome in outcomes:
        by_name.get(outcome.source_url, []).append(outcome)
    return [(found.pop(0) if len(found) > 1 else found[0]) if (found := by_name[n]) else None for n in names]


def size_of(actions: Sequence[Action]) -> int:
    """Say how many bytes images, all by URL or all by bytes, add to a request body."""
    return url_size(actions) if actions[0].url is not None else body_size(actions)
