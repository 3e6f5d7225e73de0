"""Fitting a detector: which windows to look at, what they are, and how far their boxes are off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cvsync.emulator.learn.data import Array, Box, Kind, corners, overlaps
from cvsync.emulator.learn.features import PARTS, Filters, window_features, window_weights
from cvsync.emulator.learn.head import Head, fit_one, fit_shifts
from cvsync.emulator.learn.model import Model, activate

_SHAPES = 5  # sizes of windows
_STEP = 0.12  # between two windows, in sizes of the window
_MAX_STEPS = 16
_MATCH, _OTHER = 0.5, 0.3  # overlap from which a window is its box; up to which it is background
_BACKGROUNDS = 12  # an image
_HARD = 6  # an image
_JITTERS = 4  # a box
_STRENGTH = 0.003  # of the head: below a classifier's, as the windows of one picture are much alike


def fit(
    filters: Filters,
    tag_count: int,
    boxes: Sequence[Sequence[tuple[int, Box]]],
    maps: Sequence[Array],
    *,
    seed: int,
) -> Model:
    """Fit a detector.

    Args:
        filters: That the maps were made with.
        tag_count: How many tags there are.
        boxes: Of each picture.
        maps: Of each picture, as `cell_map` gives them.
        seed: For what is sampled.
    """
    chance = np.random.default_rng(seed)
    truth = [
        (np.array([t for t, _ in one]), corners(np.array([b for _, b in one], np.float32))) for one in boxes
    ]
    windows = lay_windows(np.concatenate([corner for _, corner in truth]), seed=seed)
    weights = window_weights(windows)
    samples = _Samples(tag_count)
    for cells, (tags, corner) in zip(maps, truth, strict=True):
        every = window_features(cells, weights)
        match = overlaps(windows, corner)
        best = match.argmax(axis=1)
        good = np.flatnonzero(match.max(axis=1) >= _MATCH)
        samples.add(every[good], tags[best[good]], _shifts(windows[good], corner[best[good]]))
        near = _jittered(corner, chance)
        owner = np.repeat(np.arange(len(corner)), _JITTERS)
        samples.add(window_features(cells, window_weights(near)), tags[owner], _shifts(near, corner[owner]))
        far = np.flatnonzero(match.max(axis=1) < _OTHER)
        samples.add_background(every[chance.permutation(far)[:_BACKGROUNDS]])
    head = samples.head()
    for cells, (_, corner) in zip(maps, truth, strict=True):  # what the first head takes for something
        far = np.flatnonzero(overlaps(windows, corner).max(axis=1) < _OTHER)
        every = window_features(cells, weights[_rows(far)])
        alarm = -activate(Kind.DETECTION, every @ head[0] + head[1])[:, :-1].max(axis=1, initial=0)
        samples.add_background(every[np.argsort(alarm, kind="stable")[:_HARD]])
    return Model(Kind.DETECTION, filters, windows, *samples.head(), *samples.shifts_head())


class _Samples:
    def __init__(self, tag_count: int) -> None:
        self._background = tag_count
        self._features: list[Array] = []
        self._classes: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        self._shifts: list[Array] = []

    def add(
        self, features: Array, classes: np.ndarray[tuple[int], np.dtype[np.int64]], shifts: Array
    ) -> None:
        self._features.append(features)
        self._classes.append(classes)
        self._shifts.append(shifts)

    def add_background(self, features: Array) -> None:
        count = len(features)
        self.add(features, np.full(count, self._background), np.zeros((count, 4), np.float32))

    def head(self) -> Head:
        features, classes = np.concatenate(self._features), np.concatenate(self._classes)
        return fit_one(features, classes, self._background + 1, strength=_STRENGTH)

    def shifts_head(self) -> Head:
        boxed = np.concatenate(self._classes) < self._background
        return fit_shifts(np.concatenate(self._features)[boxed], np.concatenate(self._shifts)[boxed])


def lay_windows(boxes: Array, *, seed: int) -> Array:
    """Lay windows of the commonest sizes all over the picture: n x 4 corners."""
    from sklearn.cluster import KMeans

    sizes = boxes[:, 2:] - boxes[:, :2]
    distinct = len(np.unique(sizes, axis=0))
    shapes = KMeans(min(_SHAPES, distinct), random_state=seed, n_init=3).fit(sizes).cluster_centers_
    laid = []
    for width, height in np.clip(shapes, 0.02, 1):
        xs, ys = (_starts(side) for side in (width, height))
        x, y = np.meshgrid(xs, ys)
        laid.append(np.stack([x, y, x + width, y + height], axis=-1).reshape(-1, 4))
    return np.asarray(np.clip(np.concatenate(laid), 0, 1), np.float32)


def _starts(side: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    steps = min(_MAX_STEPS, int(np.ceil((1 - side) / (side * _STEP)))) + 1
    return np.linspace(0, 1 - side, steps)


def _jittered(boxes: Array, chance: np.random.Generator) -> Array:
    """Boxes, each and a few near it."""
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    moves = chance.uniform(-0.12, 0.12, (len(boxes), _JITTERS, 4))
    moves[:, 0] = 0
    near = boxes[:, None] + moves * sizes[:, None]
    return np.asarray(np.clip(near, 0, 1).reshape(-1, 4), np.float32)


def _shifts(windows: Array, boxes: Array) -> Array:
    sizes = np.maximum(windows[:, 2:] - windows[:, :2], 1e-3)
    return np.asarray((boxes - windows) / np.tile(sizes, 2), np.float32)


def _rows(windows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows of some windows in a matrix of window weights."""
    each = PARTS * PARTS
    rows: np.ndarray[tuple[int], np.dtype[np.int64]] = (windows[:, None] * each + np.arange(each)).reshape(-1)
    return rows
