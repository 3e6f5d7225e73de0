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

from cvsync.distinct import are_distinct
from cvsync.labels import Codes
from cvsync.parallel import each

SAMPLE = 1 << 13  # texts that tell the order of all


Part = tuple[Codes, pa.StringArray]
"""For each row the position of its text, -1 for null; and the texts, each once."""


def encode(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Number the texts of a column; no text stands twice in the dictionary."""
    return join([encode_part(piece) for piece in _pieces(column)])


def encode_part(texts: pa.StringArray | pa.DictionaryArray) -> Part:
    """Number the texts of a piece of a column."""
    if pa.types.is_dictionary(texts.type):
        return _part_of(texts)
    if not texts.null_count and len(texts) and not is_mixed(texts):
        codes, values = _runs(texts)
        if are_distinct(values):
            return codes, values
    return _part_of(texts.dictionary_encode())


def _part_of(encoded: pa.DictionaryArray) -> Part:
    indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
    return np.asarray(indices), encoded.dictionary


def join(parts: Sequence[Part]) -> pa.DictionaryArray:
    """Put pieces of a column together."""
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1:
        return _dictionary(*parts[0])
    values: list[pa.StringArray] = [pa.array([], pa.string())]
    starts: list[int] = []
    count = 0
    for _, texts in parts:
        # The labels of one image may go on in the next piece.
        goes_on = bool(len(values[-1]) and len(texts)) and values[-1][-1].as_py() == texts[0].as_py()
        starts.append(count - goes_on)
        if len(texts) > goes_on:
            values.append(texts.slice(int(goes_on)))
            count += len(values[-1])
    distinct = pa.concat_arrays(values)
    if are_distinct(distinct):
        return _dictionary(_moved([codes for codes, _ in parts], starts), distinct)
    whole = pa.chunked_array([_dictionary(*part) for part in parts]).unify_dictionaries()
    return whole.combine_chunks()


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
