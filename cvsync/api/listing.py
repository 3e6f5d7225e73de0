"""Pages through a project into one Snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.both import both
from cvsync.api.client import Client
from cvsync.errors import PlanError
from cvsync.labels import as_column
from cvsync.limits import IDS_PER_URL, MAX_PAGE
from cvsync.model import Domain, Image, Project, ProjectType
from cvsync.snapshot import DETAILS, IMAGES, LABELS, Snapshot

_PAGES_AT_ONCE = 8
_READINGS = 3
_CHANGING = "the project keeps changing while it is read; stop the other writer and run again"

Count = Callable[[], Awaitable[int]]
ListImages = Callable[..., Awaitable[Sequence[Image]]]
Page = tuple[pa.Table, pa.Table]
"""The images of a page, and their labels."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A page of a list, without the image that it shares with the page before."""

    skip: int
    first: str
    """Id of the first image that came, the shared one included."""
    last: str
    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which images of a project to read; by default all that it holds now."""

    iteration_id: str | None = None
    """As an iteration saw them."""
    tag_ids: tuple[str, ...] = ()
    """Only images with one of these, at most 20."""
    tagged: bool | None = None
    """Only images with labels, or only those without; None: both."""
    filter_: str | None = None
    """An OData condition on metadata, as ``metadata=batch eq 'x'`` (v3.3 and later)."""

    def lists(self, client: Client, project_id: str) -> list[tuple[Count, ListImages]]:
        """Give the service's lists that make up the selection, each with its count."""
        seen = {"iteration_id": self.iteration_id}
        tagged: dict[str, object] = {**seen, "tag_ids": self.tag_ids or None}
        if self.filter_ is not None:
            status = {None: None, True: "Tagged", False: "Untagged"}[self.tagged]
            found = {**tagged, "filter_": self.filter_, "tagging_status": status}
            return [_narrowed(client.get_image_count, client.get_images, project_id, found)]
        lists = []
        if self.tagged is not False:
            lists.append(
                _narrowed(client.get_tagged_image_count, client.get_tagged_images, project_id, tagged)
            )
        if self.tagged is not True and not self.tag_ids:
            counted, read = client.get_untagged_image_count, client.get_untagged_images
            lists.append(_narrowed(counted, read, project_id, seen))
        return lists


def _narrowed(
    count: Callable[..., Awaitable[int]], page: ListImages, project_id: str, facts: Mapping[str, object]
) -> tuple[Count, ListImages]:
    return partial(count, project_id, **facts), partial(page, project_id, **facts)


EVERYTHING = Selection()


async def fetch_snapshot(client: Client, project: Project, type_: ProjectType) -> Snapshot:
    """Read the tags, images and labels of a project of a type, as ``project_type`` tells it.

    Each page becomes columns when it arrives: about 70 bytes an image and 60 a label, and a few pages of
    objects in flight.

    Raises:
        PlanError: The project changed at every reading, so that no reading was whole.
    """
    return await _fetch(client, project, type_, EVERYTHING, _columns)


async def fetch_contents(
    client: Client,
    project: Project,
    type_: ProjectType,
    selection: Selection = EVERYTHING,
    *,
    seen: Callable[[Sequence[Image]], Sequence[Image]] | None = None,
) -> Snapshot:
    """Read a selection of a project with all that the service tells of an image: columns of ``DETAILS``.

    Holds about 500 bytes an image, most of it the link, and 60 a label. A link lives for a day.

    Args:
        client: Of the resource.
        project: Whose images.
        type_: What it learns.
        selection: Which of its images.
        seen: Is given each page as it comes, and gives it back with as much of each image as is to be held.
            A project that changes meanwhile is read anew, and its images are then given again.

    Raises:
        PlanError: The project changed at every reading, so that no reading was whole.
        UnsupportedError: The API version knows no filter.
    """

    def columns(images: Sequence[Image]) -> pa.Table:
        return _detailed_columns(images if seen is None else seen(images))

    return await _fetch(client, project, type_, selection, columns)


async def _fetch(
    client: Client,
    project: Project,
    type_: ProjectType,
    selection: Selection,
    image_columns: Callable[[Sequence[Image]], pa.Table],
) -> Snapshot:
    tags, pages = await both(
        client.get_tags(project.id, iteration_id=selection.iteration_id),
        _whole(client, project.id, selection, lambda i: (image_columns(i), _label_columns(i, type_))),
    )
    starts = np.cumsum([0, *(images.num_rows for images, _ in pages)])
    labels = [_moved(table, int(start)) for (_, table), start in zip(pages, starts[:-1], strict=True)]
    images = pa.concat_tables([image_columns([]), *(images for images, _ in pages)])
    pages.clear()  # what brought them lives on until the next wait, and would hold all of it twice
    joined = pa.concat_tables([LABELS.empty_table(), *labels]).unify_dictionaries().combine_chunks()
    if not set(pc.unique(joined.column("tag_id")).to_pylist()) <= {tag.id for tag in tags}:
        raise PlanError(_CHANGING)
    return Snapshot(project, type_, tags, images.combine_chunks(), joined)


async def project_type(client: Client, project: Project) -> ProjectType:
    """Tell what a project learns, by its domain and classification type."""
    return type_of(project, await client.get_domain(project.settings.domain_id or ""))


def type_of(project: Project, domain: Domain) -> ProjectType:
    """Tell what a project of a domain learns."""
    if domain.type == "ObjectDetection":
        return ProjectType.DETECTION
    is_multiclass = project.settings.classification_type == "Multiclass"
    return ProjectType.MULTICLASS if is_multiclass else ProjectType.MULTILABEL


async def _whole(
    client: Client,
    project_id: str,
    selection: Selection,
    read: Callable[[Sequence[Image]], Page],
) -> list[Page]:
    """Read all pages.

    Each page of a list begins with the last image of the one before: where it does not, an image went or came
    meanwhile, and the count alone might not tell.
    """
    lists = selection.lists(client, project_id)
    for _ in range(_READINGS):
        counts = await asyncio.gather(*(count() for count, _ in lists))
        gate = asyncio.Semaphore(_PAGES_AT_ONCE)

        async def part(list_images: ListImages, skip: int, gate: asyncio.Semaphore = gate) -> _Part:
            async with gate:
                found = await list_images(order_by="Oldest", skip=skip)
            ends = (found[0].id, found[-1].id) if found else ("", "")
            return _Part(skip, *ends, read(found[1:] if skip else found))

        parts = await asyncio.gather(
            *(
                part(list_images, skip)
                for count, (_, list_images) in zip(counts, lists, strict=True)
                for skip in range(0, count - 1 or 1, MAX_PAGE - 1)
            )
        )
        pages = [part.page for part in parts]
        are_joined = all(not after.skip or before.last == after.first for before, after in pairwise(parts))
        ids = [images.column("image_id") for images, _ in pages]
        distinct = pc.count_distinct(
            pa.chunked_array([c for i in ids for c in i.chunks], pa.string())
        ).as_py()
        if are_joined and distinct == sum(map(len, ids)) == sum(
            counts
        ):  # else somebody moved an image meanwhile
            return pages
    raise PlanError(_CHANGING)


async def fetch_images(client: Client, project_id: str, image_ids: Sequence[str]) -> list[Image]:
    """Read images by id, however many; those that are gone are left out."""
    found: list[Image] = []
    for start in range(0, len(image_ids), IDS_PER_URL):
        found += await client.get_images_by_ids(project_id, image_ids[start : start + IDS_PER_URL])
    return found


def _columns(images: Sequence[Image]) -> pa.Table:
    sizes = ([i.id for i in images], [i.width for i in images], [i.height for i in images])
    arrays = [pa.array(c, f.type) for c, f in zip(sizes, IMAGES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=IMAGES)


def _detailed_columns(images: Sequence[Image]) -> pa.Table:
    more: tuple[list[object], ...] = (
        [i.created for i in images],
        [i.original_image_uri for i in images],
        [[*i.metadata.items()] for i in images],
    )
    columns = _columns(images).columns
    columns += [pa.array(c, f.type) for c, f in zip(more, list(DETAILS)[len(IMAGES) :], strict=True)]
    return pa.Table.from_arrays(columns, schema=DETAILS)


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
