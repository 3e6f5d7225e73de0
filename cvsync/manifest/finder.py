"""What is wrong with the rows of one file, gathered as it is found."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.manifest.problems import Found
from cvsync.manifest.rows import Rows
from cvsync.manifest.texts import Mask, Positions, Texts, as_text


class Finder:
    """Gathers what is wrong: codes, fields and the positions of rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.nothing = Texts.nothing(len(rows))
        self._marks: list[tuple[str, str, Positions]] = []
        self._skip: Mask | None = None

    def texts(self, name: str) -> Texts:
        """Give a field's column as texts."""
        if name not in self.rows.table.column_names:
            return self.nothing
        return Texts.of(self.rows.table.column(name))

    def trimmed(self, name: str) -> Texts:
        """Give a field without the blanks around its cells; a cell of nothing but blanks is empty."""
        texts = self.texts(name)
        low, high = texts.span
        if low > ord(" ") and high < 0x80 and texts.lengths.all():
            return texts
        plain = pc.utf8_trim_whitespace(texts.values)
        padded = np.asarray(pc.not_equal(plain, texts.values))
        empty = np.asarray(pc.equal(plain, ""))
        if not (padded | empty).any():
            return texts
        self.mark("E016" if name == "tag" else "W005", name, texts.rows(padded & empty))
        self.mark("W005", name, texts.rows(padded & ~empty))
        return texts.mapped(pc.if_else(pa.array(empty), None, plain))

    def skip_headers(self, texts: dict[str, Texts]) -> None:
        """Set rows apart that are the header once more; nothing else is said of them."""
        for name in ("url", "path"):
            header = self.rows.names.get(name)
            if header is None or texts[name].is_empty:
                continue
            is_header = _holds(texts[name], header)
            if "tag" in self.rows.names and is_header.any():
                is_header &= _holds(texts["tag"], self.rows.name("tag"))
            if is_header.any():
                self.mark("E049", name, np.flatnonzero(is_header))
                self._skip = is_header

    def mark(self, code: str, column: str, at: Positions) -> None:
        """Note that some rows have a problem."""
        if self._skip is not None and len(at):
            at = at[~self._skip[at]]
        if len(at):
            self._marks.append((code, column, at))

    def bad_rows(self) -> Positions:
        """Give the positions of the rows that are refused."""
        return self.having({code for code, _, _ in self._marks if code.startswith("E")})

    def having(self, codes: Collection[str]) -> Positions:
        """Give the positions of the rows that have one of some problems."""
        found = [at for code, _, at in self._marks if code in codes]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def problems(self) -> list[Found]:
        """Give what is wrong with rows, those that could not be read included."""
        lost = [_found_lost(self.rows, code) for code in dict.fromkeys(row.code for row in self.rows.lost)]
        return lost + self._found("E")

    def warnings(self) -> list[Found]:
        """Give what is odd about rows."""
        return self._found("W")

    def _found(self, letter: str) -> list[Found]:
        marks = [mark for mark in self._marks if mark[0].startswith(letter)]
        written = self.rows.table
        if self.rows.written is not None and any(_is_number(written, column) for _, column, _ in marks):
            written = self.rows.written()
        return [
            Found(
                code,
                self.rows.name(column),
                _source_names(self.rows, at),
                self.rows.numbers[at],
                _cells(written, column, at),
            )
            for code, column, at in marks
        ]


def _holds(texts: Texts, text: str) -> Mask:
    """Tell which rows hold a text."""
    if not (texts.lengths == len(text.encode())).any():
        return np.zeros(len(texts), bool)
    return texts.holding(np.asarray(pc.equal(texts.values, text)))


def _is_number(table: pa.Table, column: str) -> bool:
    return column in table.column_names and pa.types.is_floating(table.schema.field(column).type)


def _cells(table: pa.Table, column: str, at: Positions) -> pa.Array:
    if column not in table.column_names:
        return pa.nulls(len(at), pa.string())
    cells = table.column(column).take(pa.array(at)).combine_chunks()
    return as_text(cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells)


def _source_names(rows: Rows, at: Positions) -> pa.Array:
    """Name the file of some rows."""
    if rows.sources is None:
        return pa.DictionaryArray.from_arrays(np.zeros(len(at), np.int32), [rows.source]).cast(pa.string())
    return rows.sources.take(pa.array(at)).cast(pa.string())


def _found_lost(rows: Rows, code: str) -> Found:
    lost = [row for row in rows.lost if row.code == code]
    return Found(
        code,
        lost[0].column,
        pa.array([row.source or rows.source for row in lost], pa.string()),
        np.array([row.row for row in lost], np.int64),
        pa.array([row.value for row in lost], pa.string()),
    )
