"""The contents of a project as labels for another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import PlanError, SettingsError
from cvsync.labels import BOX, METADATA, Labels, fold
from cvsync.model import Tag
from cvsync.run.marker import without_marks
from cvsync.snapshot import Snapshot


def renamed_tags(contents: Snapshot, names: Mapping[str, str]) -> Snapshot:
    """Give tags of a project other names; two that get the same name are one tag from then on.

    Type and description of that one are of the tag that had the name before, else of the first in ``names``;
    what that lacks is of the next. The order in which the service lists tags decides nothing.

    Raises:
        SettingsError: The project has no such tag.
        PlanError: Tags of different types would be one.
    """
    new = {fold(old): name for old, name in names.items()}
    unknown = new.keys() - {fold(tag.name) for tag in contents.tags}
    if unknown:
        raise SettingsError(
            f"project {contents.project.name} has no tag {', '.join(sorted(unknown))} to name otherwise"
        )
    spelled = {fold(name): name for name in names.values()}
    merged: dict[str, Tag] = {}
    into: dict[str, str] = {}
    place = {old: n for n, old in enumerate(new)}
    for tag in sorted(contents.tags, key=lambda tag: place.get(fold(tag.name), -1)):
        name = new.get(fold(tag.name), tag.name)
        name = spelled.get(fold(name), name)
        kept = merged.setdefault(fold(name), replace(tag, name=name))
        if (kept.type or tag.type) != (tag.type or kept.type):
            raise PlanError(
                f"tag {tag.name} is {tag.type}, and {kept.name} is {kept.type}: they cannot be one"
            )
        merged[fold(name)] = replace(
            kept, type=kept.type or tag.type, description=kept.description or tag.description
        )
        into[tag.id] = kept.id
    return replace(contents, tags=tuple(merged.values()), labels=_relabelled(contents.labels, into))


def _relabelled(labels: pa.Table, into: Mapping[str, str]) -> pa.Table:
    """Give labels other tags; what an image then has twice, of a tag that was several, it has once."""
    if all(old == kept for old, kept in into.items()):
        return labels
    column = labels.column("tag_id").combine_chunks()
    kept = pa.array([into[old] for old in column.dictionary.to_pylist()], pa.string())
    tags = pa.DictionaryArray.from_arrays(column.indices, kept).cast(pa.string()).dictionary_encode()
    moved = labels.set_column(labels.schema.get_field_index("tag_id"), labels.schema.field("tag_id"), tags)
    facts = moved.select(["tag_id", "image", *BOX]).to_pydict()
    tags_in = Counter(into.values())
    first: dict[object, int] = {}
    for row, fact in enumerate(zip(*facts.values(), strict=True)):
        first.setdefault(fact if tags_in[fact[0]] > 1 else row, row)
    return moved.take(pa.array(first.values(), pa.int64()))


def wanted_labels(contents: Snapshot) -> Labels:
    """Give what a project holds as a manifest says it: keys are image ids, URLs its links.

    Marks of batches are of no use elsewhere, and are left out.
    """
    table = without_marks(contents.to_labels({})).table
    keys = Labels(table)
    links = contents.images.column("link").combine_chunks()
    found = pc.index_in(keys.keys, contents.images.column("image_id").combine_chunks())
    codes, none = pa.array(keys.key_codes, pa.int32()), np.zeros(len(table), np.int32)
    title = pa.array([f"project {contents.project.name}"])
    columns: dict[str, object] = {
        "url": pa.DictionaryArray.from_arrays(codes, links.take(found).fill_null("")),
        "source": pa.DictionaryArray.from_arrays(pa.array(none), title),
        "row": np.arange(1, len(table) + 1),
    }
    columns |= {name: table.column(name) for name in ("key", "tag", *BOX)}
    columns |= {n: table.column(n) for n in table.column_names if n.startswith(METADATA)}
    return Labels.from_columns(columns)
