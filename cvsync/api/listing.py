"""Pages through a project into one Snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import pyarrow as pa

from cvsync.api.client import Client
from cvsync.errors import PlanError
from cvsync.labels import as_column
from cvsync.limits import MAX_PAGE
from cvsync.model import Image, Project, ProjectType
from cvsync.snapshot import IMAGES, LABELS, Snapshot

_IDS_PER_READ = 200  # keeps the URL under MAX_URL_BYTES
_PAGES_AT_ONCE = 8
_READINGS = 3

Page = Callable[[int], Awaitable[Sequence[Image]]]


async def fetch_snapshot(client: Client, project: Project, type_: ProjectType) -> Snapshot:
    """Read the tags, images and labels of a project of a type, as ``project_type`` tells it.

    Raises:
        PlanError: The project changed at every reading, so that no reading was whole.
    """
    tags, images = await asyncio.gather(client.get_tags(project.id), fetch_all_images(client, project.id))
    labels = _label_columns(images, type_)
    return Snapshot(project, type_, tags, _image_columns(images), labels)


async def project_type(client: Client, project: Project) -> ProjectType:
    """Tell what a project learns, by its domain and classification type."""
    domain = await client.get_domain(project.settings.domain_id or "")
    if domain.type == "ObjectDetection":
        return ProjectType.DETECTION
    is_multiclass = project.settings.classification_type == "Multiclass"
    return ProjectType.MULTICLASS if is_multiclass else ProjectType.MULTILABEL


async def fetch_all_images(client: Client, project_id: str) -> list[Image]:
    """Read every image, with labels and without."""
    for _ in range(_READINGS):
        tagged, untagged = await asyncio.gather(
            client.get_tagged_image_count(project_id), client.get_untagged_image_count(project_id)
        )

        async def tagged_page(skip: int) -> Sequence[Image]:
            return await client.get_tagged_images(project_id, order_by="Oldest", skip=skip)

        async def untagged_page(skip: int) -> Sequence[Image]:
            return await client.get_untagged_images(project_id, order_by="Oldest", skip=skip)

        images: dict[str, Image] = {}
        for count, page in ((tagged, tagged_page), (untagged, untagged_page)):
            images |= {image.id: image for image in await _pages(page, count)}
        if len(images) == tagged + untagged:  # else somebody moved an image between two pages
            return list(images.values())
    raise PlanError("the project keeps changing while it is read; stop the other writer and run again")


async def _pages(page: Page, count: int) -> list[Image]:
    gate = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def read(skip: int) -> Sequence[Image]:
        async with gate:
            return await page(skip)

    found = await asyncio.gather(*(read(skip) for skip in range(0, count, MAX_PAGE)))
    return [image for images in found for image in images]


async def fetch_images(client: Client, project_id: str, image_ids: Sequence[str]) -> list[Image]:
    """Read images by id, however many; those that are gone are left out."""
    found: list[Image] = []
    for start in range(0, len(image_ids), _IDS_PER_READ):
        found += await client.get_images_by_ids(project_id, image_ids[start : start + _IDS_PER_READ])
    return found


def _image_columns(images: Sequence[Image]) -> pa.Table:
    columns = ([i.id for i in images], [i.width for i in images], [i.height for i in images])
    arrays = [pa.array(c, f.type) for c, f in zip(columns, IMAGES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=IMAGES)


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
