"""Fitting: a judged model on most of the examples, then the model on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvsync.emulator.learn import detect
from cvsync.emulator.learn.data import Array, Candidate, Example, Kind
from cvsync.emulator.learn.features import (
    PARTS,
    cell_map,
    learn_filters,
    read_pixels,
    window_features,
    window_weights,
)
from cvsync.emulator.learn.head import fit_each, fit_one
from cvsync.emulator.learn.model import Model
from cvsync.emulator.learn.variants import ENOUGH, variants

HELD_OUT_SHARE = 0.2
_WHOLE = np.array([[0, 0, 1, 1]], np.float32)


@dataclass(frozen=True, eq=False)
class Trained:
    """A model, and how one that was fitted without them judged some of its examples."""

    model: Model
    held_out: tuple[int, ...]
    """Positions of the examples."""
    candidates: tuple[tuple[Candidate, ...], ...]
    """What was said of each of them."""


def fit(kind: Kind, tag_count: int, examples: Sequence[Example], *, seed: int) -> Trained:
    """Fit a model; the same for the same examples and seed. Holds 0.8 MB an example, up to 3 MB if few."""
    import sklearn.cluster
    import sklearn.linear_model  # noqa: F401 - a limit reaches only the libraries that are loaded
    from threadpoolctl import threadpool_limits

    # The sums of several threads depend on how many there are; and they take longer on matrices this small.
    with threadpool_limits(1):
        return _fit_and_judge(kind, tag_count, examples, seed)


def _fit_and_judge(kind: Kind, tag_count: int, examples: Sequence[Example], seed: int) -> Trained:
    pixels = [read_pixels(example.read()) for example in examples]
    held_out = hold_out(examples, seed=seed)
    rest = [n for n in range(len(examples)) if n not in set(held_out)]
    judged = _fit(kind, tag_count, [examples[n] for n in rest], [pixels[n] for n in rest], seed)
    candidates = tuple(tuple(judged.predict(examples[n].read())) for n in held_out)
    return Trained(_fit(kind, tag_count, examples, pixels, seed), held_out, candidates)


def hold_out(examples: Sequence[Example], *, seed: int) -> tuple[int, ...]:
    """Choose a fifth of each tag's examples, and leave each tag at least one to learn from."""
    chance = np.random.default_rng(seed)
    by_tag: dict[int, list[int]] = {}
    for n, example in enumerate(examples):
        first = min((*example.tags, *(tag for tag, _ in example.boxes)), default=-1)
        by_tag.setdefault(first, []).append(n)
    chosen: list[int] = []
    for tag in sorted(by_tag):
        of_tag = chance.permutation(by_tag[tag])
        chosen += of_tag[: round(len(of_tag) * HELD_OUT_SHARE)].tolist()
    return tuple(sorted(chosen))


def _fit(
    kind: Kind, tag_count: int, examples: Sequence[Example], pixels: Sequence[Array], seed: int
) -> Model:
    filters = learn_filters(list(pixels), seed=seed)
    if kind is Kind.DETECTION:
        pictures = [(one, list(e.boxes)) for one, e in zip(pixels, examples, strict=True)]
        if len(pictures) < ENOUGH:
            pictures = list(variants(pictures))
        mapped = [cell_map(one, filters) for one, _ in pictures]
        return detect.fit(filters, tag_count, [boxes for _, boxes in pictures], mapped, seed=seed)
    maps = [cell_map(one, filters) for one in pixels]
    weights = window_weights(_WHOLE)
    features = np.concatenate([window_features(one, weights) for one in maps])
    if kind is Kind.MULTICLASS:
        head = fit_one(features, np.array([example.tags[0] for example in examples]), tag_count)
    else:
        truth = np.zeros((len(examples), tag_count), bool)
        for n, example in enumerate(examples):
            truth[n, list(example.tags)] = True
        head = fit_each(features, truth)
    width = PARTS * PARTS * filters.channels
    return Model(kind, filters, _WHOLE, *head, np.zeros((width, 4), np.float32), np.zeros(4, np.float32))
