"""Box conventions, and exact conversions to single-precision fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.errors import ManifestError
from cvsync.labels import one_chunk
from cvsync.manifest.columns import CELL, CORNERS, FIELDS_OF, SIZE, UNCLEAR, box_fields, wrong_boxes
from cvsync.manifest.number_cells import Marks, NumberColumn, Numbers, read_numbers
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows
from cvsync.manifest.sizes import read_sizes
from cvsync.manifest.texts import Mask, Positions
from cvsync.parallel import each, slices

OVERHANG = 1e-5  # of the image's side: what rounding leaves, clamped in reading
HALF_PIXEL = 0.5  # the same where boxes are in pixels
NOISE = 2.0**-22  # what two single-precision numbers next to 1 may add up to beyond it: no overhang at all
_BY_NAME: dict[tuple[str, ...], Box] = {fields: box for box, fields in FIELDS_OF.items()}


@dataclass(eq=False)
class Boxes:
    """The boxes of a file's rows."""

    sides: tuple[NDArray[np.float32], ...]
    """Left, top, width, height; anything where there is no box."""
    present: Mask | None = None
    """Which rows have a box; None: all."""
    marks: Marks = field(default_factory=list)
    convention: str = "no boxes"

    def missing(self) -> Mask | None:
        """Which rows have none; None: no row."""
        return None if self.present is None else ~self.present


def read_boxes(rows: Rows, reading: Reading) -> Boxes:
    """Read the boxes of rows; a box with a problem is not to be used.

    Raises:
        ManifestError: What the numbers of the boxes mean cannot be told.
    """
    fields = _fields(rows)
    if fields is None:
        none = np.zeros(len(rows), bool)
        return Boxes((np.zeros(len(rows), np.float32),) * 4, none)
    units = reading.units or rows.units
    box = reading.box or rows.box or _BY_NAME.get(fields) or _infer_box(rows, reading, fields, units)
    is_final = box is Box.LTWH and units in (None, Units.FRACTION)
    columns = _columns(rows, fields, pa.float32() if is_final else pa.float64())
    state = _State(rows, reading, fields, box, columns)
    if state.present is not None and not state.present.any():
        return Boxes((np.zeros(len(rows), np.float32),) * 4, state.present)
    if units is None:
        units = _infer_units(state)
        if units is not Units.FRACTION and is_final:
            state = _State(rows, reading, fields, box, _columns(rows, fields, pa.float64(), exact=True))
    boxes = state.convert(units)
    names = " ".join(dict.fromkeys(rows.name(name) for name in fields))
    boxes.convention = f"box {names} as {box} in {units.plural}"
    return boxes


def _fields(rows: Rows) -> tuple[str, ...] | None:
    """Give the fields of the boxes' four numbers; labels in cells may have others than the columns show."""
    found = {*rows.table.column_names} - {*SIZE}
    if ({*CORNERS} <= found or "box" in found) and not {"left", "top", "cx", "cy", *UNCLEAR} & found:
        found -= {"width", "height"}  # of the image
    if wrong_boxes(found) or {*UNCLEAR} & found:
        found -= {name for name in found if rows.table.column(name).null_count == len(rows)}
    wrong = wrong_boxes(found)
    if {*UNCLEAR} & found:
        wrong = [
            "whether x and y of its boxes are a corner or the centre cannot be told; "
            "call them left and top, or cx and cy"
        ]
    if wrong:
        raise ManifestError(rows.source, wrong)
    return box_fields(found)


class _State:
    """The numbers of boxes on their way to fractions."""

    def __init__(
        self, rows: Rows, reading: Reading, fields: tuple[str, ...], box: Box, columns: list[NumberColumn]
    ) -> None:
        self.rows, self.reading, self.fields, self.box = rows, reading, fields, box
        self.marks: Marks = [mark for column in columns for mark in column.marks]
        self.values = [column.values for column in columns]
        self.sizes: list[NDArray[np.float64]] = []
        self.present: Mask | None = None
        self.usable: Mask | None = None
        """Rows with four numbers; None: all."""
        if any(column.empty is not None or column.bad is not None for column in columns):
            none = np.zeros(len(rows), bool)
            empty = np.stack([none if column.empty is None else column.empty for column in columns])
            bad = np.stack([none if column.bad is None else column.bad for column in columns])
            present: Mask = ~np.asarray(empty.all(axis=0))
            whole: Mask = ~np.asarray(empty.any(axis=0))
            self.present, self.usable = present, whole & ~np.asarray(bad.any(axis=0))
            self._mark("E011", fields[0], np.flatnonzero(present & ~whole))

    def extent(self) -> tuple[list[Numbers], list[Numbers]]:
        """Give the box's start and its extent, across and down, in the units of the file."""
        first, second = self.values[:2], self.values[2:]
        if self.box is Box.XYXY:
            return first, [b - a for a, b in zip(first, second, strict=True)]
        if self.box is Box.CXCYWH:
            return [c - e / 2 for c, e in zip(first, second, strict=True)], second
        return first, second

    def convert(self, units: Units) -> Boxes:
        """Make fractions of them, and mark the rows that are none."""
        start, extent = self.extent()
        tolerance: list[float | Numbers] = [OVERHANG, OVERHANG]
        if units is Units.PIXEL:
            sizes = self.sizes = self._find_sizes()
            start = [a / size for a, size in zip(start, sizes, strict=True)]
            extent = [a / size for a, size in zip(extent, sizes, strict=True)]
            tolerance = [np.maximum(OVERHANG, HALF_PIXEL / size) for size in sizes]
        elif units is Units.PERCENT:
            start, extent = [a / 100 for a in start], [a / 100 for a in extent]
        sides = tuple(np.asarray(a, np.float32) for a in (*start, *extent))
        boxes = Boxes(sides, self.present, self.marks)
        self._check_extent(boxes, units, tolerance)
        return boxes

    def suspects(self, sides: tuple[Numbers, ...]) -> Positions:
        """Give the rows whose box does not lie in its image, seen in a hurry."""
        if self.usable is None and all(each(partial(_all_fit, sides), slices(len(sides[0])))):
            return np.zeros(0, np.int64)
        left, top, width, height = sides
        with np.errstate(invalid="ignore"):
            fits = (left >= 0) & (top >= 0) & (width > 0) & (height > 0)
            fits &= (left + width <= 1) & (top + height <= 1)
        return np.flatnonzero(~fits if self.usable is None else ~fits & self.usable)

    def _find_sizes(self) -> list[NDArray[np.float64]]:
        """Give the images' sizes; of a box without one nothing more is said."""
        sizes, marks = read_sizes(self.rows)
        if not len(self.rows):  # all of them were refused before
            return [np.zeros(0), np.zeros(0)]
        if len(sizes) < 2:
            probe = "; --probe-size reads only files" if self.reading.probe_size else ", or --probe-size"
            raise ManifestError(
                self.rows.source,
                [
                    "its boxes are in pixels, which needs the sizes of the images: columns image_width and "
                    f"image_height{probe} (or say --units fraction)"
                ],
            )
        usable = np.ones(len(self.rows), bool) if self.usable is None else self.usable
        missing = ~np.logical_and.reduce([np.asarray(size.is_valid()) for size in sizes.values()])
        said = np.zeros(len(self.rows), bool)
        for _, _, at in (*marks, *self.rows.marks):  # a size that is none is told already
            said[at] = True
        self._mark("E023", self.fields[0], np.flatnonzero(usable & missing & ~said))
        self.usable = usable & ~missing
        return [np.asarray(pc.fill_null(size, 1)).astype(np.float64) for size in sizes.values()]

    def _check_extent(self, boxes: Boxes, units: Units, tolerance: list[float | Numbers]) -> None:
        at = self.suspects(boxes.sides)
        if not len(at):
            return
        wide = np.stack([side[at].astype(np.float64) for side in boxes.sides])
        start, extent = wide[:2], wide[2:]
        allowed = np.stack(
            [np.broadcast_to(t if np.isscalar(t) else np.asarray(t)[at], len(at)) for t in tolerance]
        )
        beyond = np.maximum(-start, start + extent - 1)
        negative = (extent < 0).any(axis=0)
        empty = ~negative & ~(extent > 0).all(axis=0)
        outside = ~negative & ~empty & ~(beyond <= allowed).all(axis=0)
        self._mark("E014", self.fields[2], at[negative])
        self._mark("E013", self.fields[2], at[empty])
        self._explain(at[outside], wide[:, outside], units)
        if units is Units.FRACTION:
            self._advise(int(outside.sum()))
        clamped = ~negative & ~empty & ~outside & (beyond > NOISE).any(axis=0)
        if clamped.any():
            first = np.clip(start[:, clamped], 0, 1)
            last = np.clip((start + extent)[:, clamped], 0, 1)
            boxes.sides = tuple(np.array(side) for side in boxes.sides)  # what Arrow gives is read-only
            for side, new in zip(boxes.sides, (*first, *(last - first)), strict=True):
                side[at[clamped]] = new.astype(np.float32)
            self._mark("W001", self.fields[0], at[clamped])

    def _explain(self, at: Positions, wide: NDArray[np.float64], units: Units) -> None:
        """Tell pixels, percent and swapped axes from boxes that are just outside."""
        big = (wide[2:] > 1).all(axis=0)
        left = np.ones(len(at), bool)
        if units is Units.FRACTION:
            percent = big & (wide[:2] + wide[2:] <= 100 + OVERHANG).all(axis=0)
            self._mark("E022", self.fields[0], at[percent])
            self._mark("E021", self.fields[0], at[big & ~percent])
            left = np.asarray(~big)
        elif units is Units.PIXEL:
            across, down = (np.asarray(size)[at] for size in self.sizes)
            swapped = (wide[0] + wide[2]) * across <= down + HALF_PIXEL
            swapped &= (wide[1] + wide[3]) * down <= across + HALF_PIXEL
            swapped &= (wide[:2] >= 0).all(axis=0)
            self._mark("E024", self.fields[0], at[swapped])
            left = np.asarray(~swapped)
        self._mark("E012", self.fields[0], at[left])

    def _advise(self, outside: int) -> None:
        """Say so where another convention would fit every box, and this one leaves many outside."""
        usable = np.ones(len(self.rows), bool) if self.usable is None else self.usable
        if self.box is not Box.LTWH or self.reading.box or outside < max(2, usable.sum() / 10):
            return
        a, b = (np.stack(pair).astype(np.float64)[:, usable] for pair in (self.values[:2], self.values[2:]))
        first = np.flatnonzero(usable)[:1]
        if ((a - b / 2 >= -OVERHANG) & (a + b / 2 <= 1 + OVERHANG)).all():
            self._mark("W022", self.fields[0], first)
        if ((b > a) & (a >= -OVERHANG) & (b <= 1 + OVERHANG)).all():
            self._mark("W023", self.fields[0], first)

    def _mark(self, code: str, column: str, rows: Positions) -> None:
        self.marks.append((code, column, rows))


def _all_fit(sides: tuple[Numbers, ...], part: slice) -> bool:
    """Tell whether some boxes lie in their images, all of them."""
    left, top, width, height = (side[part] for side in sides)
    return bool(
        min(left.min(), top.min()) >= 0
        and min(width.min(), height.min()) > 0
        and max((left + width).max(), (top + height).max()) <= 1
    )


def _infer_units(state: _State) -> Units:
    """Tell pixels from fractions, where every box says the same."""
    start, extent = state.extent()
    at = state.suspects((*start, *extent))
    big = int(((extent[0][at] > 1) & (extent[1][at] > 1)).sum()) if len(at) else 0
    if not big:
        return Units.FRACTION
    usable = len(state.rows) if state.usable is None else int(state.usable.sum())
    if big == usable:
        return Units.PIXEL
    if big > usable / 2:
        raise ManifestError(
            state.rows.source,
            [
                f"{big:,} of its {usable:,} boxes are no fractions 0 to 1, the others are; "
                "say --units pixel, percent or fraction"
            ],
        )
    return Units.FRACTION


def _infer_box(rows: Rows, reading: Reading, fields: tuple[str, ...], units: Units | None) -> Box:
    """Tell what four numbers of one cell are, where every box says the same."""
    fitting = []
    columns = _columns(rows, fields, pa.float64())
    if all(column.is_blank for column in columns):
        return Box.LTWH  # there is no box that it could be wrong about
    for box in Box:
        state = _State(rows, reading, fields, box, columns)
        boxes = state.convert(units or _infer_units(state))
        if not any(
            code in ("E012", "E013", "E014", "E021", "E022", "E024") for code, _, at in boxes.marks if len(at)
        ):
            fitting.append(box)
    if len(fitting) == 1:
        return fitting[0]
    raise ManifestError(
        rows.source,
        [f"what the four numbers of {rows.name('box')!r} are cannot be told; say --box ltwh, xyxy or cxcywh"],
    )


def _columns(
    rows: Rows, fields: tuple[str, ...], type_: pa.DataType, *, exact: bool = False
) -> list[NumberColumn]:
    table = rows.written() if exact and rows.written else rows.table
    if fields == CELL:
        cells = one_chunk(table.column("box"))
        values = pc.list_flatten(pc.if_else(cells.is_valid(), cells, pa.scalar([None] * 4, cells.type)))
        quarters = [values.take(pa.array(np.arange(n, len(values), 4))) for n in range(4)]
        return [
            read_numbers(quarter, field, type_, nan_is_null=rows.nan_is_null)
            for quarter, field in zip(quarters, fields, strict=True)
        ]
    return each(
        lambda field: read_numbers(
            one_chunk(table.column(field)), field, type_, nan_is_null=rows.nan_is_null
        ),
        fields,
    )
