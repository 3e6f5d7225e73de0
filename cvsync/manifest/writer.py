"""Labels -> manifests."""

from __future__ import annotations

import posixpath
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import ManifestError, SettingsError
from cvsync.labels import Labels, with_column
from cvsync.manifest.formats import FORMATS, Format
from cvsync.manifest.holds import Fitted, Loss, fit, label_losses
from cvsync.manifest.identity import path_keys, url_keys
from cvsync.manifest.target import Target, fresh, joined
from cvsync.manifest.texts import Texts, first_of
from cvsync.manifest.tree import INDEX
from cvsync.odd_names import as_text

_BY_SUFFIX = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".manifest": "rekognition", ".json": "coco",
}  # fmt: skip
STDOUT = Path("stdout")
"""What messages call it."""
_SUFFIX_OF = {"azureml": "jsonl", "vertex": "jsonl", "rekognition": "manifest", "coco": "json"}


@dataclass(frozen=True)
class Written:
    """What was written."""

    path: Path
    format: Format
    losses: tuple[Loss, ...]
    """What the format cannot hold, and was left out."""
    labels: int
    images: int


def format_of(path: Path, name: str | None = None) -> Format:
    """Tell the format to write by its name, or by the file's.

    Raises:
        SettingsError: It cannot be told, or cannot be written.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    found = name or next((_BY_SUFFIX[s] for s in reversed(suffixes) if s in _BY_SUFFIX), None)
    if found is None:
        known = ", ".join(form.name for form in FORMATS.values() if form.write)
        raise SettingsError(f"which format is {path} to be? Say -f FORMAT: {known}")
    form = FORMATS.get(found)
    if form is None or form.write is None:
        raise SettingsError(f"the format {found!r} cannot be written")
    return form


def write(
    labels: Labels,
    path: Path,
    format: str | None = None,
    *,
    lossy: bool = False,
    overwrite: bool = False,
    copy_images: bool = False,
) -> Written:
    """Write labels as a manifest; read again, they are the same, as far as the format goes.

    Files appear whole or not at all. Paths are written as seen from the new file, and a key is written out
    where it would be another one there.

    Args:
        labels: What to write.
        path: A file, or the folder of formats that are folders.
        format: Its format; None: as the name ends.
        lossy: Leave out labels and images that the format cannot hold, instead of refusing.
        overwrite: Replace the file that is there; a folder must be empty.
        copy_images: Put the images into the folder, for formats that are folders.

    Raises:
        ManifestError: The format cannot hold the labels.
        SettingsError: The format cannot be told, or something is there already.
    """
    form = format_of(path, format)
    fitted = _fit(labels, form, str(path), lossy=lossy)
    where = fresh(path, overwrite=overwrite, is_folder=form.is_folder, copy_images=copy_images)
    return _write(fitted, form, path, path if form.is_folder else path.parent, where)


def write_to(labels: Labels, sink: IO[bytes], format: str | None, *, lossy: bool = False) -> Written:
    """Write labels as a manifest into stdout; paths are written as seen from the present folder.

    Args:
        labels: What to write.
        sink: The open stream.
        format: Its format.
        lossy: Leave out labels and images that the format cannot hold, instead of refusing.

    Raises:
        ManifestError: The format cannot hold the labels.
        SettingsError: No format is given, or it is one of folders.
    """
    form = stream_format(format)
    fitted = _fit(labels, form, str(STDOUT), lossy=lossy)
    return _write(fitted, form, STDOUT, Path(), nullcontext(Target(STDOUT, STDOUT, sink=sink)))


def stream_format(name: str | None) -> Format:
    """Give the format to write into a stream.

    Raises:
        SettingsError: It is not told, or cannot be written there.
    """
    form = format_of(STDOUT, name)
    if form.is_folder:
        raise SettingsError(f"{form.name} is written as a folder, which stdout cannot be; name one")
    return form


def write_beside(labels: Labels, folder: Path, format: str, *, lossy: bool = False) -> Written:
    """Write labels as a manifest into the folder that their images lie in, replacing an earlier one.

    Its name is ``name_in(folder, format)``; formats that are folders themselves share the folder with the
    images, which stay where they are. Raises as ``write`` does.
    """
    form = format_of(folder, format)
    path = name_in(folder, form)
    fitted = _fit(labels, form, str(path), lossy=lossy)
    where = (
        joined(folder) if form.is_folder else fresh(path, overwrite=True, is_folder=False, copy_images=False)
    )
    return _write(fitted, form, path, folder, where)


def name_in(folder: Path, form: Format) -> Path:
    """Say what a manifest of a format is called that lies beside its images."""
    return folder if form.is_folder else folder / f"manifest.{_SUFFIX_OF.get(form.name, form.name)}"


def parts_beside(folder: Path, format: str) -> set[Path]:
    """Say what ``write_beside`` writes over."""
    form = format_of(folder, format)
    return _parts_in(folder, form) | ({folder / INDEX} if form.is_folder else set())


def others_beside(written: Written) -> list[Path]:
    """Find what lies of manifests of other formats beside one, as ``write_beside`` names them."""
    folder = written.path if written.format.is_folder else written.path.parent
    own = _parts_in(folder, written.format)
    others = {path for form in FORMATS.values() if form.write for path in _parts_in(folder, form)}
    return sorted(path for path in others - own if path.exists())


def _parts_in(folder: Path, form: Format) -> set[Path]:
    """Say what makes up a manifest that lies beside its images."""
    return {folder / part for part in form.parts} if form.is_folder else {name_in(folder, form)}


def can_hold_all(format: str) -> bool:
    """Tell whether a format has a place for all labels, whatever they are."""
    return FORMATS[format].holds.lacks == "nothing"


def refuse_unfit(labels: Labels, folder: Path, format: str) -> None:
    """Say before the work what ``write_beside`` would refuse.

    Raises:
        ManifestError: The format cannot hold the labels.
    """
    form = format_of(folder, format)
    _fit(labels, form, str(name_in(folder, form)), lossy=False)


def _fit(labels: Labels, form: Format, name: str, *, lossy: bool) -> Fitted:
    fitted = fit(labels, form.holds)
    refused = label_losses(fitted.losses)
    if refused and not lossy:
        raise ManifestError(
            name,
            [
                f"{form.name} cannot hold {', '.join(map(str, refused))}",
                "nothing was written (--lossy leaves them out)",
            ],
        )
    return fitted


def _write(
    fitted: Fitted, form: Format, path: Path, folder: Path, where: AbstractContextManager[Target]
) -> Written:
    assert form.write is not None
    losses = fitted.losses
    placed, keys_lost = _placed(fitted.labels, folder, has_keys="key" in form.holds.columns)
    if keys_lost:
        losses = [*losses, Loss("keys that are not the image's place", keys_lost, False)]
    with where as target:
        form.write(placed, target)
    labels = len(placed) - placed.table.column("tag").null_count
    return Written(path, form, tuple(losses), labels=labels, images=len(placed.keys))


def _placed(labels: Labels, folder: Path, *, has_keys: bool) -> tuple[Labels, int]:
    """Write paths as seen from a folder, and leave out keys that are made there anyway.

    Returns:
        The labels, and the number of images whose key is lost where there is no room for it.
    """
    path = _seen_from(labels, folder)
    table = with_column(labels.table, "path", path.column)
    url = Texts.of(table.column("url"))
    made = url_keys(url)
    if not path.is_empty:
        root = folder.absolute()
        made = first_of([made, path_keys(path, folder=root, common=root)])
    key = Texts.of(table.column("key"))
    own = ~np.asarray(pc.equal(key.column.cast(pa.string()), made.column.cast(pa.string())))
    if not own.any():
        return Labels(table.append_column("own_key", pa.nulls(len(table), pa.string()))), 0
    count = len(np.unique(key.codes[own]))
    codes = np.where(own, key.codes, -1).astype(np.int32)
    own_key = Texts.from_codes(codes, key.values).column if has_keys else pa.nulls(len(table), pa.string())
    return Labels(table.append_column("own_key", own_key)), 0 if has_keys else count


def _seen_from(labels: Labels, folder: Path) -> Texts:
    """Give each path as seen from a folder: relative below it, absolute elsewhere."""
    path, source = Texts.of(labels.table.column("path")), Texts.of(labels.table.column("source"))
    if path.is_empty:
        return path
    pairs = path.codes.astype(np.int64) * (len(source.values) + 1) + source.codes + 1
    pairs[path.null] = -1
    distinct, codes = np.unique(pairs, return_inverse=True)
    paths, sources = path.values.to_pylist(), [None, *source.values.to_pylist()]
    root = as_text(folder.absolute().as_posix()).rstrip("/") + "/"
    seen = [_one_seen(paths, sources, int(pair), root) for pair in distinct]
    values = pa.array(seen, pa.string())
    return Texts.from_codes(codes.astype(np.int32), values).mapped(values)


def _one_seen(paths: list[str], sources: list[str | None], pair: int, root: str) -> str | None:
    if pair < 0:
        return None
    path, source = paths[pair // len(sources)], sources[pair % len(sources)]
    beside = posixpath.dirname(Path(source).absolute().as_posix()) if source else Path.cwd().as_posix()
    full = posixpath.normpath(posixpath.join(beside, path.replace("\\", "/")))
    return full.removeprefix(root)
