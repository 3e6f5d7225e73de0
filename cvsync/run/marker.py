"""The mark that a batch leaves on the images that it creates, so that it can be found again.

Every image carries its batch's marker, and the attempt that made it, as metadata. Other metadata stays beside
them: whoever writes an image's metadata merges the mark in, since the service may replace all of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cvsync.labels import METADATA, Labels

BATCH = "cvsync_batch"
ATTEMPT = "cvsync_attempt"
_PREFIX = "cvsync_"

Metadata = tuple[tuple[str, str], ...]


def is_mark(name: str) -> bool:
    """Whether metadata of that name is a batch's mark."""
    return name.startswith(_PREFIX)


def without_marks(labels: Labels) -> Labels:
    """Leave out the columns of marks."""
    marks = [f"{METADATA}{name}" for name in labels.metadata if is_mark(name)]
    return Labels(labels.table.drop_columns(marks))


def own_metadata(metadata: Metadata) -> Metadata:
    """Drop marks that came along from elsewhere, as in a manifest that was pulled."""
    if not any(is_mark(name) for name, _ in metadata):
        return metadata
    return tuple(pair for pair in metadata if not is_mark(pair[0]))


def new_marker() -> str:
    """Make a marker that no other batch has."""
    return secrets.token_hex(16)


def with_marker(metadata: Metadata, marker: str | None, attempt: int) -> Mapping[str, str] | None:
    """Give the metadata to send; None where there is none."""
    if marker is None:
        return dict(metadata) or None
    return {**dict(metadata), BATCH: marker, ATTEMPT: f"{marker}.{attempt}"}


def marker_filter(marker: str) -> str:
    """Give the ``$filter`` that finds a batch's images."""
    return f"metadata={BATCH} eq '{marker}'"
