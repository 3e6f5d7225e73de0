"""What a project holds, as the manifest that is pulled from it says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.events import without_query
from cvsync.known import KnownImages
from cvsync.labels import Labels, as_column, codes_of
from cvsync.run.marker import without_marks
from cvsync.run.pulled import IMAGES, PulledFile, stem_of
from cvsync.snapshot import Snapshot

_AT_ONCE = 4096  # links as Python's texts, which are far larger than a column's
_WRITABLE_TYPES = ("Regular", "Negative")  # of tags; the others are the service's own


@dataclass(frozen=True)
class Names:
    """What the ledger calls the images of a project."""

    keys: Mapping[str, str]
    """By image id; of twins, which are several keys, the first."""
    versions: Mapping[str, str]
    """By image id, where a manifest told one of that key."""

    @classmethod
    def of(cls, known: KnownImages) -> Names:
        """Read what the ledger knows."""
        table = known.table
        rows = zip(*(table.column(name).to_pylist() for name in ("key", "image_id", "version")), strict=True)
        keys: dict[str, str] = {}
        versions: dict[str, str] = {}
        for key, image_id, version in sorted(rows):
            if keys.setdefault(image_id, key) == key and version is not None:
                versions[image_id] = version
        return cls(keys, versions)


def with_files(snapshot: Snapshot, names: Names, root: Path, files: Mapping[str, PulledFile]) -> Labels:
    """Say what a project holds, with its images as files below a folder.

    An image without a file keeps its place, so that its row is refused, and not its image deleted, by whoever
    pushes the manifest.
    """

    def path(image_id: str) -> str:
        name = files[image_id].name if image_id in files else f"{stem_of(image_id)}.jpg"
        return f"{IMAGES}/{name}"

    def sha256(image_id: str) -> str | None:
        return files[image_id].sha256.hex() if image_id in files else None

    def size(image_id: str) -> int | None:
        return files[image_id].size if image_id in files else None

    labels = _plain(snapshot.to_labels(names.keys))
    told = {
        "path": _by_image(labels, path),
        "version": _by_image(labels, lambda i: names.versions.get(i) or sha256(i)),
    }
    told |= {"sha256": _by_image(labels, sha256), "size": _by_image(labels, size)}
    return _with(labels, told, source=str(root.absolute() / "manifest"))


def with_links(snapshot: Snapshot, names: Names, endpoint: str) -> Labels:
    """Say what a project holds, with the places of its images, which open to signed links only."""

    def url(link: str) -> str:
        link = without_query(link)
        return link if "://" in link else f"{endpoint.rstrip('/')}/{link.lstrip('/').partition('?')[0]}"

    labels = _plain(snapshot.to_labels(names.keys))
    links = snapshot.images.column("link")
    slices = (links.slice(start, _AT_ONCE).to_pylist() for start in range(0, len(links), _AT_ONCE))
    places = pa.chunked_array([pa.array([url(link or "") for link in s]) for s in slices], pa.string())
    owner = pc.index_in(labels.table.column("image_id").cast(pa.string()), snapshot.images.column("image_id"))
    told = {
        "url": pa.DictionaryArray.from_arrays(owner.combine_chunks(), places.combine_chunks()),
        "version": _by_image(labels, names.versions.get),
    }
    return _with(labels, told, source=None)


def _with(labels: Labels, columns: Mapping[str, pa.Array], *, source: str | None) -> Labels:
    table = labels.table
    kept = {name: table.column(name) for name in table.column_names if name not in ("source", "row")}
    kept |= {
        name: column for name, column in columns.items() if column.null_count < len(column) or name == "path"
    }
    if source is not None:
        kept["source"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), [source])
    return Labels.from_columns(kept)


def _by_image(labels: Labels, value: Callable[[str], str | int | None]) -> pa.Array:
    """Give a column of what an image's id means."""
    column = labels.column("image_id")
    assert column is not None
    codes, ids = codes_of(column)
    values = pa.array([value(image_id) for image_id in ids.to_pylist()])
    if pa.types.is_null(values.type):
        return pa.nulls(len(labels), pa.string())
    return values.take(pa.array(codes))


def _plain(labels: Labels) -> Labels:
    """Leave out what batches left in metadata, and types of tags that are the service's own."""
    table = without_marks(labels).table
    column = labels.column("tag_type")
    if column is not None:
        known = pc.is_in(column.cast(pa.string()), pa.array(_WRITABLE_TYPES))
        plain = as_column(pc.if_else(known, column.cast(pa.string()), None), column.type)
        table = table.set_column(
            table.schema.get_field_index("tag_type"), table.schema.field("tag_type"), plain
        )
    return Labels(table)


def left_out(snapshot: Snapshot) -> Iterator[tuple[str, list[str]]]:
    """Name what a project holds and no manifest has a place for."""
    _, worn = codes_of(snapshot.labels.column("tag_id"))
    ids = set(worn.to_pylist())
    yield "tags that no image has", [tag.name for tag in snapshot.tags if tag.id not in ids]
    yield "descriptions of tags", [tag.name for tag in snapshot.tags if tag.description]
    yield (
        "types of tags that only the service gives",
        [tag.name for tag in snapshot.tags if tag.type not in (None, *_WRITABLE_TYPES)],
    )
