"""Whether texts are distinct, without a table of them all, which takes several times what they take."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvsync.parallel import each, slices

_WORDS = (2, 64)  # of eight bytes each at the end of a text that are looked at, and if that will not do
_MIX = tuple(np.uint64(pow(0x9E3779B97F4A7C15, n, 2**64)) for n in range(1, _WORDS[-1] + 2))


def are_distinct(texts: pa.StringArray) -> bool:
    """Tell whether no text comes twice; where that takes a look at very long ones, it is not seen.

    Takes about 50 bytes a text, which must not be null.
    """
    if not len(texts):
        return True
    marked = (np.sort(_marks(texts, words)) for words in _WORDS)
    return any(not (marks[1:] == marks[:-1]).any() for marks in marked)


def _marks(texts: pa.StringArray, words: int) -> NDArray[np.uint64]:
    """Give each text a number that is made of its last letters and its length: equal texts have equal ones.

    Args:
        texts: Without nulls.
        words: How many times eight bytes are looked at.
    """
    parts = each(lambda part: _marks_of(texts[part], words), slices(len(texts)))
    return np.concatenate([*parts, np.zeros(0, np.uint64)])


def _marks_of(texts: pa.StringArray, words: int) -> NDArray[np.uint64]:
    ends, raw = ends_of(texts), bytes_of(texts)
    stops, lengths = ends[1:] - ends[0], np.diff(ends)
    shortest, words = int(lengths.min()), min(words, -(-int(lengths.max()) // 8))
    if not len(raw) or stops[0] < 8 * words:
        raw = np.concatenate([np.zeros(8 * words + 8, np.uint8), raw])
        stops = stops + np.int32(8 * words + 8)
    # Eight bytes from any place on: the letters of a text before its start are shifted out.
    eights = np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
    marks = lengths.astype(np.uint64) * _MIX[0]
    for n in range(1, words + 1):
        word = eights[stops - np.int32(8 * n)]
        if shortest < 8 * n:
            missing = np.clip(8 * n - lengths, 0, 8)
            word = np.where(missing < 8, word >> (8 * np.minimum(missing, 7)).astype(np.uint64), np.uint64(0))
        word ^= word >> np.uint64(32)
        marks += word * _MIX[n]  # what is before the start adds nothing: texts beside this one must not count
    return marks


def ends_of(texts: pa.StringArray) -> NDArray[np.int32]:
    """Tell where texts start and end in their buffer."""
    if not len(texts):
        return np.zeros(1, np.int32)
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


def bytes_of(texts: pa.StringArray) -> NDArray[np.uint8]:
    """Give the bytes of texts, one after the other."""
    data, ends = texts.buffers()[2] if len(texts) else None, ends_of(texts)
    if data is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
