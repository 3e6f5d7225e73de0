"""Run an exported model of any kind on pictures: `run_exported.py MODEL.zip PICTURE…`.

A program of its own that knows nothing of cvsync: it is written from what is promised of exported models
alone, and needs onnxruntime, numpy and Pillow. Prints a JSON line a picture: label, probability and corners
of each prediction.
"""

from __future__ import annotations

import json
import sys
import zipfile

import numpy as np
import onnxruntime
from PIL import Image


def main(archive_path: str, *picture_paths: str) -> None:
    with zipfile.ZipFile(archive_path) as archive:
        session = onnxruntime.InferenceSession(archive.read("model.onnx"))
        labels = archive.read("labels.txt").decode().split("\n")
    (wanted,) = session.get_inputs()
    assert wanted.type == "tensor(float)"
    names = [output.name for output in session.get_outputs()]
    for path in picture_paths:
        found = session.run(None, {wanted.name: pixels(path, session, wanted.shape)})
        sys.stdout.write(json.dumps(read(dict(zip(names, found, strict=True)), labels)) + "\n")


def pixels(path: str, session: onnxruntime.InferenceSession, shape: list[int]) -> np.ndarray:
    """The picture as the model wants it: its metadata say the order of the channels and their range."""
    said = session.get_modelmeta().custom_metadata_map
    with Image.open(path) as image:
        array = np.asarray(image.convert("RGB").resize((shape[3], shape[2])), np.float32)
    if said["Image.BitmapPixelFormat"] == "Bgr8":
        array = array[:, :, ::-1]
    if said["Image.NominalPixelRange"] != "NominalRange_0_255":
        array = array / 255
    return np.ascontiguousarray(array.transpose(2, 0, 1)[None])


def read(found: dict[str, np.ndarray], labels: list[str]) -> list[tuple[str, float, list[float] | None]]:
    if "detected_boxes" in found:
        names = ("detected_classes", "detected_scores", "detected_boxes")
        rows = zip(*(found[name][0].tolist() for name in names), strict=True)
        return [(labels[int(kind)], score, box) for kind, score, box in rows]
    (scores,) = found.values()
    return [(label, score, None) for label, score in zip(labels, scores[0].tolist(), strict=False)]


if __name__ == "__main__":
    main(*sys.argv[1:])
