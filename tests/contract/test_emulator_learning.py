"""What is learnt from real photographs, and what exported models say to a program that knows no cvsync."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cvsync.emulator import EmulatorThread

pytest.importorskip("onnxruntime")
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION_COMPACT = "a27d5ca5-bb19-49d8-a70a-fec086c47f5b"
SCRIPT = Path(__file__).with_name("run_exported.py")
SIDES = ("left", "top", "width", "height")
TRAINED_ON = 15
Row = dict[str, str]


@dataclass(frozen=True)
class Service:
    """An emulator, by plain calls."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"Training-Key": "local-training-key", "Content-Type": kind}
        url = f"{self.url}/customvision/v3.4-preview/training/{path}"
        request = urllib.request.Request(url, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def project(self, domain: str, kind: str = "Multilabel") -> str:
        query = f"projects?name=learn&domainId={domain}&classificationType={kind}"
        return str(self.call("POST", query)["id"])

    def tags(self, project: str, names: Iterable[str]) -> dict[str, str]:
        path = f"projects/{project}/tags"
        return {name: self.call("POST", f"{path}?name={name}")["id"] for name in names}

    def add(self, project: str, contents: bytes, **labels: Any) -> None:
        entry = {"name": "p", "contents": base64.b64encode(contents).decode()} | labels
        answer = self.call("POST", f"projects/{project}/images/files", {"images": [entry]})
        assert answer["isBatchSuccessful"], answer

    def train(self, project: str) -> Any:
        iteration = self.call("POST", f"projects/{project}/train")
        while iteration["status"] == "Training":
            iteration = self.call("GET", f"projects/{project}/iterations/{iteration['id']}")
        assert iteration["status"] == "Completed", iteration
        return iteration["id"]

    def look(self, project: str, picture: bytes) -> Any:
        """Predictions by falling probability."""
        seen = self.call("POST", f"projects/{project}/quicktest/image?store=false", picture)
        return sorted(seen["predictions"], key=lambda one: -one["probability"])

    def export(self, project: str, iteration: str, path: Path) -> Path:
        where = f"projects/{project}/iterations/{iteration}/export"
        self.call("POST", f"{where}?platform=ONNX")
        while (export := self.call("GET", where)[0])["status"] == "Exporting":
            pass
        assert export["status"] == "Done", export
        with urllib.request.urlopen(export["downloadUri"]) as answer:
            path.write_bytes(answer.read())
        return path


@pytest.fixture
def service(served: EmulatorThread) -> Service:
    return Service(served.url)


def run_exported(archive: Path, picture: Path) -> list[tuple[str, float, list[float] | None]]:
    """What the script says, by falling probability."""
    command = [sys.executable, str(SCRIPT), str(archive), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return sorted((tuple(one) for one in json.loads(done.stdout)), key=lambda one: -one[1])


def is_same(said: list[Any], predictions: list[Any]) -> bool:
    """Whether script and endpoint say the same, within 1e-4."""
    assert [label for label, *_ in said] == [one["tagName"] for one in predictions]
    assert [score for _, score, _ in said] == pytest.approx([p["probability"] for p in predictions], abs=1e-4)
    for (_, _, box), one in zip(said, predictions, strict=True):
        if box is not None:
            left, top, width, height = (one["boundingBox"][side] for side in SIDES)
            assert box == pytest.approx([left, top, left + width, top + height], abs=1e-4)
    return True


def number_of(row: Row) -> int:
    return int(row["path"].rpartition("_")[2].removesuffix(".jpg"))


def fill_with_cutlery(service: Service, cutlery: Path, rows: list[Row]) -> str:
    project = service.project(DETECTION_COMPACT)
    tags = service.tags(project, ("fork", "scissors"))
    for row in rows:
        region = {"tagId": tags[row["tag"]]} | {side: float(row[side]) for side in SIDES}
        service.add(project, (cutlery / row["path"]).read_bytes(), regions=[region])
    return project


def test_detector_of_cutlery_judges_photographs_that_it_never_saw(
    service: Service, cutlery: Path, tmp_path: Path
) -> None:
    with (cutlery / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    held_out = [row for row in rows if number_of(row) > TRAINED_ON]
    project = fill_with_cutlery(service, cutlery, [row for row in rows if number_of(row) <= TRAINED_ON])
    iteration = service.train(project)

    judged = [service.look(project, (cutlery / row["path"]).read_bytes())[0] for row in held_out]

    right = [one["tagName"] == row["tag"] for one, row in zip(judged, held_out, strict=True)]
    found = [overlap(one["boundingBox"], row) for one, row in zip(judged, held_out, strict=True)]
    assert len(held_out) == 10
    assert sum(right) >= 8  # by chance five; eight or more by chance once in eighteen times
    assert np.mean(found) > 0.4
    picture = cutlery / "test" / "test_image.jpg"
    archive = service.export(project, iteration, tmp_path / "cutlery.zip")
    assert is_same(run_exported(archive, picture), service.look(project, picture.read_bytes()))


def overlap(box: dict[str, float], row: Row) -> float:
    """Intersection over union."""
    ours = [box[side] for side in SIDES]
    theirs = [float(row[side]) for side in SIDES]
    sides = [
        max(0.0, min(ours[n] + ours[n + 2], theirs[n] + theirs[n + 2]) - max(ours[n], theirs[n]))
        for n in (0, 1)
    ]
    shared = sides[0] * sides[1]
    return shared / (ours[2] * ours[3] + theirs[2] * theirs[3] - shared)


def drawn(seed: int, shapes: str) -> bytes:
    """A picture with a square, a disc, or both."""
    chance = np.random.default_rng(seed)
    image = Image.fromarray(chance.integers(120, 180, (96, 96, 3), dtype=np.uint8))
    pen = ImageDraw.Draw(image)
    for place, shape in enumerate(shapes):
        x, y = 8 + 44 * place, int(chance.integers(8, 44))
        draw = pen.rectangle if shape == "s" else pen.ellipse
        draw((x, y, x + 36, y + 36), fill=tuple(int(v) for v in chance.integers(0, 60, 3)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


TAGS = {"s": "square", "d": "disc"}


def fill_with_shapes(service: Service, kind: str, pictures: list[tuple[int, str]]) -> str:
    project = service.project(COMPACT, kind)
    tags = service.tags(project, dict.fromkeys(TAGS[shape] for _, shapes in pictures for shape in shapes))
    for seed, shapes in pictures:
        service.add(project, drawn(seed, shapes), tagIds=[tags[TAGS[shape]] for shape in shapes])
    return project


@pytest.mark.parametrize(("kind", "shapes"), [("Multiclass", ["s", "d"]), ("Multilabel", ["s", "d", "sd"])])
def test_exported_classifier_says_what_the_service_says(
    service: Service, tmp_path: Path, kind: str, shapes: list[str]
) -> None:
    pictures = [(n, shapes[n % len(shapes)]) for n in range(24)]
    project = fill_with_shapes(service, kind, pictures)
    iteration = service.train(project)
    archive = service.export(project, iteration, tmp_path / "model.zip")
    picture = tmp_path / "new.png"
    picture.write_bytes(drawn(1000, shapes[-1]))

    said, seen = run_exported(archive, picture), service.look(project, picture.read_bytes())

    assert is_same(said, seen)
    total = sum(one["probability"] for one in seen)
    assert (total == pytest.approx(1, abs=1e-4)) is (kind == "Multiclass")
    with zipfile.ZipFile(archive) as files:
        assert files.read("labels.txt") == b"disc\nsquare\n"


def test_same_images_make_the_same_model_whatever_their_order(
    service: Service, start_served: Callable[..., EmulatorThread], tmp_path: Path
) -> None:
    pictures = [(n, "sd"[n % 2]) for n in range(12)]
    other = Service(start_served(seed=1).url)

    models = []
    for where, order in ((service, pictures), (service, pictures[::-1]), (other, pictures)):
        project = fill_with_shapes(where, "Multiclass", order)
        archive = where.export(project, where.train(project), tmp_path / f"{len(models)}.zip")
        with zipfile.ZipFile(archive) as files:
            models.append(hashlib.sha256(files.read("model.onnx")).hexdigest())

    assert models[0] == models[1]
    assert models[0] != models[2]  # of another seed
