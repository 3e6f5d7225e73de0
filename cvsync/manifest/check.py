"""Every problem of the rows of one file, found in one pass over its columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync import limits
from cvsync.labels import BOX, METADATA, OPTIONAL, SCHEMA, TEXT, Labels, fold
from cvsync.manifest.boxes import Boxes, read_boxes
from cvsync.manifest.columns import SIZE
from cvsync.manifest.files import with_plain_paths
from cvsync.manifest.finder import Finder
from cvsync.manifest.problems import Found
from cvsync.manifest.reading import Reading
from cvsync.manifest.refused import ASTRAY, SAID, astray_of, lost_keys, may_have_boxes, said_at
from cvsync.manifest.rows import Rows
from cvsync.manifest.sizes import probe_sizes, read_sizes
from cvsync.manifest.texts import Positions, Texts
from cvsync.manifest.where import Where, by_content, locate, start_of_paths
from cvsync.model import NEGATIVE, REGULAR

MAX_TAG = 256  # characters; the service's limit is not published, and longer names are surely a mistake
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


def check(rows: Rows, reading: Reading, *, common: Path) -> Checked:
    """Split the rows of a file into labels and problems.

    Args:
        rows: As read.
        reading: How they are to be understood.
        common: The folder of all files of the manifest, absolute.

    Raises:
        ManifestError: The file as a whole cannot be understood.
    """
    folder = start_of_paths(rows, reading)
    rows = with_plain_paths(by_content(rows), folder)
    if reading.probe_size:
        rows = probe_sizes(rows, folder)
    finder = Finder(rows)
    boxes = read_boxes(rows, reading)
    texts = {name: finder.trimmed(name) for name in ("key", "url", "path", "tag")}
    finder.skip_headers(texts)
    where = locate(finder, texts, reading, common)
    tag = texts["tag"]
    _check_tags(finder, tag, boxes)
    if "crowd" in rows.table.column_names:
        finder.mark("W018", "crowd", np.flatnonzero(~finder.texts("crowd").null))
    if "outline" in rows.table.column_names:
        finder.mark("W013", "outline", np.flatnonzero(~finder.texts("outline").null))
    for code, column, at in (*rows.marks, *boxes.marks):
        finder.mark(code, column, at)
    columns = _optional(finder, tag, boxes, reading)
    checked = Checked(
        Labels(_table(rows, where, tag, boxes, optional=columns)),
        where.made and where.made.column,
        finder.problems(),
        finder.warnings(),
        may_have_boxes=may_have_boxes(rows),
        is_rejects="error_code" in rows.table.column_names,
        convention=_convention(rows, boxes),
    )
    bad = finder.bad_rows()
    if len(bad):
        _set_apart(checked, bad, np.setdiff1d(bad, finder.having({"E049"})))
    if checked.is_rejects:
        bad = np.arange(len(rows))  # of their images, other rows stand elsewhere
    lost = lost_keys(rows, reading, common)
    checked.bad_keys = where.key.at(bad) | {*filter(None, lost)}
    checked.astray = astray_of(finder.having, where.key, tag, zip(rows.lost, lost, strict=True))
    if "image_id" in columns:
        checked.bad_images = Texts.of(columns["image_id"]).at(bad)
    return checked


def _set_apart(checked: Checked, bad: Positions, said: Positions) -> None:
    """Take the bad rows out, and keep what those of them that are no header say."""
    checked.refused = said_at(checked.labels, said)
    keep = np.ones(len(checked.labels), bool)
    keep[bad] = False
    checked.labels = checked.labels.take(keep)
    checked.places = checked.places and checked.places.filter(pa.array(keep))


def _check_tags(finder: Finder, tag: Texts, boxes: Boxes) -> None:
    if boxes.present is None or boxes.present.any():
        present = np.ones(len(tag), bool) if boxes.present is None else boxes.present
        finder.mark("E015", "tag", np.flatnonzero(tag.null & present))
    finder.mark("W009", "tag", tag.rows(tag.matches(_CONTROL)))
    finder.mark("W010", "tag", tag.rows(np.asarray(pc.greater(pc.utf8_length(tag.values), MAX_TAG))))


def _optional(finder: Finder, tag: Texts, boxes: Boxes, reading: Reading) -> dict[str, pa.Array]:
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


def _tag_types(finder: Finder, tag: Texts, boxes: Boxes, reading: Reading) -> Texts | None:
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


def _metadata(finder: Finder) -> dict[str, pa.Array]:
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


def _table(rows: Rows, where: Where, tag: Texts, boxes: Boxes, *, optional: dict[str, pa.Array]) -> pa.Table:
    missing = boxes.missing()
    source = Texts.constant(len(rows), rows.source) if rows.sources is None else Texts.of(rows.sources)
    arrays = {
        "key": where.key.column,
        "url": where.url.column,
        "path": where.path.column,
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
