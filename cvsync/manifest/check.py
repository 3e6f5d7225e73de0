"""Every problem of the rows of one file, found in one pass over its columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync import limits
from cvsync.labels import BOX, METADATA, OPTIONAL, SCHEMA, TEXT, Labels, fold
from cvsync.manifest.boxes import Boxes, read_boxes, read_sizes
from cvsync.manifest.columns import SIZE
from cvsync.manifest.files import check_files, with_plain_paths
from cvsync.manifest.identity import path_keys, signature_end, url_keys
from cvsync.manifest.links import IS_URL, check_endings, check_urls
from cvsync.manifest.problems import Found
from cvsync.manifest.reading import Reading
from cvsync.manifest.refused import ASTRAY, SAID, astray_of, lost_keys, may_have_boxes, said_at
from cvsync.manifest.rows import Rows
from cvsync.manifest.sizes import probe_sizes
from cvsync.manifest.texts import Mask, Positions, Texts, as_text

MAX_TAG = 256  # characters; the service's limit is not published, and longer names are surely a mistake
NEGATIVE, REGULAR = "Negative", "Regular"
_TYPES = {kind.casefold(): kind for kind in (NEGATIVE, REGULAR)}
_CONTROL = r"[\x00-\x1f\x7f]"


@dataclass(eq=False)
class Checked:
    """The good rows of a file, and what is wrong with the others."""

    labels: Labels
    places: pa.Array | None = None
    """Where the image of each label is, as a key would be made of it; None: the keys are made so."""
    problems: list[Found] = field(default_factory=list)
    warnings: list[Found] = field(default_factory=list)
    refused: pa.Table = field(default_factory=SAID.empty_table)
    """The bad rows, as far as they could be read: columns of ``refused.SAID``."""
    may_have_boxes: bool = False
    """Whether rows that could not be read may have had boxes."""
    bad_keys: set[str] = field(default_factory=set)
    """Images of which not all rows are here."""
    bad_images: set[str] = field(default_factory=set)
    """And the ids that such rows tell."""
    astray: pa.Table = field(default_factory=ASTRAY.empty_table)
    """Refused rows whose image is in doubt, as ``refused.ASTRAY``."""
    is_rejects: bool = False
    """Whether these are rows that were refused before."""
    convention: str = ""


class _Place(NamedTuple):
    """Where the images of the rows are."""

    key: Texts
    made: Texts | None
    """What the keys would be if they were made from the places; None: they are."""
    url: Texts
    path: Texts


def check(rows: Rows, reading: Reading, *, common: Path) -> Checked:
    """Split the rows of a file into labels and problems.

    Args:
        rows: As read.
        reading: How they are to be understood.
        common: The folder of all files of the manifest, absolute.

    Raises:
        ManifestError: The file as a whole cannot be understood.
    """
    folder = Path(reading.images.absolute() if reading.images else rows.folder)
    rows = with_plain_paths(_by_content(rows), folder)
    if reading.probe_size:
        rows = probe_sizes(rows, folder)
    finder = _Finder(rows)
    boxes = read_boxes(rows, reading)
    texts = {name: finder.trimmed(name) for name in ("key", "url", "path", "tag")}
    finder.skip_headers(texts)
    place = _find_images(finder, texts, reading, common)
    tag = texts["tag"]
    _check_tags(finder, tag, boxes)
    if "crowd" in rows.table.column_names:
        finder.mark("W018", "crowd", np.flatnonzero(~finder.texts("crowd").null))
    if "outline" in rows.table.column_names:
        finder.mark("W013", "outline", np.flatnonzero(~finder.texts("outline").null))
    for code, column, at in (*rows.marks, *boxes.marks):
        finder.mark(code, column, at)
    columns = _optional(finder, tag, boxes, reading)
    labels = Labels(_table(rows, place, tag, boxes, optional=columns))
    bad = finder.bad_rows()
    checked = Checked(labels, place.made and place.made.column, finder.problems(), finder.warnings())
    if len(bad):
        keep = np.ones(len(rows), bool)
        keep[bad] = False
        checked.labels = labels.take(keep)
        checked.refused = said_at(labels, np.setdiff1d(bad, finder.having({"E049"})))
        checked.places = checked.places and checked.places.filter(pa.array(keep))
    checked.may_have_boxes = may_have_boxes(rows)
    checked.is_rejects = "error_code" in rows.table.column_names
    if checked.is_rejects:
        bad = np.arange(len(rows))  # of their images, other rows stand elsewhere
    lost = lost_keys(rows, reading, common)
    checked.bad_keys = place.key.at(bad) | {*filter(None, lost)}
    checked.astray = astray_of(finder.having, place.key, tag, zip(rows.lost, lost, strict=True))
    if "image_id" in columns:
        checked.bad_images = Texts.of(columns["image_id"]).at(bad)
    checked.convention = _convention(rows, boxes)
    return checked


def _by_content(rows: Rows) -> Rows:
    """Take a column of another name than ``url`` or ``path`` for what all of its cells are."""
    for name, other in (("url", "path"), ("path", "url")):
        is_alias = rows.names.get(name, name).casefold() != name and other not in rows.table.column_names
        if name not in rows.table.column_names or not is_alias:
            continue
        texts = Texts.of(rows.table.column(name))
        is_url = texts.matches(r"^\s*[A-Za-z][A-Za-z0-9+.-]+:/")
        if len(is_url) and (not is_url.any() if name == "url" else is_url.all()):
            return _renamed(rows, name, other)
    return rows


def _renamed(rows: Rows, name: str, other: str) -> Rows:
    names = [other if column == name else column for column in rows.table.column_names]
    written = rows.written
    return replace(
        rows,
        table=rows.table.rename_columns(names),
        names={**rows.names, other: rows.names[name]},
        written=written and (lambda: written().rename_columns(names)),
    )


class _Finder:
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
                source_names(self.rows, at),
                self.rows.numbers[at],
                _cells(written, column, at),
            )
            for code, column, at in marks
        ]


def _holds(texts: Texts, text: str) -> Mask:
    """Tell which rows hold a text."""
    if not (texts.lengths == len(text.encode())).any():
        return np.zeros(len(texts), bool)
    chosen = np.asarray(pc.equal(texts.values, text))
    return np.append(chosen, False)[texts.codes]


def _is_number(table: pa.Table, column: str) -> bool:
    return column in table.column_names and pa.types.is_floating(table.schema.field(column).type)


def _cells(table: pa.Table, column: str, at: Positions) -> pa.Array:
    if column not in table.column_names:
        return pa.nulls(len(at), pa.string())
    cells = table.column(column).take(pa.array(at)).combine_chunks()
    return as_text(cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells)


def source_names(rows: Rows, at: Positions) -> pa.Array:
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


def _find_images(finder: _Finder, texts: dict[str, Texts], reading: Reading, common: Path) -> _Place:
    rows, url, path = finder.rows, texts["url"], texts["path"]
    finder.mark(
        "E002", "url" if "url" in rows.table.column_names else "path", np.flatnonzero(url.null & path.null)
    )
    check_urls(url, finder.mark, any_storage=reading.any_storage)
    folder = Path(reading.images.absolute() if reading.images else rows.folder)
    keys = [url_keys(url)]
    if reading.now is not None:
        signed = url.matches(r"\?")
        ends = [signature_end(u) for u in url.values.filter(pa.array(signed)).to_pylist()]
        signed[signed] = [end is not None and end < reading.now for end in ends]
        finder.mark("W019", "url", url.rows(signed))
    if not path.is_empty:
        _check_paths(finder, path, url, reading)
        of_path = path_keys(path, folder=folder, common=folder if reading.images else common)
        keys.append(of_path)
        out = of_path.rows(of_path.matches(r"^/|^[A-Za-z]:/"))
        finder.mark("W007", "path", out[(url.null & texts["key"].null)[out]])
        if reading.images:
            path = path.changed(np.ones(len(path.values), bool), lambda p: (folder / p).as_posix())
        if reading.check_files:
            check_files(path, url, finder.mark, folder=folder)
    made = _first_of(keys)
    if texts["key"].is_empty:
        return _Place(made, None, url, path)
    return _Place(_first_of([texts["key"], made]), made, url, path)


def _check_paths(finder: _Finder, path: Texts, url: Texts, reading: Reading) -> None:
    finder.mark("E039", "path", path.rows(path.matches(IS_URL)))
    if not finder.rows.is_local and reading.images is None:
        finder.mark("E048", "path", np.flatnonzero(~path.null & url.null))
    check_endings(path, "path", finder.mark)


def _first_of(columns: Sequence[Texts]) -> Texts:
    """Give for each row the first text that there is."""
    used = [texts for texts in columns if not texts.is_empty] or [columns[0]]
    if not used[0].null.any() or len(used) == 1:
        return used[0]
    starts = np.cumsum([0, *(len(texts.values) for texts in used)])
    codes = np.full(len(used[0]), -1, np.int64)
    for texts, start in zip(reversed(used), reversed(starts[:-1]), strict=True):
        codes = np.where(texts.null, codes, texts.codes + start)
    values = pa.concat_arrays([texts.values for texts in used])
    return Texts.from_codes(codes.astype(np.int32), values).mapped(values)


def _check_tags(finder: _Finder, tag: Texts, boxes: Boxes) -> None:
    if boxes.present is None or boxes.present.any():
        present = np.ones(len(tag), bool) if boxes.present is None else boxes.present
        finder.mark("E015", "tag", np.flatnonzero(tag.null & present))
    finder.mark("W009", "tag", tag.rows(tag.matches(_CONTROL)))
    finder.mark("W010", "tag", tag.rows(np.asarray(pc.greater(pc.utf8_length(tag.values), MAX_TAG))))


def _optional(finder: _Finder, tag: Texts, boxes: Boxes, reading: Reading) -> dict[str, pa.Array]:
    """Read the columns that need not be there."""
    columns: dict[str, pa.Array] = {}
    for name in ("version", "image_id"):
        texts = finder.trimmed(name)
        if not texts.is_empty:
            columns[name] = texts.column
    kinds = _tag_types(finder, tag, boxes, reading)
    if kinds is not None:
        columns["tag_type"] = kinds.column
    sizes, marks = read_sizes(finder.rows)
    columns |= {name: size for name, size in sizes.items() if size.null_count < len(size)}
    for code, column, at in marks:
        finder.mark(code, column, at)
    return columns | _metadata(finder)


def _tag_types(finder: _Finder, tag: Texts, boxes: Boxes, reading: Reading) -> Texts | None:
    kinds = finder.trimmed("tag_type")
    if kinds.is_empty and reading.negative is None:
        return None
    named = kinds.values.to_pylist()
    unknown = np.array([name.casefold() not in _TYPES for name in named], bool)
    finder.mark("E025", "tag_type", kinds.rows(unknown))
    kinds = kinds.mapped(pa.array([_TYPES.get(name.casefold()) for name in named], pa.string()))
    codes, values = kinds.codes, [*kinds.values.to_pylist(), NEGATIVE]
    negative = values.index(NEGATIVE)
    if reading.negative is not None:
        wanted = fold(reading.negative)
        codes = codes.copy()
        codes[tag.rows(np.array([fold(name) == wanted for name in tag.values.to_pylist()], bool))] = negative
    with_box = codes == negative
    if boxes.present is not None:
        with_box = with_box & boxes.present
    finder.mark("E026", "tag", np.flatnonzero(with_box))
    return Texts.from_codes(codes, pa.array(values[: max(negative + 1, len(kinds.values))], pa.string()))


def _metadata(finder: _Finder) -> dict[str, pa.Array]:
    names = [name for name in finder.rows.table.column_names if name.startswith(METADATA)]
    columns = {}
    for name in names:
        texts = finder.texts(name)
        long = np.asarray(pc.greater(pc.utf8_length(texts.values), limits.MAX_METADATA_VALUE))
        finder.mark("E033", name, texts.rows(long))
        columns[name] = texts.column
    if len(names) > limits.MAX_METADATA_PAIRS:
        filled = np.sum([np.asarray(column.is_valid()) for column in columns.values()], axis=0)
        finder.mark("E034", names[0], np.flatnonzero(filled > limits.MAX_METADATA_PAIRS))
    return columns


def _table(rows: Rows, place: _Place, tag: Texts, boxes: Boxes, *, optional: dict[str, pa.Array]) -> pa.Table:
    missing = boxes.missing()
    source = Texts.constant(len(rows), rows.source) if rows.sources is None else Texts.of(rows.sources)
    arrays = {
        "key": place.key.column,
        "url": place.url.column,
        "path": place.path.column,
        "tag": tag.column,
        **{name: pa.array(side, mask=missing) for name, side in zip(BOX, boxes.sides, strict=True)},
        "source": source.column,
        "row": pa.array(rows.numbers),
    }
    fields = [f.with_nullable(True) for f in SCHEMA] + [f for f in OPTIONAL if f.name in optional]
    fields += [pa.field(name, TEXT) for name in optional if name.startswith(METADATA)]
    return pa.Table.from_arrays([{**arrays, **optional}[f.name] for f in fields], schema=pa.schema(fields))


def _convention(rows: Rows, boxes: Boxes) -> str:
    present = rows.table.column_names
    where = " or ".join(rows.name(name) for name in ("url", "path") if name in present)
    said = [f"image {where}", f"tag {rows.name('tag')}", boxes.convention]
    if set(SIZE) & {*present}:
        said.append("size " + " ".join(rows.name(name) for name in SIZE if name in present))
    if "version" in present:
        said.append(f"version {rows.name('version')}")
    if "error_code" in present:
        said.append("refused rows, whose images keep their other labels")
    names = [name.removeprefix(METADATA) for name in present if name.startswith(METADATA)]
    if names:
        said.append(f"metadata {' '.join(names)}")
    return ", ".join([*said, *rows.notes])
