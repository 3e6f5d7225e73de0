"""Texts -> numbers and distinct texts, without a hash table where their order shows that none is needed.

Manifests list an image's labels together. Then the texts that differ from the one before are the distinct
ones, if none of them comes twice; and they surely do not if their last letters and lengths differ already, or
more of their letters where many end alike, as links with one signature do. Only where that cannot be shown
are all texts looked up one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.distinct import are_distinct, bytes_of, ends_of
from cvsync.labels import Codes
from cvsync.parallel import each, look_up

_MOST_BYTES = 2**31 - 1  # that one column can hold
_RELEASE = 1 << 26  # bytes that are let go before the system gets them back
SAMPLE = 1 << 13  # texts that tell the order of all


Part = tuple[Codes, pa.StringArray]
"""For each row the position of its text, -1 for null; and the texts, each once."""


def encode(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Number the texts of a column; no text stands twice in the dictionary."""
    return join([encode_part(piece) for piece in _pieces(column)])


def encode_part(texts: pa.StringArray | pa.DictionaryArray) -> Part:
    """Number the texts of a piece of a column; one that comes again after others may be numbered twice."""
    if pa.types.is_dictionary(texts.type):
        return _part_of(texts)
    if not texts.null_count and len(texts) and not is_mixed(texts):
        return _runs(texts)
    return _part_of(texts.dictionary_encode())


def _part_of(encoded: pa.DictionaryArray) -> Part:
    indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
    return np.asarray(indices), encoded.dictionary


def join(parts: Sequence[Part]) -> pa.DictionaryArray:
    """Put pieces of a column together; no text stands twice in the dictionary."""
    codes, values = _merged([part for part in parts if len(part[0])])
    del parts
    distinct = values[0] if len(values) == 1 else concat(values)
    if are_distinct(distinct):
        return _dictionary(codes, distinct)
    encoded = distinct.dictionary_encode()
    moved = np.append(np.asarray(encoded.indices), np.int32(-1))
    return _dictionary(look_up(moved, codes), encoded.dictionary)


def _merged(parts: Sequence[Part]) -> tuple[Codes, list[pa.StringArray]]:
    """Give codes that count the texts of all parts, and these texts."""
    values: list[pa.StringArray] = []
    starts: list[int] = []
    count = 0
    for _, texts in parts:
        # The labels of one image may go on in the next piece.
        goes_on = bool(values and len(texts)) and values[-1][-1].as_py() == texts[0].as_py()
        starts.append(count - goes_on)
        if len(texts) > goes_on:
            values.append(texts.slice(int(goes_on)))
            count += len(values[-1])
    return _moved([codes for codes, _ in parts], starts), values


def concat(pieces: list[pa.StringArray]) -> pa.StringArray:
    """Put texts together, letting go of each piece once it is copied: all twice would be much memory.

    Args:
        pieces: Without nulls; none are left in the list.

    Raises:
        pa.ArrowInvalid: They are more than one column can hold.
    """
    count = sum(map(len, pieces))
    size = sum(len(bytes_of(piece)) for piece in pieces)
    if size > _MOST_BYTES:
        raise pa.ArrowInvalid("a column has more than 2 GB of distinct texts")
    ends, data = np.zeros(count + 1, np.int32), pa.allocate_buffer(size)
    raw = np.frombuffer(data, np.uint8)
    row = byte = freed = 0
    while pieces:
        piece = pieces.pop(0)
        own, its_ends = bytes_of(piece), ends_of(piece)
        ends[row + 1 : row + 1 + len(piece)] = its_ends[1:] + (byte - its_ends[0])
        raw[byte : byte + len(own)] = own
        row, byte, freed = row + len(piece), byte + len(own), freed + len(own)
        del piece, own, its_ends
        if freed > _RELEASE:
            pa.default_memory_pool().release_unused()
            freed = 0
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), data)


def _moved(pieces: Sequence[Codes], starts: Sequence[int]) -> Codes:
    """Put codes together, those of each piece counted from a start; -1 stays."""
    whole = np.empty(sum(map(len, pieces)), np.int32)
    ends = np.cumsum([len(piece) for piece in pieces])

    def fill(n: int) -> None:
        piece, start = pieces[n], np.int32(starts[n])
        moved = whole[ends[n] - len(piece) : ends[n]]
        np.add(piece, start, out=moved)
        if piece.min() < 0:
            moved[piece < 0] = -1

    each(fill, range(len(pieces)))
    return whole


def _dictionary(codes: NDArray[np.int32], values: pa.StringArray) -> pa.DictionaryArray:
    has_nulls = bool(len(codes)) and codes.min() < 0
    indices = pa.array(codes, pa.int32(), mask=codes < 0 if has_nulls else None)
    return pa.DictionaryArray.from_arrays(indices, values)


def _pieces(column: pa.ChunkedArray) -> Iterable[pa.StringArray]:
    """Give a column in few pieces, each of less than the 2 GB that one can hold."""
    pending: list[pa.Array] = []
    size = 0
    for chunk in column.chunks:
        if size + chunk.nbytes > 1 << 28 and pending:
            yield pa.concat_arrays(pending)
            pending, size = [], 0
        pending.append(chunk)
        size += chunk.nbytes
    if pending:
        yield pending[0] if len(pending) == 1 else pa.concat_arrays(pending)


def is_mixed(texts: pa.StringArray) -> bool:
    """Whether texts come again after others, as a look at the first of them tells."""
    some = texts.slice(0, SAMPLE).drop_null()
    if not len(some):
        return False
    _, values = _runs(some)
    return len(values.unique()) < len(values)


def _runs(texts: pa.StringArray) -> Part:
    """Number the runs of equal texts."""
    changes = np.asarray(pc.not_equal(texts.slice(1), texts.slice(0, len(texts) - 1)))
    starts = np.flatnonzero(np.append(True, changes))
    if len(starts) == len(texts):
        return np.arange(len(texts), dtype=np.int32), texts
    lengths = np.diff(np.append(starts, len(texts)))
    return np.repeat(np.arange(len(starts), dtype=np.int32), lengths), texts.take(pa.array(starts))
