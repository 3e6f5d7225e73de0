from __future__ import annotations

from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync import parallel
from cvsync.distinct import are_distinct
from cvsync.manifest.encode import concat, encode, encode_part, is_mixed, join

texts = st.lists(
    st.none() | st.sampled_from(["", "a", "b", "ab", "x" * 20, "y" + "x" * 20, "é", "https://x.test/1"])
)


@given(parts=st.lists(texts, max_size=4))
def test_any_pieces_are_the_column_with_each_text_once(parts: list[list[str | None]]) -> None:
    arrays = [pa.array(part, pa.string()) for part in parts]

    joined = join([encode_part(array) for array in arrays])
    whole = encode(pa.chunked_array(arrays, pa.string()))

    for encoded in (joined, whole):
        assert encoded.to_pylist() == [text for part in parts for text in part]
        assert encoded.dictionary.null_count == 0
        assert len({*encoded.dictionary.to_pylist()}) == len(encoded.dictionary)


@pytest.mark.parametrize("order", ["together", "all distinct", "far apart", "in turns"])
def test_many_texts_in_any_order(order: str) -> None:
    numbers = {
        "together": [n // 3 for n in range(60_000)],
        "all distinct": list(range(60_000)),
        "far apart": [n % 40_000 for n in range(60_000)],
        "in turns": [n % 2 for n in range(60_000)],
    }[order]
    column = pa.chunked_array(
        [[f"https://x.test/{n}.jpg" for n in part] for part in (numbers[:25_000], numbers[25_000:])]
    )

    encoded = encode(column)

    assert encoded.to_pylist() == column.to_pylist()
    assert len(encoded.dictionary) == len({*numbers})


def test_texts_that_end_alike_are_told_apart() -> None:
    column = pa.chunked_array([[f"{n}/the-same-long-ending.jpg" for n in range(1000)] * 2])

    assert len(encode(column).dictionary) == 1000


def test_texts_may_begin_with_many_nulls() -> None:
    column = pa.chunked_array([[None] * 9000 + ["a", "a", None, "b"]], pa.string())

    assert not is_mixed(column.chunk(0))
    assert encode(column).to_pylist() == column.to_pylist()


@given(parts=st.lists(st.lists(st.text(max_size=40), min_size=1, max_size=20, unique=True), max_size=3))
def test_texts_are_distinct_only_if_they_are(parts: list[list[str]]) -> None:
    texts = [text for part in parts for text in part]

    with mock.patch.object(parallel, "STEP", 3):  # what lies beside a text must not count
        assert not (are_distinct(pa.array(texts, pa.string())) and len({*texts}) < len(texts))


def test_texts_that_differ_in_the_middle_are_seen_to_be_distinct() -> None:
    links = [f"https://pictures.test/{n}.jpg?sig={'s' * 100}" for n in range(10_000)]

    assert are_distinct(pa.array(links))
    assert not are_distinct(pa.array([*links, links[7]]))


@given(parts=st.lists(st.lists(st.text(max_size=5), max_size=6), max_size=4), skip=st.integers(0, 3))
def test_texts_are_put_together_and_the_pieces_let_go(parts: list[list[str]], skip: int) -> None:
    pieces = [pa.array(part, pa.string())[skip:] for part in parts]

    assert concat(pieces).to_pylist() == [text for part in parts for text in part[skip:]]
    assert not pieces
