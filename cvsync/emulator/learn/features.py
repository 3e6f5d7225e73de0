"""Pixels -> a map of patch features -> features of windows.

The map: patches of the picture, brought to one mean and contrast so that a shape counts for more than its
ink, are compared with filters learnt from the project's own pictures (k-means over whitened patches, both
signs beyond a threshold; after Coates, Lee and Ng 2011), beside plain colour, and averaged into a grid of
cells. A window is cut into 3 x 3 parts; its features are the means of the cells below each part. All of it
is convolution, pooling and matrix products, so it is the same in ONNX.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cvsync.emulator.learn.data import Array

SIDE_PX = 256
PATCH_PX = 8
STRIDE_PX = 4
POOL = 4
PARTS = 3  # of a window, each way
FILTERS = 48
_MAP = (SIDE_PX - PATCH_PX) // STRIDE_PX + 1
GRID = _MAP // POOL
CONTRAST = 0.03  # a variance that is added to each patch's own: what is nearly flat stays so
_SAMPLED_PATCHES = 20_000
_WHITENING = 0.01  # keeps noise from being blown up


def read_pixels(content: bytes) -> Array:
    """Decode and resize a picture: 3 x SIDE_PX x SIDE_PX, blue first, 0..255."""
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIDE_PX, SIDE_PX)), np.float32)
    return np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1))


@dataclass(frozen=True, eq=False)
class Filters:
    """What patches are compared with."""

    weights: Array
    """filters x (3 * PATCH_PX * PATCH_PX), for patches of mean 0."""
    bias: Array
    threshold: Array
    """Of each filter; below it a patch does not count."""

    @property
    def channels(self) -> int:
        """Of the map: both signs of each filter."""
        return 2 * len(self.bias)


def patches(pixels: Array) -> Array:
    """All patches of a picture, _MAP * _MAP x patch, each of mean 0 and of a like contrast."""
    views = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH_PX, PATCH_PX), axis=(1, 2))
    views = views[:, ::STRIDE_PX, ::STRIDE_PX]
    flat: Array = np.ascontiguousarray(views.transpose(1, 2, 0, 3, 4)).reshape(_MAP * _MAP, -1)
    flat /= np.float32(255)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.sqrt((flat * flat).mean(axis=1, keepdims=True) + np.float32(CONTRAST))
    return flat


def learn_filters(pictures: list[Array], *, seed: int) -> Filters:
    """Learn filters from pictures, and add the mean of each colour."""
    from sklearn.cluster import MiniBatchKMeans

    chance = np.random.default_rng(seed)
    each = max(1, _SAMPLED_PATCHES // len(pictures))
    sampled = [p[chance.choice(len(p), min(each, len(p)), replace=False)] for p in map(patches, pictures)]
    found = np.concatenate(sampled).astype(np.float64)
    mean = found.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(found - mean, rowvar=False))
    whiten = (vectors / np.sqrt(np.maximum(values, 0) + _WHITENING)) @ vectors.T
    white = (found - mean) @ whiten
    fitted = MiniBatchKMeans(FILTERS, random_state=seed, n_init=1, batch_size=2048).fit(white)
    centres = fitted.cluster_centers_
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    weights = centres @ whiten.T
    colour = np.kron(np.eye(3), np.full(PATCH_PX * PATCH_PX, 1 / (PATCH_PX * PATCH_PX)))
    threshold = 0.5 * np.abs(found @ weights.T - weights @ mean).mean(axis=0)
    return Filters(
        np.vstack([weights, colour]).astype(np.float32),
        np.r_[-(weights @ mean), np.zeros(3)].astype(np.float32),
        np.r_[threshold, np.zeros(3)].astype(np.float32),
    )


def cell_map(pixels: Array, filters: Filters) -> Array:
    """The map of a picture: GRID * GRID cells x channels."""
    answer = patches(pixels) @ filters.weights.T + filters.bias
    both = np.concatenate(
        [np.maximum(answer - filters.threshold, 0), np.maximum(-answer - filters.threshold, 0)], axis=1
    )
    grid = both.reshape(_MAP, _MAP, -1)[: GRID * POOL, : GRID * POOL]
    pooled: Array = grid.reshape(GRID, POOL, GRID, POOL, -1).mean(axis=(1, 3), dtype=np.float32)
    return pooled.reshape(GRID * GRID, -1)


def window_weights(boxes: Array) -> Array:
    """How much each cell counts for each part of each window.

    Args:
        boxes: n x 4 corners, fractions.

    Returns:
        n * PARTS * PARTS x GRID * GRID; each row sums to 1.
    """
    across = _shares(boxes[:, 0], boxes[:, 2])
    down = _shares(boxes[:, 1], boxes[:, 3])
    weights = down[:, :, None, :, None] * across[:, None, :, None, :]
    result: Array = weights.reshape(len(boxes) * PARTS * PARTS, GRID * GRID).astype(np.float32)
    return result


def _shares(first: Array, last: Array) -> Array:
    """The share of each cell in each part along one axis: windows x PARTS x GRID."""
    steps = np.linspace(0, 1, PARTS + 1)
    edges = first[:, None] + (last - first)[:, None] * steps
    low, high = edges[:, :-1, None] * GRID, edges[:, 1:, None] * GRID
    cells = np.arange(GRID)
    share = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 1e-6, None)
    result: Array = share / share.sum(axis=2, keepdims=True)
    return result


def window_features(cells: Array, weights: Array) -> Array:
    """Features of each window: n x PARTS * PARTS * channels."""
    found: Array = weights @ cells
    return found.reshape(len(weights) // (PARTS * PARTS), PARTS * PARTS * cells.shape[1])
