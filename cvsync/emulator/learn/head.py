"""Linear heads: logistic and ridge regressions over standardised features, folded into plain weights."""

from __future__ import annotations

import numpy as np

from cvsync.emulator.learn.data import Array

STRENGTH = 0.005  # inverse of the penalty: many features, few examples
_NEVER = -20.0  # the logit of a class without examples
_RIDGE = 300.0

Head = tuple[Array, Array]
"""Weights, features x classes, and bias."""


def fit_one(
    features: Array,
    classes: np.ndarray[tuple[int], np.dtype[np.int64]],
    count: int,
    *,
    strength: float = STRENGTH,
) -> Head:
    """Fit which one of ``count`` classes it is, for a softmax."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = _moments(features)
    weights = np.zeros((features.shape[1], count))
    bias = np.full(count, _NEVER)
    present = np.unique(classes)
    if len(present) == 1:
        bias[present] = 0.0
        return _plain(weights, bias, mean, scale)
    found = LogisticRegression(C=strength, max_iter=300, class_weight="balanced")
    found.fit((features - mean) / scale, classes)
    if len(present) == 2:  # one weight for two classes: the softmax wants half of it for each
        weights[:, present] = np.stack([-found.coef_[0], found.coef_[0]], axis=1) / 2
        bias[present] = np.array([-found.intercept_[0], found.intercept_[0]]) / 2
    else:
        weights[:, present] = found.coef_.T
        bias[present] = found.intercept_
    return _plain(weights, bias, mean, scale)


def fit_each(features: Array, truth: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Head:
    """Fit each class by itself, for a sigmoid."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = _moments(features)
    weights = np.zeros((features.shape[1], truth.shape[1]))
    bias = np.zeros(truth.shape[1])
    for n, column in enumerate(truth.T):
        if column.all() or not column.any():  # nothing to tell apart: as often as it was seen
            bias[n] = np.log((column.sum() + 0.5) / ((~column).sum() + 0.5))
            continue
        found = LogisticRegression(C=STRENGTH, max_iter=300).fit((features - mean) / scale, column)
        weights[:, n], bias[n] = found.coef_[0], found.intercept_[0]
    return _plain(weights, bias, mean, scale)


def fit_shifts(features: Array, shifts: Array) -> Head:
    """Fit numbers, by ridge regression."""
    mean, scale = _moments(features)
    x = ((features - mean) / scale).astype(np.float64)
    y = shifts.astype(np.float64)
    centre = y.mean(axis=0)
    weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - centre))
    return _plain(weights, centre, mean, scale)


def _moments(features: Array) -> tuple[Array, Array]:
    mean, scale = features.mean(axis=0), features.std(axis=0)
    return mean, np.where(scale > 1e-4, scale, 1).astype(np.float32)


def _plain(weights: np.ndarray, bias: np.ndarray, mean: Array, scale: Array) -> Head:
    weights = weights / scale[:, None]
    return weights.astype(np.float32), (bias - mean @ weights).astype(np.float32)
