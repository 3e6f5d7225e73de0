"""Other ways to take a project's images out of the service.

    python -m benchmarks.pull_clients NAME URL PROJECT FOLDER

The bare loop is no client that anybody uses: it lists the images and writes their bytes, with nothing
checked, named, recorded or labelled, and so says what any client can reach.
"""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import aiohttp
from azure.cognitiveservices.vision.customvision.training import CustomVisionTrainingClient
from msrest.authentication import ApiKeyCredentials

KEY = "local-training-key"
PAGE = 256
PAGES_AT_ONCE, DOWNLOADS_AT_ONCE = 8, 16  # as cvsync has them


def aiohttp_loop(url: str, project: str, folder: Path) -> None:
    """Download with nothing around aiohttp."""
    asyncio.run(_download_all(url, project, folder))


async def _download_all(url: str, project: str, folder: Path) -> None:
    at = f"{url}/customvision/v3.3/training/projects/{project}/images"
    key = {"Training-Key": KEY}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        async with session.get(f"{at}/count", headers=key) as answer:
            count = await answer.json()
        links: list[str] = []
        pages = iter(range(0, count, PAGE))

        async def list_pages() -> None:
            for skip in pages:
                where = f"{at}?take={PAGE}&skip={skip}&orderBy=Oldest"
                async with session.get(where, headers=key) as answer:
                    links.extend(image["originalImageUri"] for image in await answer.json())

        await _at_once(PAGES_AT_ONCE, list_pages)
        numbered = iter(enumerate(links))

        async def download() -> None:
            for number, link in numbered:
                async with session.get(link) as answer:
                    answer.raise_for_status()
                    (folder / f"{number}.png").write_bytes(await answer.read())

        await _at_once(DOWNLOADS_AT_ONCE, download)


async def _at_once(count: int, work: Callable[[], Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(work())


def sdk_loop(url: str, project: str, folder: Path) -> None:
    """Download as the SDK's samples do: a page, then each of its images."""
    credentials = ApiKeyCredentials(in_headers={"Training-key": KEY})
    with CustomVisionTrainingClient(url, credentials) as client:
        for image in _pages(client, project):
            with urllib.request.urlopen(image.original_image_uri, timeout=60) as answer:
                (folder / f"{image.id}.png").write_bytes(answer.read())


def _pages(client: CustomVisionTrainingClient, project: str) -> Iterator[object]:
    for skip in range(0, client.get_image_count(project), PAGE):
        yield from client.get_images(project, take=PAGE, skip=skip)


def cvsutils(url: str, project: str, folder: Path) -> None:
    """Run the program `cvs_download_project`, which makes the folder itself."""
    folder.rmdir()
    environment = os.environ | {"CVS_ENDPOINT": url, "CVS_TRAINING_KEY": KEY}
    command = [sys.executable, "-m", "cvsutils.commands.download_project", project, str(folder)]
    os.execve(sys.executable, command, environment)


CLIENTS: dict[str, Callable[[str, str, Path], None]] = {
    "aiohttp loop": aiohttp_loop,
    "SDK loop": sdk_loop,
    "cvsutils": cvsutils,
}


if __name__ == "__main__":
    name, url, project, folder = sys.argv[1:]
    CLIENTS[name](url, project, Path(folder))
