"""Copies of projects of any kind and content."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from emulator_fixtures import DETECTION
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import make_png
from pairs import Pair
from shelf import Shelf
from terminal import StartServed

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry
from cvsync.flows.project import NewProject
from cvsync.labels import fold
from cvsync.model import Project, ProjectType, Region

_NUMBERS = count()
_NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12
).filter(lambda name: name == name.strip())  # fmt: skip
_SIDES = st.floats(0, 0.5, width=32)
_BOXES = st.tuples(_SIDES, _SIDES, st.floats(0.0625, 0.5, width=32), st.floats(0.0625, 0.5, width=32))


@dataclass(frozen=True)
class Content:
    """What a project is made of."""

    type: ProjectType
    tags: tuple[str, ...]
    negative: bool
    """Whether the last tag says that there is nothing on an image."""
    images: tuple[tuple[tuple[int, tuple[float, ...] | None], ...], ...]
    """For each image its labels: the number of a tag, and a box or none."""
    already: int
    """How many of the pictures the other resource has before."""


@st.composite
def contents(draw: st.DrawFn) -> Content:
    type_ = draw(st.sampled_from([*ProjectType]))
    tags = draw(st.lists(_NAMES, min_size=1, max_size=5, unique_by=fold))
    negative = type_ is not ProjectType.DETECTION and draw(st.booleans())
    regular = range(len(tags) - negative)
    images: list[tuple[tuple[int, tuple[float, ...] | None], ...]] = []
    for _ in range(draw(st.integers(0, 6))):
        if not regular or (negative and draw(st.booleans())):
            images.append(((len(tags) - 1, None),) if negative else ())
        elif type_ is ProjectType.DETECTION:
            number = draw(st.sampled_from([0, 1, 2, 5, 5, 300]))
            boxes = draw(st.lists(_BOXES, min_size=min(number, 5), max_size=min(number, 5)))
            many = [(draw(st.sampled_from(regular)), box) for box in boxes] * max(1, number // 5)
            images.append(tuple((tag, _moved(box, n // 5)) for n, (tag, box) in enumerate(many)))
        else:
            most = 1 if type_ is ProjectType.MULTICLASS else len(regular)
            chosen = draw(st.lists(st.sampled_from(regular), max_size=most, unique=True))
            images.append(tuple((tag, None) for tag in chosen))
    return Content(type_, tuple(tags), negative, tuple(images), draw(st.integers(0, len(images))))


def _moved(box: tuple[float, ...], times: int) -> tuple[float, ...]:
    left, top, width, height = box
    return (left, top, width, height * (1 - times / 128))


async def build(client: Client, name: str, content: Content) -> Project:
    kind = None if content.type is ProjectType.DETECTION else content.type.value.capitalize()
    domain = DETECTION if kind is None else None
    project = await client.create_project(name, domain_id=domain, classification_type=kind)
    ids = []
    for n, tag in enumerate(content.tags):
        is_negative = content.negative and n == len(content.tags) - 1
        made = await client.create_tag(
            project.id, tag, description=f"of {tag}"[: n * 3], type_="Negative" if is_negative else None
        )
        ids.append(made.id)
    for n, labels in enumerate(content.images):
        (image_id,) = await store(client, project, [n])
        for start in range(0, len(labels), 64):
            some = labels[start : start + 64]
            boxes = [(image_id, Region(ids[tag], *box)) for tag, box in some if box]
            tags = [(image_id, ids[tag]) for tag, box in some if not box]
            if boxes:
                await client.create_image_regions(project.id, boxes)
            if tags:
                await client.create_image_tags(project.id, tags)
    return project


async def store(client: Client, project: Project, numbers: Sequence[int]) -> list[str]:
    files = [FileEntry(f"{n}.png", make_png(n, (8, 6))) for n in numbers]
    stored = (await client.create_images_from_files(project.id, files)).images
    return [outcome.image.id for outcome in stored if outcome.image]


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=contents())
def test_any_project_is_equal_to_its_copy(
    start_served: StartServed, tmp_path: Path, started: list[Shelf], content: Content
) -> None:
    """And a second run has nothing to do, whatever the copy held before."""
    if not started:
        for version in ("v2.2", "v3.3"):
            emulator = start_served(fetch=True, quota="none")
            started.append(Shelf(emulator, tmp_path, tmp_path / version, version))
    pair, name = Pair(*started), f"project {next(_NUMBERS)}"

    asyncio.run(_copy(pair, name, content))


async def _copy(pair: Pair, name: str, content: Content) -> None:
    async with open_client(pair.source.settings) as (client, _):
        await build(client, name, content)
    create = NewProject()
    if content.already:
        async with open_client(pair.copy.settings) as (client, _):
            bare = replace(content, tags=(), negative=False, images=())
            await store(client, await build(client, name, bare), range(content.already))
            create = None

    report = await pair.migrate(source=name, project=name, create=create)
    again = await pair.plan(source=name, project=name)

    assert report.is_complete
    assert report.counts["images_adopted"] == content.already
    assert again.is_empty
    assert (await pair.verify(source=name, project=name)).differences == ()


@pytest.fixture
def started() -> list[Shelf]:
    """Both resources, once they are started: all examples share them."""
    return []
