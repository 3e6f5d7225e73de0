"""Which column of a manifest is which field."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.errors import ManifestError

ALIASES = {  # the field's own name comes first and wins
    "key": ("key",),
    "url": ("url", "image_url", "image", "uri", "source-ref", "coco_url"),
    "path": ("path", "file_name", "filename"),
    "tag": ("tag", "label", "class", "tags"),
    "left": ("left",),
    "top": ("top",),
    "width": ("width",),
    "height": ("height",),
    "xmin": ("xmin",),
    "ymin": ("ymin",),
    "xmax": ("xmax",),
    "ymax": ("ymax",),
}
SIDES = ("left", "top", "width", "height")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def find_columns(source: str, names: Sequence[str]) -> dict[str, int]:
    """Find the position of each field's column; names match without case and outer blanks.

    Raises:
        ManifestError: A needed column is missing or named twice; all that is wrong at once.
    """
    plain = [name.strip().casefold() for name in names]
    found: dict[str, int] = {}
    wrong = []
    for field, aliases in ALIASES.items():
        present = [alias for alias in aliases if alias in plain]
        if present and plain.count(present[0]) > 1:
            wrong.append(f"two columns are named {present[0]!r}")
        elif len(present) > 1 and present[0] != field:
            wrong.append(
                f"{' and '.join(map(repr, present))} both mean {field}; rename the right one to {field!r}"
            )
        elif present:
            found[field] = plain.index(present[0])
    if not {"url", "path"} & found.keys():
        wrong.append("no column says where the images are: 'url' or 'path'")
    if "tag" not in found:
        wrong.append("no column 'tag'")
    for group in (SIDES, CORNERS):
        missing = [name for name in group if name not in found]
        if 0 < len(missing) < len(group) and not _is_other_box(group, found):
            wrong.append(f"boxes need {', '.join(group)}; missing: {', '.join(missing)}")
    if set(SIDES) <= found.keys() and set(CORNERS) <= found.keys():
        wrong.append("boxes stand there twice: left, top, width, height and xmin, ymin, xmax, ymax")
    if wrong:
        columns = ", ".join(names) or "none"
        raise ManifestError(source, [*wrong, f"its columns: {columns}"])
    return found


def _is_other_box(group: Sequence[str], found: dict[str, int]) -> bool:
    """Width and height beside corners are the image's own."""
    return group == SIDES and set(CORNERS) <= found.keys() and not {"left", "top"} & found.keys()
