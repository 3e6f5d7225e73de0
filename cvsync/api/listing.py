"""Pages through a project into one Snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.client import Client
from cvsync.errors import PlanError
from cvsync.labels import as_column
from cvsync.limits import IDS_PER_URL, MAX_PAGE
from cvsync.model import Image, Project, ProjectType
from cvsync.snapshot import IMAGES, LABELS, Snapshot

_PAGES_AT_ONCE = 8
_READINGS = 3
_CHANGING = "the project keeps changing while it is read; stop the other writer and run again"

T = TypeVar("T")
Page = Callable[..., Awaitable[Sequence[Image]]]


async def fetch_snapshot(client: Client, project: Project, type_: ProjectType) -> Snapshot:
    """Read the tags, images and labels of a project of a type, as ``project_type`` tells it.

    Each page becomes columns when it arrives: about 70 bytes an image and 60 a label, and a few pages of
    objects in flight.

    Raises:
        PlanError: The project changed at every reading, so that no reading was whole.
    """
    tags, pages = await asyncio.gather(
        client.get_tags(project.id), _whole(client, project.id, lambda images: _columns(images, type_))
    )
    starts = np.cumsum([0, *(images.num_rows for images, _ in pages)])
    labels = [_moved(table, int(start)) for (_, table), start in zip(pages, starts[:-1], strict=True)]
    images = pa.concat_tables([IMAGES.empty_table(), *(images for images, _ in pages)])
    joined = pa.concat_tables([LABELS.empty_table(), *labels]).unify_dictionaries().combine_chunks()
    if not set(pc.unique(joined.column("tag_id")).to_pylist()) <= {tag.id for tag in tags}:
        raise PlanError(_CHANGING)
    return Snapshot(project, type_, tags, images.combine_chunks(), joined)


async def project_type(client: Client, project: Project) -> ProjectType:
    """Tell what a project learns, by its domain and classification type."""
    domain = await client.get_domain(project.settings.domain_id or "")
    if domain.type == "ObjectDetection":
        return ProjectType.DETECTION
    is_multiclass = project.settings.classification_type == "Multiclass"
    return ProjectType.MULTICLASS if is_multiclass else ProjectType.MULTILABEL


async def fetch_all_images(client: Client, project_id: str) -> list[Image]:
    """Read every image, with labels and without; all are held, about a kilobyte each."""
    pages = await _whole(client, project_id, lambda images: (_ids(images), images))
    return [image for _, images in pages for image in images]


async def _whole(
    client: Client, project_id: str, read: Callable[[Sequence[Image]], tuple[pa.Table, T]]
) -> list[tuple[pa.Table, T]]:
    """Read all pages, each into a table with its ``image_id``s and whatever else is wanted of it."""
    for _ in range(_READINGS):
        tagged, untagged = await asyncio.gather(
            client.get_tagged_image_count(project_id), client.get_untagged_image_count(project_id)
        )
        gate = asyncio.Semaphore(_PAGES_AT_ONCE)

        async def page(list_images: Page, skip: int, gate: asyncio.Semaphore = gate) -> tuple[pa.Table, T]:
            async with gate:
                return read(await list_images(project_id, order_by="Oldest", skip=skip))

        pages = await asyncio.gather(
            *(page(client.get_tagged_images, skip) for skip in range(0, tagged, MAX_PAGE)),
            *(page(client.get_untagged_images, skip) for skip in range(0, untagged, MAX_PAGE)),
        )
        ids = [images.column("image_id") for images, _ in pages]
        distinct = pc.count_distinct(
            pa.chunked_array([c for i in ids for c in i.chunks], pa.string())
        ).as_py()
        if distinct == sum(map(len, ids)) == tagged + untagged:  # else somebody moved an image meanwhile
            return pages
    raise PlanError(_CHANGING)


async def fetch_images(client: Client, project_id: str, image_ids: Sequence[str]) -> list[Image]:
    """Read images by id, however many; those that are gone are left out."""
    found: list[Image] = []
    for start in range(0, len(image_ids), IDS_PER_URL):
        found += await client.get_images_by_ids(project_id, image_ids[start : start + IDS_PER_URL])
    return found


def _ids(images: Sequence[Image]) -> pa.Table:
    return pa.table({"image_id": pa.array([image.id for image in images], pa.string())})


def _columns(images: Sequence[Image], type_: ProjectType) -> tuple[pa.Table, pa.Table]:
    sizes = ([i.id for i in images], [i.width for i in images], [i.height for i in images])
    arrays = [pa.array(c, f.type) for c, f in zip(sizes, IMAGES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=IMAGES), _label_columns(images, type_)


def _moved(labels: pa.Table, start: int) -> pa.Table:
    """Number the images of a page as they stand in the whole."""
    position = pc.add(labels.column("image"), pa.scalar(start, pa.int32()))
    return labels.set_column(0, LABELS.field("image"), position)


def _label_columns(images: Iterable[Image], type_: ProjectType) -> pa.Table:
    rows: list[tuple[object, ...]] = []
    for position, image in enumerate(images):
        if type_ is ProjectType.DETECTION:
            rows += [
                (position, r.tag_id, r.region_id, r.left, r.top, r.width, r.height) for r in image.regions
            ]
        else:
            rows += [(position, t.tag_id, None, None, None, None, None) for t in image.tags]
    columns = list(zip(*rows, strict=True)) or [()] * len(LABELS)
    arrays = [
        as_column(pa.array(c, pa.string() if pa.types.is_dictionary(f.type) else f.type), f.type)
        for c, f in zip(columns, LABELS, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=LABELS)
