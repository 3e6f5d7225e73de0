"""Which column of a manifest is which field."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence

from cvsync import limits
from cvsync.errors import ManifestError
from cvsync.labels import METADATA
from cvsync.manifest.like_boxes import like_boxes
from cvsync.manifest.reading import Box, Reading, Units

ALIASES = {  # the field's own name comes first and, but for LABELS, wins
    "key": ("key",),
    "url": ("url", "image_url", "image", "uri", "source-ref", "coco_url"),
    "path": ("path", "file_name", "filename"),
    "tag": ("tag", "label", "class", "tags"),
    "labels": ("labels", "objects", "annotations", "regions"),  # all of an image in one cell
    "box": ("box", "bbox", "boxes", "bboxes", "bounding_box", "boundingbox"),  # four numbers in one cell
    "left": ("left",),
    "top": ("top",),
    "width": ("width",),
    "height": ("height",),
    "xmin": ("xmin",),
    "ymin": ("ymin",),
    "xmax": ("xmax",),
    "ymax": ("ymax",),
    "cx": ("cx", "x_center", "x_centre"),
    "cy": ("cy", "y_center", "y_centre"),
    "version": ("version", "sha256"),
    "tag_type": ("tag_type",),
    "image_id": ("image_id",),
    "image_width": ("image_width",),
    "image_height": ("image_height",),
    "error_code": ("error_code",),  # of a rejects file, with `error` beside it
}
LABELS = ("tag", "labels", "box")  # what is on an image: no second column of these is left alone
SIDES = ("left", "top", "width", "height")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
CENTRES = ("cx", "cy", "width", "height")
CELL = ("box",) * 4  # four numbers in one cell
FIELDS_OF = {Box.LTWH: SIDES, Box.XYXY: CORNERS, Box.CXCYWH: CENTRES}
SIZE = ("image_width", "image_height")
FEW_TEXTS = frozenset({"tag", "tag_type", "error_code"})  # whose rows share a handful of texts
NUMBERS = frozenset({*SIDES, *CORNERS, *CENTRES, *SIZE})
AS_CORNERS = (("x1", "y1", "x2", "y2"), ("x_min", "y_min", "x_max", "y_max"))  # where all four are there
UNCLEAR = ("x", "y")  # of labels in one cell: a corner or the centre


def find_columns(source: str, names: Sequence[str], reading: Reading) -> dict[str, int]:
    """Find the position of each field's column; names match without case and outer blanks.

    Columns of ``reading.metadata``, and those that are named so, are fields ``metadata.…``.

    Raises:
        ManifestError: A needed column is missing or named twice; all that is wrong at once.
    """
    found, wrong = match_columns(names, reading)
    if {"tag", "labels"} <= found.keys():
        tag, labels = (names[found[field]].strip() for field in ("tag", "labels"))
        wrong.append(
            f"{tag!r} and {labels!r} both hold labels; --map tag={tag} or labels={labels} says which"
        )
    require(source, names, wrong)
    return found


def require(source: str, names: Sequence[str], wrong: Sequence[str]) -> None:
    """Raise a ``ManifestError`` if anything is wrong with the columns of a file."""
    if wrong:
        columns = ", ".join(names) or "none"
        raise ManifestError(source, [*wrong, f"its columns: {columns} (--map FIELD=COLUMN names a field)"])


def match_columns(names: Sequence[str], reading: Reading) -> tuple[dict[str, int], list[str]]:
    """Find the columns that there are, and say what is wrong with them."""
    plain = [name.strip().casefold() for name in names]
    wrong: list[str] = []
    found = _mapped(plain, reading.columns, wrong)
    taken = set(found.values())
    unclear = set()
    settled = {"tag", "labels"} if {"tag", "labels"} & found.keys() else set()
    for field, aliases in ALIASES.items():
        if field in found or field in settled:
            continue
        present = [alias for alias in aliases if alias in plain and plain.index(alias) not in taken]
        if present and plain.count(present[0]) > 1:
            unclear.add(field)
            wrong.append(f"two columns are named {present[0]!r}")
        elif len(present) > 1 and (field in LABELS or present[0] != field):
            unclear.add(field)
            wrong.append(
                f"{' and '.join(map(repr, present))} both mean {field}; --map {field}=COLUMN says which one"
            )
        elif present:
            found[field] = plain.index(present[0])
    if box_fields(found) is None and "labels" not in found:
        _find_other_boxes(found, plain, wrong, others={name.casefold() for name in reading.metadata})
    _settle_boxes(found, plain, wrong)
    if "error" not in plain:
        found.pop("error_code", None)
    if not {"url", "path"} & (found.keys() | unclear):
        wrong.append("no column says where the images are: 'url' or 'path'")
    if not {"tag", "labels"} & (found.keys() | unclear):
        wrong.append("no column 'tag'")
    _add_metadata(found, names, reading, wrong)
    return found, wrong


def box_fields(found: Collection[str]) -> tuple[str, ...] | None:
    """Give the fields of a box's four numbers, if there are any."""
    return next((group for group in (CORNERS, SIDES, CENTRES, CELL) if {*group} <= {*found}), None)


def has_final_sides(fields: Collection[str], reading: Reading) -> bool:
    """Tell whether the sides of boxes are fractions, rounded once: straight to what the service stores.

    Whatever is yet to be computed with is read in double precision.
    """
    is_plain = reading.box in (None, Box.LTWH) and reading.units in (None, Units.FRACTION)
    return is_plain and {*SIDES} <= {*fields}


def _mapped(plain: list[str], columns: Mapping[str, str], wrong: list[str]) -> dict[str, int]:
    found = {}
    for field, column in columns.items():
        name = column.strip().casefold()
        if field not in ALIASES:
            wrong.append(f"--map {field}={column}: there is no field {field!r}; fields: {', '.join(ALIASES)}")
        elif name not in plain:
            wrong.append(f"--map {field}={column}: there is no column {column!r}")
        else:
            found[field] = plain.index(name)
    return found


def _find_other_boxes(
    found: dict[str, int], plain: list[str], wrong: list[str], *, others: Collection[str]
) -> None:
    """Take columns for corners by their other names; refuse what looks like boxes, but not ``others``."""
    for names in AS_CORNERS:
        if {*names} <= {*plain}:
            found.update(zip(CORNERS, map(plain.index, names), strict=True))
            return
    suspected = like_boxes(name for name in plain if name.removeprefix(METADATA) not in others)
    if suspected is not None:
        box, columns = suspected
        pairs = zip(FIELDS_OF[box], columns, strict=True)
        maps = " ".join(f"--map {side}={shlex.quote(name)}" for side, name in pairs)
        wrong.append(f"{', '.join(columns)} look like boxes: {maps}, or carry them along with --metadata")


def _settle_boxes(found: dict[str, int], plain: list[str], wrong: list[str]) -> None:
    """Tell the image's own width and height from those of boxes, and find boxes that are not whole."""
    has_other_box = set(CORNERS) <= found.keys() or {"box", "labels"} & found.keys()
    if has_other_box and not {"left", "top", "cx", "cy"} & found.keys():
        for size, side in zip(SIZE, ("width", "height"), strict=True):
            if side in found:
                found.setdefault(size, found[side])
                del found[side]
    hint = "; x and y: --map left=x --map top=y" if {"x", "y"} <= {*plain} else ""
    wrong.extend(wrong_boxes(found, hint=hint))


def wrong_boxes(found: Collection[str], *, hint: str = "") -> list[str]:
    """Say what keeps the numbers of boxes from being told: some are missing, or they stand there twice."""
    wrong = []
    groups: list[tuple[str, ...]] = [g for g in (SIDES, CORNERS, CENTRES) if {*g} <= {*found}]
    for group in (SIDES, CORNERS, CENTRES):
        own = [name for name in group if name in found and not any(name in g for g in groups)]
        if own and not (group == CENTRES and not {"cx", "cy"} & {*found}):
            missing = [name for name in group if name not in found]
            wrong.append(f"boxes need {', '.join(group)}; missing: {', '.join(missing)}{hint}")
    if "box" in found:
        groups.append(("box",))
    if len(groups) > 1:
        wrong.append(f"boxes stand there twice: {' and '.join(', '.join(g) for g in groups)}")
    return wrong


def _add_metadata(found: dict[str, int], names: Sequence[str], reading: Reading, wrong: list[str]) -> None:
    plain = [name.strip() for name in names]
    for position, name in enumerate(plain):
        if name.startswith(METADATA) and name != METADATA:
            found[name] = position
    for name in reading.metadata:
        if name not in plain:
            wrong.append(f"--metadata {name}: there is no such column")
        else:
            found.setdefault(METADATA + name.removeprefix(METADATA), plain.index(name))
    for field in found:
        if field.startswith(METADATA) and len(field) - len(METADATA) > limits.MAX_METADATA_KEY:
            wrong.append(f"metadata names have {limits.MAX_METADATA_KEY} characters at most: {field[:60]}…")
