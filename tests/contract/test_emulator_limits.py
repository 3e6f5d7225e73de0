"""As much as one call may hold, in one call."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from emulator_fixtures import Api
from PIL import Image

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry, UrlEntry
from cvsync.limits import MAX_IDS_PER_READ, MAX_IMAGES_PER_BATCH
from cvsync.settings import Settings


@pytest.fixture
async def client(emulator_api: Api) -> AsyncIterator[Client]:
    settings = Settings(endpoint=emulator_api.emulator.url, training_key="local-training-key")
    async with open_client(settings) as (opened, _):
        yield opened


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """64 different pictures of just over 500 KB each."""
    chance, made = np.random.default_rng(1), []
    for _ in range(MAX_IMAGES_PER_BATCH):
        buffer = io.BytesIO()
        Image.fromarray(chance.integers(0, 256, (410, 410, 3), dtype=np.uint8)).save(buffer, "BMP")
        made.append(buffer.getvalue())
    assert min(map(len, made)) > 500_000
    return made


async def calls(api: Api) -> dict[str, Any]:
    """What was answered since the last look, by operation and status."""
    seen: dict[str, Any] = (await api.control("GET", "requests")).value["by_operation"]
    await api.control("POST", "reset")
    return seen


async def test_64_files_of_500_kb_go_in_one_call(
    emulator_api: Api, client: Client, pictures: list[bytes]
) -> None:
    project = (await client.create_project("large")).id
    await calls(emulator_api)

    entries = [FileEntry(f"{n}.bmp", picture) for n, picture in enumerate(pictures)]
    encoded = await client.create_images_from_files(project, entries)
    form = await client.create_images_from_data(
        project, {f"{n}.bmp": picture for n, picture in enumerate(pictures)}
    )

    assert [one.status for one in encoded.images] == ["OK"] * 64
    assert [one.status for one in form.images] == ["OKDuplicate"] * 64
    assert await calls(emulator_api) == {
        "CreateImagesFromFiles": {"200": 1}, "CreateImagesFromData": {"207": 1},
    }  # fmt: skip


async def test_256_ids_go_in_one_query(emulator_api: Api, client: Client) -> None:
    project = (await client.create_project("many")).id
    ids: list[str] = []
    for start in range(0, MAX_IDS_PER_READ, MAX_IMAGES_PER_BATCH):
        entries = [UrlEntry(f"https://x.test/{start + n}") for n in range(MAX_IMAGES_PER_BATCH)]
        summary = await client.create_images_from_urls(project, entries)
        ids += [one.image.id for one in summary.images if one.image]
    await calls(emulator_api)

    found = await client.get_images_by_ids(project, ids)
    await client.update_image_metadata(project, ids, {"a": "b"})
    await client.delete_images(project, ids)

    assert {image.id for image in found} == set(ids)
    assert len(found) == 256
    assert await client.get_image_count(project) == 0
    assert await calls(emulator_api) == {
        "GetImagesByIds": {"200": 1}, "UpdateImageMetadata": {"200": 1}, "DeleteImages": {"204": 1},
        "GetImageCount": {"200": 1},
    }  # fmt: skip
