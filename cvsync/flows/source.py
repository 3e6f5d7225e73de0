"""The contents of a project as labels for another one, and tags that the other one names otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import PlanError, SettingsError
from cvsync.labels import BOX, METADATA, Labels, codes_of, fold
from cvsync.model import Tag
from cvsync.run.marker import without_marks
from cvsync.snapshot import Snapshot


def renamed_tags(contents: Snapshot, names: Mapping[str, str]) -> Snapshot:
    """Give tags of a project other names; two that get the same name are one tag from then on.

    Type and description of that one are of the tag that had the name before, else of the first in ``names``;
    what that lacks is of the next. The order in which the service lists tags decides nothing.

    Raises:
        SettingsError: The project has no such tag.
        PlanError: Tags of different types would be one, or tags that differ in case alone and that ``names``
            does not make one.
    """
    new = {fold(old): name for old, name in names.items()}
    unknown = new.keys() - {fold(tag.name) for tag in contents.tags}
    if unknown:
        raise SettingsError(
            f"project {contents.project.name} has no tag {', '.join(sorted(unknown))} to name otherwise"
        )
    name_of = _naming(names)
    merged: dict[str, Tag] = {}
    into: dict[str, str] = {}
    place = {old: n for n, old in enumerate(new)}
    for tag in sorted(contents.tags, key=lambda tag: place.get(fold(tag.name), -1)):
        name = name_of(tag.name)
        kept = merged.setdefault(fold(name), replace(tag, name=name))
        if kept.name != name:
            raise PlanError(
                f"the source has both tags {kept.name!r} and {name!r}, which are one here: rename one "
                f"of them (`cvsync tag rename` takes ids), or make them one with --tag-map {name}={kept.name}"
            )
        if (kept.type or tag.type) != (tag.type or kept.type):
            raise PlanError(
                f"tag {tag.name} is {tag.type}, and {kept.name} is {kept.type}: they cannot be one"
            )
        merged[fold(name)] = replace(
            kept, type=kept.type or tag.type, description=kept.description or tag.description
        )
        into[tag.id] = kept.id
    labels = _relabelled(contents.labels, "tag_id", "image", into)
    return replace(contents, tags=tuple(merged.values()), labels=labels)


def renamed_labels(labels: Labels, names: Mapping[str, str]) -> Labels:
    """Give the labels of a manifest other tags, as ``renamed_tags`` does those of a project.

    Names of tags that no row has are passed over: a manifest tells only of the tags that it uses.
    """
    name_of = _naming(names)
    _, tags = codes_of(labels.table.column("tag"))
    return Labels(_relabelled(labels.table, "tag", "key", {tag: name_of(tag) for tag in tags.to_pylist()}))


def _naming(names: Mapping[str, str]) -> Callable[[str], str]:
    """Say how tags are named: by their other names, and these always in one spelling."""
    new = {fold(old): name for old, name in names.items()}
    spelled = {fold(name): name for name in names.values()}

    def name_of(name: str) -> str:
        name = new.get(fold(name), name)
        return spelled.get(fold(name), name)

    return name_of


def _relabelled(labels: pa.Table, column: str, owner: str, into: Mapping[str, str]) -> pa.Table:
    """Give labels other tags; what an image then has twice, of a tag that was several, it has once.

    Args:
        labels: A row a label.
        column: The text column that says the tag.
        owner: The column that says the image.
        into: For each tag that a label has its new one.
    """
    if all(old == new for old, new in into.items()):
        return labels
    codes, old = codes_of(labels.column(column))
    new = pa.array([*(into[value] for value in old.to_pylist()), None], pa.string()).dictionary_encode()
    at = labels.schema.get_field_index(column)
    moved = labels.set_column(at, labels.schema.field(at), new.take(pa.array(codes % (len(old) + 1))))
    tags_in = Counter(into.values())
    if max(tags_in.values()) == 1:
        return moved
    facts = moved.select([column, owner, *BOX]).to_pydict()
    first: dict[object, int] = {}
    for row, fact in enumerate(zip(*facts.values(), strict=True)):
        first.setdefault(fact if tags_in[fact[0]] > 1 else row, row)
    return moved.take(pa.array(first.values(), pa.int64()))


def wanted_labels(contents: Snapshot) -> Labels:
    """Give what a project holds as a manifest says it: keys are image ids, URLs its links.

    Marks of batches are of no use elsewhere, and are left out.
    """
    table = without_marks(contents.to_labels()).table
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
