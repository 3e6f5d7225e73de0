"""Other clients of the service, doing what their users do.

    python -m benchmarks.clients NAME URL PROJECT FILE

Each reads the manifest, looks the tags' ids up and uploads. A script's own error handling is as kind as the
official quickstart allows: where that exits at the first batch that is not whole, these print and go on.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from azure.cognitiveservices.vision.customvision.training import CustomVisionTrainingClient
from azure.cognitiveservices.vision.customvision.training.models import (
    CustomVisionErrorException,
    ImageFileCreateBatch,
    ImageFileCreateEntry,
    ImageUrlCreateBatch,
    ImageUrlCreateEntry,
    Region,
)
from msrest.authentication import ApiKeyCredentials
from msrest.exceptions import ClientException

KEY = "local-training-key"
IMAGES_A_CALL = 64
THREADS = 8
PAGE = 256


def connect(url: str) -> CustomVisionTrainingClient:
    return CustomVisionTrainingClient(url, ApiKeyCredentials(in_headers={"Training-key": KEY}))


def read_entries(client: CustomVisionTrainingClient, project: str, manifest: Path) -> list[Any]:
    """Read the manifest into what the SDK sends."""
    ids = {tag.name: tag.id for tag in client.get_tags(project)}
    with manifest.open(newline="") as file:
        return [
            ImageUrlCreateEntry(url=row["url"], regions=[
                Region(tag_id=ids[row["tag"]], left=float(row["left"]), top=float(row["top"]),
                       width=float(row["width"]), height=float(row["height"]))])
            for row in csv.DictReader(file)
        ]  # fmt: skip


def cut(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut what is to be sent into batches."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def send(client: CustomVisionTrainingClient, project: str, entries: Sequence[Any]) -> None:
    """Send one batch, print what was not taken, and go on."""
    try:
        result = client.create_images_from_urls(project, ImageUrlCreateBatch(images=list(entries)))
    except (CustomVisionErrorException, ClientException) as error:
        print(f"upload failed: {error}", file=sys.stderr)
        return
    if not result.is_batch_successful:
        for image in result.images:
            print(f"{image.source_url}: {image.status}", file=sys.stderr)


def sdk_loop(url: str, project: str, manifest: Path) -> None:
    """Upload as the quickstart does: full batches, one after the other."""
    with connect(url) as client:
        for entries in cut(read_entries(client, project, manifest), IMAGES_A_CALL):
            send(client, project, entries)


def sdk_threads(url: str, project: str, manifest: Path) -> None:
    """Upload full batches from a pool of threads."""
    with connect(url) as client, ThreadPoolExecutor(THREADS) as pool:
        entries = read_entries(client, project, manifest)
        for future in [pool.submit(send, client, project, e) for e in cut(entries, IMAGES_A_CALL)]:
            future.result()


def one_image_a_call(url: str, project: str, manifest: Path) -> None:
    """Upload as the old script for moving projects does."""
    with connect(url) as client:
        for entries in cut(read_entries(client, project, manifest), 1):
            send(client, project, entries)


def coco2customvision(url: str, project: str, manifest: Path) -> None:
    """Upload with the library's own method; what it raises ends it."""
    from coco2customvision.custom_vision import ObjectDetectionTrainer

    trainer = ObjectDetectionTrainer(KEY, url)
    entries = read_entries(trainer.client, project, manifest)
    trainer.upload_images_from_url(trainer.client.get_project(project), entries)
    trainer.client.close()


def sdk_files(url: str, project: str, folder: Path) -> None:
    """Upload the pictures of a folder as the quickstart does, in batches that the limit of a body allows."""
    with connect(url) as client:
        tag = client.get_tags(project)[0].id
        region = Region(tag_id=tag, left=0.1, top=0.2, width=0.3, height=0.4)
        for paths in cut(sorted(folder.iterdir()), IMAGES_A_CALL):
            entries = [
                ImageFileCreateEntry(name=path.name, contents=path.read_bytes(), regions=[region])
                for path in paths
            ]
            result = client.create_images_from_files(project, ImageFileCreateBatch(images=entries))
            if not result.is_batch_successful:
                sys.exit("Image batch upload failed.")


def sdk_copy(url: str, project: str, target: str) -> None:
    """Copy a project into another resource: read pages of images, and send their links with their boxes.

    ``target`` is that resource's URL and its project, with a comma between.
    """
    to_url, to_project = target.split(",")
    with connect(url) as source, connect(to_url) as copy:
        ids = {tag.name: tag.id for tag in copy.get_tags(to_project)}
        for skip in range(0, source.get_image_count(project), PAGE):
            images = source.get_images(project, take=PAGE, skip=skip)
            entries = [
                ImageUrlCreateEntry(url=image.original_image_uri, regions=[
                    Region(tag_id=ids[r.tag_name], left=r.left, top=r.top, width=r.width, height=r.height)
                    for r in image.regions or ()])
                for image in images
            ]  # fmt: skip
            for batch in cut(entries, IMAGES_A_CALL):
                send(copy, to_project, batch)


CLIENTS: dict[str, Callable[[str, str, Any], None]] = {
    "SDK loop": sdk_loop,
    "SDK, 8 threads": sdk_threads,
    "coco2customvision": coco2customvision,
    "SDK, one image a call": one_image_a_call,
    "SDK files": sdk_files,
    "SDK loop, copying": sdk_copy,
}


if __name__ == "__main__":
    name, url, project, source = sys.argv[1:]
    CLIENTS[name](url, project, source if name == "SDK loop, copying" else Path(source))
