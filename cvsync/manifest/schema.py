"""The schema of cvsync's own manifests: CSV, TSV, Parquet and JSON Lines, one row a label.

Its version goes up when a column is taken away or means something else; new columns may come at any time, and
readers pass columns by that they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cvsync import limits
from cvsync.labels import BOX, METADATA, OPTIONAL, Labels, same_texts
from cvsync.model import NEGATIVE, REGULAR

VERSION = 1
_KEPT = ("url", "path", "tag", *BOX, *OPTIONAL.names)  # of labels, in the order of columns
_BOX_TEXT = "fraction 0 to 1 of the image, single precision; all four, or none for a tag of the whole image"


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    type: str
    """As JSON Schema has it."""
    says: str
    limits: tuple[tuple[str, Any], ...] = ()


COLUMNS = (
    Column(
        "key",
        "string",
        "what makes two rows the same image; left out: the url without signature, or the path",
    ),
    Column("url", "string", "where the service can download the image", (("pattern", "^https?://"),)),
    Column("path", "string", "a file, relative to the manifest's folder"),
    Column("tag", "string", "the tag; left out: an image without a label", (("minLength", 1),)),
    Column("left", "number", f"left edge of a box: {_BOX_TEXT}", (("minimum", 0), ("maximum", 1))),
    Column("top", "number", f"its top edge: {_BOX_TEXT}", (("minimum", 0), ("maximum", 1))),
    Column("width", "number", f"its width: {_BOX_TEXT}", (("exclusiveMinimum", 0), ("maximum", 1))),
    Column("height", "number", f"its height: {_BOX_TEXT}", (("exclusiveMinimum", 0), ("maximum", 1))),
    Column("version", "string", "of the image's content: another one under the same key is a new image"),
    Column("tag_type", "string", "type of the tag; left out: Regular", (("enum", [REGULAR, NEGATIVE]),)),
    Column("image_id", "string", "the id of the image where it was pulled from"),
    Column("image_width", "integer", "width of the image in pixels", (("minimum", 1),)),
    Column("image_height", "integer", "height of the image in pixels", (("minimum", 1),)),
    Column("sha256", "string", "of the file that was pulled; where there is no `version`, it is the version"),
    Column("size", "integer", "bytes of the file that was pulled", (("minimum", 0),)),
)


def json_schema() -> dict[str, Any]:
    """Give the schema of a row as JSON Schema; cells that are empty are properties that are not there."""
    properties = {c.name: {"type": c.type, "description": c.says, **dict(c.limits)} for c in COLUMNS}
    sides = list(BOX)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"cvsync-manifest-{VERSION}",
        "title": "A row of a cvsync manifest: one label of one image",
        "version": VERSION,
        "type": "object",
        "properties": properties,
        "patternProperties": {
            rf"^{METADATA.replace('.', chr(92) + '.')}.": {
                "type": "string",
                "maxLength": limits.MAX_METADATA_VALUE,
                "description": f"metadata of the image, {limits.MAX_METADATA_PAIRS} values at most",
            }
        },
        "propertyNames": {"maxLength": limits.MAX_METADATA_KEY + len(METADATA)},
        "anyOf": [{"required": ["url"]}, {"required": ["path"]}],
        "dependentRequired": {side: ["tag", *(other for other in sides if other != side)] for side in sides},
    }


def own_table(labels: Labels) -> pa.Table:
    """Give labels as a table of the schema: the columns that say something, in their order."""
    table = labels.table
    columns: dict[str, Any] = {}
    if table.column("own_key").null_count < len(table):
        columns["key"] = table.column("own_key")
    kept = [*_KEPT, *(n for n in table.column_names if n.startswith(METADATA))]
    for name in kept:
        if name not in table.column_names:
            continue
        column = table.column(name)
        if column.null_count < len(column) or name == "tag":
            columns[name] = column
    if same_texts(columns.get("sha256"), columns.get("version")):
        columns.pop("version", None)  # whoever reads takes the hash for it
    if not {"url", "path"} & columns.keys():  # a manifest of nothing still says what it is
        columns = {"url": table.column("url"), **columns}
    return pa.table(columns)
