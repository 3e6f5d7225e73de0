"""Other people's tools, unchanged, against the emulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from make import make_png

from cvsync.emulator import EmulatorThread

KEY = "local-training-key"
DETECTION_COMPACT = "a27d5ca5-bb19-49d8-a70a-fec086c47f5b"
Tool = Callable[..., str]


@pytest.fixture
def cvs(served: EmulatorThread, tmp_path: Path) -> Tool:
    """Run a command of cvsutils; what it printed."""
    pytest.importorskip("cvsutils")

    def run(name: str, *arguments: object) -> str:
        done = subprocess.run(
            [Path(sys.executable).parent / f"cvs_{name}", *map(str, arguments)],
            cwd=tmp_path, input="y\n", capture_output=True, text=True, timeout=100, check=False,
            env=os.environ | {
                "CVS_ENDPOINT": served.url, "CVS_TRAINING_KEY": KEY,
                "CVS_PREDICTION_KEY": "local-prediction-key",
                "CVS_PREDICTION_RESOURCE_ID": "/subscriptions/s/resourceGroups/g/providers/x/accounts/a",
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def data_set(folder: Path, count: int) -> Path:
    """Pictures of two classes with boxes, as cvsutils has them; it reads boxes from archives only."""
    lines = []
    with zipfile.ZipFile(folder / "boxes.zip", "w") as boxes:
        for n in range(count):
            (folder / f"{n}.png").write_bytes(make_png(n, (64, 48)))
            boxes.writestr(f"{n}.txt", f"{n % 2} 8 6 40 30\n")
            lines.append(f"{n}.png boxes.zip@{n}.txt")
    (folder / "labels.txt").write_text("cat\ndog\n")
    path = folder / "images.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def project_id(output: str) -> str:
    return next(line.split()[-1] for line in output.splitlines() if line.startswith("Created project"))


def pictures_in(folder: Path) -> set[bytes]:
    """The pictures of a data set that cvsutils wrote, which it packs into archives."""
    found = set()
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            found |= {archive.read(name) for name in archive.namelist() if not name.endswith(".txt")}
    return found


def quick_test(served: EmulatorThread, project: str, iteration: str) -> None:
    """Make the service keep a prediction."""
    url = f"{served.url}/customvision/v3.3/training/projects/{project}/quicktest/url?iterationId={iteration}"
    headers = {"Training-Key": KEY, "Content-Type": "application/json"}
    body = json.dumps({"url": "https://x.test/quick"}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()


def test_cvsutils_goes_from_data_set_to_model_and_back(
    served: EmulatorThread, cvs: Tool, tmp_path: Path
) -> None:
    for folder in ("first", "more"):
        (tmp_path / folder).mkdir()
    path = data_set(tmp_path / "first", 30)
    drawn = {make_png(n, (64, 48)) for n in range(32)}

    project = project_id(cvs("create_project", path, "--domain_id", DETECTION_COMPACT))
    cvs("add_images", project, data_set(tmp_path / "more", 32))  # 30 of them are there already
    trained = cvs("train_project", project)
    iteration = re.search(r"iteration_id=(\S+)", trained).group(1)
    exported = tmp_path / "model.zip"
    cvs("export_model", project, iteration, "onnx", "--output", exported)
    seen = cvs("predict_image", project, iteration, tmp_path / "first" / "0.png")
    predicted = cvs("predict_dataset", project, iteration, path, tmp_path / "predicted")
    cvs("download_project", project, tmp_path / "out")
    quick_test(served, project, iteration)
    stored = cvs("download_predictions", project, iteration, tmp_path / "stored")

    assert project in cvs("list_projects", "--verbose")
    assert DETECTION_COMPACT in cvs("get_domains")
    assert "The number of images: 32" in cvs("show_project", project)
    assert "Training completed" in trained
    assert re.search(r"Average Precision=[\d.]+, Precision=[\d.]+, Recall=[\d.]+", trained)
    assert zipfile.is_zipfile(exported)
    assert re.search(r"(cat|dog) +: \d\.\d+ box: \(", seen)
    assert "Successfully saved" in predicted
    assert pictures_in(tmp_path / "out") == drawn
    assert "Downloaded 1 images" in stored
    assert iteration in cvs("remove_iteration", project, iteration)


def test_cvsutils_classifies(cvs: Tool, tmp_path: Path) -> None:
    data_set(tmp_path, 12)
    path = tmp_path / "classes.txt"
    path.write_text("".join(f"{n}.png {n % 2}\n" for n in range(12)))

    project = project_id(cvs("create_project", path))
    cvs("download_project", project, tmp_path / "out")

    assert pictures_in(tmp_path / "out") == {make_png(n, (64, 48)) for n in range(12)}
    labels = [line.split()[1] for line in (tmp_path / "out" / "images.txt").read_text().splitlines()]
    assert sorted(labels) == ["0"] * 6 + ["1"] * 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_coco2customvision_uploads_urls(served: EmulatorThread) -> None:
    tool = pytest.importorskip("coco2customvision.custom_vision")
    from azure.cognitiveservices.vision.customvision.training.models import ImageUrlCreateEntry, Region

    trainer = tool.ObjectDetectionTrainer(KEY, served.url)
    project = trainer.get_or_create_project("shelf")
    (tag,) = trainer.get_project_tags(project, ["cat"])
    region = Region(tag_id=tag.id, left=0.1, top=0.1, width=0.5, height=0.5)
    entries = [ImageUrlCreateEntry(url=f"https://x.test/{n}", regions=[region]) for n in range(130)]

    trainer.upload_images_from_url(project, entries)

    images = [*trainer.get_tagged_images(project)]
    trainer.client.close()
    assert len(images) == 130
    assert {r.tag_name for image in images for r in image.regions} == {"cat"}


def test_curl_follows_the_steps_of_the_rest_tutorial(served: EmulatorThread, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    base = f"{served.url}/customvision/v2.0/Training"

    def curl(method: str, path: str, body: object = None) -> object:
        command = ["curl", "-sS", "-X", method, "-H", f"Training-Key: {KEY}", f"{base}/{path}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        elif method == "POST":
            command += ["-H", "Content-Length: 0"]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout)

    domains = curl("GET", "domains")
    compact = next(
        d["id"] for d in domains if d["name"] == "General (compact)" and d["type"] == "Classification"
    )
    detection = next(d["id"] for d in domains if d["type"] == "ObjectDetection")
    assert curl("POST", "projects?name=plain")["name"] == "plain"
    project = curl("POST", f"projects?name=shelf&domainId={compact}")["id"]
    tags = [curl("POST", f"projects/{project}/tags?name={name}")["id"] for name in ("cat", "dog")]
    for n, tag in enumerate(tags):
        images = [{"url": f"https://x.test/{n}-{k}", "tagIds": [tag]} for k in range(5)]
        assert curl("POST", f"projects/{project}/images/urls", {"images": images})["isBatchSuccessful"]
    batch = {"images": [{"url": "https://x.test/all"}], "tagIds": tags}
    assert curl("POST", f"projects/{project}/images/urls", batch)["images"][0]["status"] == "OK"
    boxes = curl("POST", f"projects?name=boxes&domainId={detection}")["id"]
    thing = curl("POST", f"projects/{boxes}/tags?name=thing")["id"]
    box = {"tagId": thing, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
    fine = {"images": [{"url": "https://x.test/b", "regions": [box]}]}
    assert curl("POST", f"projects/{boxes}/images/urls", fine)["images"][0]["status"] == "OK"
    pixels = {"images": [{"url": "https://x.test/c", "regions": [box | {"left": 119, "width": 94}]}]}
    assert "OK" not in json.dumps(curl("POST", f"projects/{boxes}/images/urls", pixels))
    iteration = curl("POST", f"projects/{project}/train")["Id"]  # recorded: v2.0 answers PascalCase here
    while (state := curl("GET", f"projects/{project}/iterations/{iteration}"))["status"] == "Training":
        pass
    assert state["status"] == "Completed"
    seen = curl(
        "POST", f"projects/{project}/quicktest/url?iterationId={iteration}", {"url": "https://x.test/q"}
    )
    assert len(seen["predictions"]) == 2
    export = f"projects/{project}/iterations/{iteration}/export"
    for platform in ("coreml", "onnx"):
        assert curl("POST", f"{export}?platform={platform}")["status"] == "Exporting"
    exports = curl("GET", export)
    while any(e["status"] == "Exporting" for e in exports):
        exports = curl("GET", export)
    assert {e["platform"].lower(): e["status"] for e in exports} == {"coreml": "Failed", "onnx": "Done"}
    link = next(e["downloadUri"] for e in exports if e["status"] == "Done")
    subprocess.run(["curl", "-sS", "-o", tmp_path / "m.zip", link], check=True, timeout=60)
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        assert {"model.onnx", "labels.txt"} <= set(archive.namelist())
