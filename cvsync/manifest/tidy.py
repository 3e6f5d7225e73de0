"""What can only be seen across rows: repeats, spellings, and keys that are two images."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, TEXT, Labels, as_column, codes_of, fold
from cvsync.manifest.identity import url_key
from cvsync.manifest.problems import CODES, Oddity, Problem


@dataclass(eq=False)
class Tidied:
    """Labels without repeats and contradictions."""

    labels: Labels
    problems: list[Problem] = field(default_factory=list)
    bad_keys: frozenset[str] = frozenset()
    warnings: list[Oddity] = field(default_factory=list)


def tidy(labels: Labels) -> Tidied:
    """Give each tag one spelling, drop what repeats, and take out keys that mean two images."""
    tidied = Tidied(labels)
    _one_spelling(tidied)
    _one_image_a_key(tidied)
    _no_repeats(tidied)
    return tidied


def _one_spelling(tidied: Tidied) -> None:
    table = tidied.labels.table
    codes, values = codes_of(table.column("tag"))
    first: dict[str, str] = {}
    # In the order of the rows, so that the first spelling met is the one that stays.
    seen = codes[np.sort(np.unique(codes, return_index=True)[1])]
    names = values.to_pylist()
    for code in seen[seen >= 0].tolist():
        first.setdefault(fold(names[code]), names[code])
    spelled = [first.get(fold(name), name) for name in names]
    others = [name for name, right in zip(names, spelled, strict=True) if name != right]
    if others:
        tidied.warnings.append(
            Oddity("W004", len(others), f"{others[0]!r} is taken as {first[fold(others[0])]!r}")
        )
        column = as_column(pa.array(spelled, pa.string()).take(pa.array(codes, mask=codes < 0)), TEXT)
        position = table.schema.get_field_index("tag")
        tidied.labels = Labels(table.set_column(position, table.schema.field("tag"), column))


def _one_image_a_key(tidied: Tidied) -> None:
    labels = tidied.labels
    url, urls = codes_of(labels.table.column("url"))
    keyed = as_column(pa.array([url_key(u) for u in urls.to_pylist()], pa.string()), TEXT)
    url_place, _ = codes_of(keyed)
    path, _ = codes_of(labels.table.column("path"))
    place = np.where(url >= 0, np.append(url_place, -1)[url], path + (len(urls) + 1))
    first = np.full(len(labels.keys), -1, np.int64)
    first[labels.key_codes[::-1]] = place[::-1]
    other = np.flatnonzero((place != first[labels.key_codes]) & _has_own_key(labels))
    if not len(other):
        return
    for row in labels.table.take(pa.array(other)).to_pylist():
        value = row["url"] or row["path"]
        tidied.problems.append(Problem("E018", row["source"], row["row"], "key", value, CODES["E018"]))
    keep = np.ones(len(labels), bool)
    keep[other] = False
    tidied.bad_keys = frozenset(labels.keys.take(pa.array(labels.key_codes[other])).to_pylist())
    tidied.labels = labels.take(keep)


def _has_own_key(labels: Labels) -> NDArray[np.bool_]:
    """Tell where the key is a column of its own, since a key made from a place has only that place."""
    key, place = labels.table.column("key"), labels.table.column("url")
    codes, urls = codes_of(place)
    made = pa.array([url_key(u) for u in urls.to_pylist()], pa.string()).take(pa.array(codes, mask=codes < 0))
    same = pc.equal(key.cast(pa.string()), pa.chunked_array([made]))
    return ~np.asarray(pc.fill_null(same, pc.is_null(labels.table.column("path"))))


def _no_repeats(tidied: Tidied) -> None:
    labels = tidied.labels
    tag, _ = codes_of(labels.table.column("tag"))
    boxed = np.asarray(pc.is_valid(labels.table.column("left")))
    keep = np.ones(len(labels), bool)
    # An image "without a label" that has labels in other rows: those count.
    labelled = np.zeros(len(labels.keys), bool)
    labelled[labels.key_codes[tag >= 0]] = True
    keep[(tag < 0) & labelled[labels.key_codes]] = False
    whole = np.flatnonzero(~boxed)
    repeated = whole[_is_repeat(np.c_[labels.key_codes[whole], tag[whole]])]
    keep[repeated] = False
    if count := int((tag[repeated] >= 0).sum()):
        tidied.warnings.append(Oddity("W002", count))
    rows = np.flatnonzero(boxed)
    bits = np.c_[*(np.asarray(labels.table.column(name))[rows].view(np.int32) for name in BOX)]
    if count := int(_is_repeat(np.c_[labels.key_codes[rows], tag[rows], bits.astype(np.int64)]).sum()):
        tidied.warnings.append(Oddity("W003", count))
    if not keep.all():
        tidied.labels = labels.take(keep)


def _is_repeat(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows of a matrix stand there before."""
    repeat = np.ones(len(rows), bool)
    packed = np.ascontiguousarray(rows).view(f"V{rows.itemsize * rows.shape[1]}").reshape(-1)
    repeat[np.unique(packed, return_index=True)[1]] = False
    return repeat
