"""What flows tell of manifests; verbs that need no service tell it too, and so this loads nothing of it."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.events import Observer, tell
from cvsync.manifest import Manifest, Problem


def tell_manifest(observer: Observer, manifest: Manifest) -> None:
    """Tell what manifests are."""
    tell(
        observer, "manifest", rows=manifest.rows, labels=len(manifest.labels),
        images=len(manifest.labels.keys), convention=manifest.convention,
        warnings=[*map(str, manifest.warnings)],
    )  # fmt: skip


def tell_problems(observer: Observer, problems: Sequence[Problem]) -> None:
    """Tell of the rows that are refused."""
    for problem in problems:
        tell(observer, "item_refused", **problem.refusal)
