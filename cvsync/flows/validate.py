"""Look through manifests, and touch nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync import limits
from cvsync.errors import ManifestError
from cvsync.labels import BOX, Labels, codes_of
from cvsync.manifest import Manifest, Name, Oddity, Problems, Reading, read, shown, write_rejects
from cvsync.manifest.preview import draw_preview
from cvsync.manifest.problems import Found
from cvsync.model import NEGATIVE, ProjectType
from cvsync.plan.fit import infer_type, misfits

_SHOWN = 5  # tags that a warning names


@dataclass(frozen=True, kw_only=True)
class ValidateRequest:
    """What is to be looked at."""

    manifests: tuple[Name, ...]
    reading: Reading = field(default_factory=lambda: Reading(check_files=True))
    type: ProjectType | None = None
    """Of the project that it is for; None: what the manifest needs."""
    strict: bool = False
    """Refuse all if one row is bad."""
    rejects: Path | None = None
    """Where bad rows go; None: nowhere."""
    preview: Path | None = None
    """Where some images are drawn with their boxes; None: nowhere."""


@dataclass(frozen=True)
class ValidateReport:
    """What was found."""

    manifest: Manifest
    type: ProjectType
    counts: dict[str, int]
    """Of ``rows``, ``images``, ``tags``, ``boxes``, ``image_tags`` and ``unlabelled`` images."""
    problems: Problems
    warnings: tuple[Oddity, ...]


def validate(request: ValidateRequest) -> ValidateReport:
    """Read manifests and say all that is wrong with them.

    Raises:
        ManifestError: One cannot be used, or has a bad row under ``strict``.
        SettingsError: A preview cannot be drawn.
    """
    manifest = read(request.manifests, request.reading)
    type_ = request.type or infer_type(manifest.labels, manifest.refused)
    report = ValidateReport(
        manifest,
        type_,
        {"rows": manifest.rows, **_counts(manifest.labels)},
        manifest.problems.with_more(_misfits(manifest.labels, type_)),
        (*manifest.warnings, *_for_training(manifest.labels, type_)),
    )
    if request.rejects and report.problems:
        refusals = ((p.source, p.row, p.code, p.message) for p in report.problems)
        write_rejects(manifest, request.rejects, refusals)
    if request.preview:
        draw_preview(manifest.labels, request.preview)
    if request.strict and report.problems:
        names = ", ".join(map(shown, request.manifests))
        raise ManifestError(names, [*map(str, report.problems), "refused as a whole (--strict)"])
    return report


def _misfits(labels: Labels, type_: ProjectType) -> Iterator[Found]:
    """Name the rows that a project of a type cannot hold."""
    found: dict[str, list[int]] = {}
    for misfit in misfits(labels, type_):
        found.setdefault(misfit.code, []).append(misfit.position)
    for code, positions in found.items():
        rows = labels.table.take(pa.array(positions))
        sources, tags = (rows.column(n).cast(pa.string()).combine_chunks() for n in ("source", "tag"))
        yield Found(code, "tag", sources, np.asarray(rows.column("row")), tags)


def _counts(labels: Labels) -> dict[str, int]:
    boxes = len(labels) - labels.table.column(BOX[0]).null_count
    tagged = len(labels) - labels.table.column("tag").null_count
    return {
        "images": len(labels.keys),
        "tags": len(codes_of(labels.table.column("tag"))[1]),
        "boxes": boxes,
        "image_tags": tagged - boxes,
        "unlabelled": len(labels) - tagged,
    }


def _for_training(labels: Labels, type_: ProjectType) -> list[Oddity]:
    """Say where training would refuse; a project may have more images than the manifest names."""
    codes, values = codes_of(labels.table.column("tag"))
    kinds = labels.column("tag_type")
    regular = codes >= 0
    if kinds is not None:
        regular &= ~np.asarray(pc.fill_null(pc.equal(kinds.cast("string"), NEGATIVE), False))
    pairs = np.unique(labels.key_codes[regular].astype(np.int64) * len(values) + codes[regular])
    counts = np.bincount(pairs % max(1, len(values)), minlength=len(values))
    is_detection = type_ is ProjectType.DETECTION
    needed = limits.MIN_IMAGES_PER_TAG_DETECTION if is_detection else limits.MIN_IMAGES_PER_TAG_CLASSIFICATION
    few = np.flatnonzero((counts > 0) & (counts < needed))
    found = []
    if len(few):
        names = ", ".join(f"{values[n].as_py()!r} {counts[n]}" for n in few[:_SHOWN].tolist())
        more = ", …" if len(few) > _SHOWN else ""
        found.append(Oddity("W020", len(few), f"{needed} needed: {names}{more}"))
    used = np.flatnonzero(counts)
    if len(used) == 1 and not is_detection:
        found.append(Oddity("W021", 1, repr(values[int(used[0])].as_py())))
    return found
