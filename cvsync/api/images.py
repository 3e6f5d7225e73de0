"""Images into a project, and out of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Any

import orjson

from cvsync.api.call import Caller, at_most
from cvsync.api.entries import (
    CreateEntry,
    LabelColumns,
    file_entries,
    id_entries,
    label_columns,
    url_entries,
    write,
)
from cvsync.api.transport import Read
from cvsync.api.versions import DELETE_ALL_SINCE, METADATA_SINCE
from cvsync.api.wire import Answer, decode
from cvsync.labels import BOX
from cvsync.lean import lean_dataclass
from cvsync.limits import (
    MAX_IDS_PER_DELETE,
    MAX_IDS_PER_READ,
    MAX_IMAGES_PER_BATCH,
    MAX_METADATA_PAIRS,
    MAX_TAGS_PER_BATCH,
)
from cvsync.model import ImageOutcome, Region
from cvsync.predictions import MetadataSummary


@lean_dataclass(frozen=True, slots=True)
class UrlEntry:
    """An image that the service is to download."""

    url: str
    tag_ids: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An image whose bytes go along."""

    name: str
    contents: bytes = field(repr=False)
    tag_ids: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class PredictionEntry:
    """An image that the service has from a prediction."""

    id: str
    tag_ids: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateSummary:
    """The answer to a create batch."""

    is_batch_successful: bool
    """False as soon as one image is not plainly ``OK``; the images tell the truth."""
    images: tuple[ImageOutcome, ...] = ()


class ImageCalls(Caller):
    """Operations that add, change and delete images."""

    async def create_images_from_urls(
        self,
        project_id: str,
        images: Sequence[UrlEntry],
        *,
        tag_ids: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> CreateSummary:
        """Have the service download images; at most 64, with at most 20 tags between them.

        Args:
            project_id: Where they go.
            images: Each with its own labels.
            tag_ids: For all of them.
            metadata: For all of them (v3.3 and later).
        """
        entries = url_entries([e.url for e in images], _label_columns_of(images, tag_ids))
        body = self.creation(entries, tag_ids=tag_ids, metadata=metadata)
        return decode(CreateSummary, await self.post_creation("CreateImagesFromUrls", project_id, body))

    async def create_images_from_files(
        self,
        project_id: str,
        images: Sequence[FileEntry],
        *,
        tag_ids: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> CreateSummary:
        """Send images as bytes; limits and arguments as for ``create_images_from_urls``."""
        entries = file_entries([(e.name, e.contents) for e in images], _label_columns_of(images, tag_ids))
        body = self.creation(entries, tag_ids=tag_ids, metadata=metadata)
        return decode(CreateSummary, await self.post_creation("CreateImagesFromFiles", project_id, body))

    async def create_images_from_data(
        self,
        project_id: str,
        images: bytes | Mapping[str, bytes],
        *,
        tag_ids: Sequence[str] | None = None,
    ) -> CreateSummary:
        """Send one image as it is, or at most 64 by name, all with the same tags.

        The answer gives each name in quotes, as it was sent.
        """
        path, params = f"projects/{project_id}/images", {"tagIds": tag_ids}
        at_most(MAX_TAGS_PER_BATCH, tag_ids, "tags")
        kind, content = "application/octet-stream", images
        if not isinstance(content, bytes):
            at_most(MAX_IMAGES_PER_BATCH, content, "images")
            kind, content = _form(content)
        answer = await self._call(
            "CreateImagesFromData", "POST", path, params=params, content=content, content_type=kind
        )
        return decode(CreateSummary, answer)

    async def create_images_from_predictions(
        self,
        project_id: str,
        images: Sequence[PredictionEntry],
        *,
        tag_ids: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> CreateSummary:
        """Take images over from kept predictions; limits and arguments as for ``create_images_from_urls``."""
        entries = id_entries([e.id for e in images], _label_columns_of(images, tag_ids))
        body = self.creation(entries, tag_ids=tag_ids, metadata=metadata)
        answer = await self.post_creation("CreateImagesFromPredictions", project_id, body)
        return decode(CreateSummary, answer)

    def creation(
        self,
        entries: Sequence[CreateEntry],
        *,
        tag_ids: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Write the body of a request that creates images; any thread may do so.

        Args:
            entries: Of ``api.entries``; the caller lets them name 20 tags at most.
            tag_ids: For all of them.
            metadata: For all of them (v3.3 and later).
        """
        at_most(MAX_IMAGES_PER_BATCH, entries, "images")
        at_most(MAX_METADATA_PAIRS, metadata, "metadata pairs")
        body: dict[str, Any] = {"images": entries}
        if tag_ids:
            body["tagIds"] = list(tag_ids)
        if self._since(METADATA_SINCE, "metadata", metadata):
            body["metadata"] = metadata
        return write(body)

    async def post_creation(
        self, operation: str, project_id: str, body: bytes, *, read: Read = orjson.loads
    ) -> Answer:
        """Create images; the caller reads of the answer what it needs.

        Args:
            operation: ``CreateImagesFromUrls``, ``…Files`` or ``…Predictions``.
            project_id: Where they go.
            body: Of ``creation``.
            read: Makes of the answer what it will hold.
        """
        path = f"projects/{project_id}/images/{operation.removeprefix('CreateImagesFrom').lower()}"
        return await self._call(
            operation, "POST", path, content=body, content_type="application/json", read=read
        )

    async def update_image_metadata(
        self, project_id: str, image_ids: Sequence[str], metadata: Mapping[str, str]
    ) -> MetadataSummary:
        """Give images metadata (v3.3 and later); whether pairs that are not named stay is not documented."""
        at_most(MAX_IDS_PER_READ, image_ids, "images")
        at_most(MAX_METADATA_PAIRS, metadata, "metadata pairs")
        path, params = f"projects/{project_id}/images/metadata", {"imageIds": image_ids}
        answer = await self._call("UpdateImageMetadata", "POST", path, params=params, json=dict(metadata))
        return decode(MetadataSummary, answer)

    async def delete_images(
        self,
        project_id: str,
        image_ids: Sequence[str] | None = None,
        *,
        all_images: bool | None = None,
        all_iterations: bool | None = None,
    ) -> None:
        """Delete images and their labels: some, or ``all_images`` (v3.1 and later, as ``all_iterations``)."""
        for name, value in (("all_images", all_images), ("all_iterations", all_iterations)):
            self._since(DELETE_ALL_SINCE, name, value)
        at_most(MAX_IDS_PER_DELETE, image_ids, "images")
        params = {"imageIds": image_ids, "allImages": all_images, "allIterations": all_iterations}
        await self._call("DeleteImages", "DELETE", f"projects/{project_id}/images", params=params)


def _form(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Write files as `multipart/form-data`; its content type and its bytes."""
    boundary = secrets.token_hex(16)
    parts = []
    for name, content in files.items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="imageData"; filename="{quoted}"\r\n'
        parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


def _label_columns_of(
    images: Iterable[UrlEntry | FileEntry | PredictionEntry], tag_ids: Iterable[str]
) -> LabelColumns:
    """Write the labels of images that all get ``tag_ids``, too."""
    labels = [
        [*((tag_id, None) for tag_id in e.tag_ids), *((r.tag_id, r) for r in e.regions)] for e in images
    ]
    flat = [*chain.from_iterable(labels)]
    tags, regions = [tag_id for tag_id, _ in flat], [region for _, region in flat]
    at_most(MAX_TAGS_PER_BATCH, {*tag_ids, *tags}, "tags")
    sides = [[getattr(region, side, None) for region in regions] for side in BOX]
    return label_columns(tags, sides, [0, *accumulate(map(len, labels))])
