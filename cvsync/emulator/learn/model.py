"""A fitted model: what it computes, and how it is kept."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

import numpy as np

from cvsync.emulator.learn.data import Array, Box, Candidate, Kind, overlaps
from cvsync.emulator.learn.features import (
    Filters,
    cell_map,
    read_pixels,
    window_features,
    window_weights,
)

MIN_SCORE = 0.01
MAX_OVERLAP = 0.45
MAX_BOXES_PER_TAG = 20


@dataclass(frozen=True, eq=False)
class Model:
    """Filters, windows and a linear head; a classifier has one window, the whole picture."""

    kind: Kind
    filters: Filters
    windows: Array
    """n x 4 corners."""
    weights: Array
    """Of the head: features x classes; a detector's last class is the background."""
    bias: Array
    shifts: Array
    """A detector's: features x 4, how far the box is off its window, in sizes of the window."""
    shifts_bias: Array

    def predict(self, content: bytes) -> list[Candidate]:
        """Say what is in a picture; detections by tag, each the most probable first."""
        features = window_features(cell_map(read_pixels(content), self.filters), window_weights(self.windows))
        scores = activate(self.kind, features @ self.weights + self.bias)
        if self.kind is not Kind.DETECTION:
            return [Candidate(tag, float(p), None) for tag, p in enumerate(scores[0])]
        boxes = shifted(self.windows, features @ self.shifts + self.shifts_bias)
        found = []
        for tag in range(scores.shape[1] - 1):
            for n in suppress(boxes, scores[:, tag]):
                x1, y1, x2, y2 = (float(v) for v in boxes[n])
                found.append(Candidate(tag, float(scores[n, tag]), Box(x1, y1, x2 - x1, y2 - y1)))
        return found

    def to_bytes(self) -> bytes:
        """Give a form that `from_bytes` reads."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, kind=np.array(self.kind.value), **self._arrays())
        return buffer.getvalue()

    def _arrays(self) -> dict[str, Array]:
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("kind", "filters")}
        return own | {f"filters_{f.name}": getattr(self.filters, f.name) for f in fields(self.filters)}

    @classmethod
    def from_bytes(cls, content: bytes) -> Model:
        """Read what `to_bytes` gave; runs no code from it."""
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = dict(found)
        kind = Kind(str(arrays.pop("kind")))
        filters = Filters(**{f.name: arrays.pop(f"filters_{f.name}") for f in fields(Filters)})
        return cls(kind, filters, **arrays)

    def to_onnx(self) -> bytes:
        """Give the model as an ONNX file that computes from pixels."""
        from cvsync.emulator.learn.onnx_file import write

        return write(self)


def activate(kind: Kind, logits: Array) -> Array:
    """Logits -> probabilities."""
    if kind is Kind.MULTILABEL:
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def shifted(windows: Array, shifts: Array) -> Array:
    """Move the corners of windows, and keep them in the picture."""
    sizes = windows[:, 2:] - windows[:, :2]
    moved: Array = np.clip(windows + shifts * np.tile(sizes, 2), 0, 1)
    return moved


def suppress(boxes: Array, scores: Array) -> list[int]:
    """Keep the best of boxes that overlap, as ONNX's NonMaxSuppression does."""
    kept: list[int] = []
    for n in np.argsort(-scores, kind="stable").tolist():
        if scores[n] <= MIN_SCORE or len(kept) == MAX_BOXES_PER_TAG:
            break
        if not kept or overlaps(boxes[n : n + 1], boxes[kept]).max() <= MAX_OVERLAP:
            kept.append(n)
    return kept
