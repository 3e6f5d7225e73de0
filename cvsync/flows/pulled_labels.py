"""What a project holds, as the manifest that is pulled from it says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.events import without_query
from cvsync.known import KnownImages
from cvsync.labels import Labels, as_column, codes_of, one_chunk, with_column
from cvsync.model import NEGATIVE, REGULAR, Image
from cvsync.odd_names import as_text
from cvsync.run.marker import is_mark
from cvsync.run.pulled import IMAGES
from cvsync.run.pulled_record import names_of
from cvsync.snapshot import Snapshot

_AT_ONCE = 4096  # hashes as Python's texts, which are far larger than a column's
_WRITABLE_TYPES = (REGULAR, NEGATIVE)  # of tags; the others are the service's own


class Names:
    """What the ledger calls the images of a project; of twins, which are several keys, the first counts."""

    def __init__(self, known: KnownImages) -> None:
        self._known = known.table.select(["key", "image_id", "version"]).sort_by("key").combine_chunks()

    @property
    def keys(self) -> pa.ChunkedArray:
        """All keys that it knows."""
        return self._known.column("key")

    def of(self, image_ids: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Give for each image its key, and the version that a manifest told of it; null: there is none."""
        at = pc.index_in(image_ids, one_chunk(self._known.column("image_id")))
        key, version = (one_chunk(self._known.column(name)).take(at) for name in ("key", "version"))
        return key, version


def held_of(image: Image, endpoint: str | None) -> Image:
    """Give what is to be held of an image: no more than a manifest says of it, as links are large.

    Args:
        image: As the service tells it.
        endpoint: Where paths in the place of links are to be found; None: the image's place is not held.
    """
    place = None if endpoint is None else _place(image.original_image_uri or "", endpoint)
    metadata = {name: value for name, value in image.metadata.items() if not is_mark(name)}
    return replace(image, original_image_uri=place, metadata=metadata)


def _place(link: str, endpoint: str) -> str:
    link = without_query(link)
    return link if "://" in link else f"{endpoint.rstrip('/')}/{link.lstrip('/').partition('?')[0]}"


def with_files(snapshot: Snapshot, names: Names, root: Path, files: pa.Table) -> Labels:
    """Say what a project holds, with its images as files below a folder.

    An image without a file keeps its place, so that its row is refused, and not its image deleted, by whoever
    pushes the manifest.

    Args:
        snapshot: As ``held_of`` has it.
        names: Of its images.
        root: The folder.
        files: Columns of ``FILES``.
    """
    ids = one_chunk(snapshot.images.column("image_id"))
    at = pc.index_in(ids, one_chunk(files.column("image_id")))
    suffix, size, digest = (one_chunk(files.column(name)).take(at) for name in ("suffix", "size", "sha256"))
    sha256 = _in_hex(digest)
    place = pc.binary_join_element_wise(IMAGES, names_of(ids, pc.fill_null(suffix, "jpg")), "/")
    key, version = names.of(ids)
    version = pc.coalesce(version, sha256) if version.null_count < len(version) else sha256
    told = {"key": key, "path": place, "version": version, "sha256": sha256, "size": size}
    labels = _writable(_told(snapshot, told))
    folder = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(len(labels), np.int32)), [as_text(root.absolute() / "manifest")]
    )
    return Labels(with_column(labels.table, "source", folder))


def with_links(snapshot: Snapshot, names: Names) -> Labels:
    """Say what a project holds, with the places of its images, which open to signed links only.

    The snapshot has them in the place of links, as of ``held_of``.
    """
    key, version = names.of(one_chunk(snapshot.images.column("image_id")))
    told = {"key": key, "url": one_chunk(snapshot.images.column("link")), "version": version}
    return _writable(_told(snapshot, told))


def _told(snapshot: Snapshot, of_images: Mapping[str, pa.Array]) -> Labels:
    """Give labels with those columns that say something."""
    said = {name: values for name, values in of_images.items() if values.null_count < len(values)}
    return snapshot.to_labels(said)


def _in_hex(digests: pa.Array) -> pa.Array:
    slices = (digests.slice(start, _AT_ONCE).to_pylist() for start in range(0, len(digests), _AT_ONCE))
    texts = [pa.array([d and d.hex() for d in found], pa.string()) for found in slices]
    return one_chunk(pa.chunked_array(texts, pa.string()))


def _writable(labels: Labels) -> Labels:
    """Leave out types of tags that are the service's own."""
    table, column = labels.table, labels.column("tag_type")
    if column is None:
        return labels
    known = pc.is_in(column.cast(pa.string()), pa.array(_WRITABLE_TYPES))
    plain = as_column(pc.if_else(known, column.cast(pa.string()), None), column.type)
    return Labels(with_column(table, "tag_type", plain))


def left_out(snapshot: Snapshot, *, is_everything: bool) -> Iterator[tuple[str, list[str]]]:
    """Name what a project holds and no manifest has a place for; ``snapshot`` may have some images only."""
    _, worn = codes_of(snapshot.labels.column("tag_id"))
    ids = set(worn.to_pylist())
    of_none = "no image has" if is_everything else "none of these images has"
    yield f"tags that {of_none}", [tag.name for tag in snapshot.tags if tag.id not in ids]
    yield "descriptions of tags", [tag.name for tag in snapshot.tags if tag.description]
    yield (
        "types of tags that only the service gives",
        [tag.name for tag in snapshot.tags if tag.type not in (None, *_WRITABLE_TYPES)],
    )
