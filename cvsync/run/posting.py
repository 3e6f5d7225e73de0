"""The request that creates images, by URL or by bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from cvsync.api.client import Client
from cvsync.api.created import Posted, posted, read_created
from cvsync.api.entries import LabelColumns, file_entries, label_columns, url_entries
from cvsync.plan.batch import url_shares
from cvsync.plan.images import Images, SentLabels
from cvsync.run.content import file_shares, read_bytes
from cvsync.run.marker import with_marker
from cvsync.run.room import Room


async def post_images(
    client: Client,
    project_id: str,
    images: Images,
    labels: SentLabels,
    *,
    marker: str | None,
    attempt: int = 1,
    room: Room,
) -> tuple[Posted, ...]:
    """Create the images of a batch; what they get as metadata always holds the batch's marker.

    Bytes are read only when there is ``room`` for them.
    """
    metadata = with_marker(images.common.metadata, marker, attempt)
    if images.common.is_by_url:
        body = client.creation(url_entries(images.names, _columns(labels)), metadata=metadata)
        return await _post(client, "CreateImagesFromUrls", project_id, body)
    async with room.taken(sum(file_shares(images))):
        async with room.building:
            body = await asyncio.to_thread(_write_files, client, images, labels, metadata)
        return await _post(client, "CreateImagesFromFiles", project_id, body)


def _write_files(
    client: Client,
    images: Images,
    labels: SentLabels,
    metadata: Mapping[str, str] | None,
) -> bytes:
    """Read files and write the body that holds them; of what it takes in between nothing is left."""
    files = zip(images.names, map(read_bytes, images), strict=True)
    return client.creation(file_entries(files, _columns(labels)), metadata=metadata)


def _columns(labels: SentLabels) -> LabelColumns:
    return label_columns(labels.tag_ids, labels.sides, labels.starts)


async def _post(client: Client, operation: str, project_id: str, body: bytes) -> tuple[Posted, ...]:
    return posted(await client.post_creation(operation, project_id, body, read=read_created))


def pair(images: Images, outcomes: Sequence[Posted]) -> Sequence[Posted | None]:
    """Give what became of each image, matched by name: the service may shuffle its answers."""
    names = images.names
    if names == [outcome.source_url for outcome in outcomes]:
        return outcomes
    by_name: dict[str, list[Posted]] = {name: [] for name in names}
    for outcome in outcomes:
        by_name.get(outcome.source_url, []).append(outcome)
    return [(found.pop(0) if len(found) > 1 else found[0]) if (found := by_name[n]) else None for n in names]


def body_shares(images: Images) -> list[int]:
    """Say how many bytes each image adds to a request body, its labels aside."""
    return url_shares(images) if images.common.is_by_url else file_shares(images)
