"""Where refused rows go, the same for every verb that writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cvsync.flows.carry import Carrier
from cvsync.labels import BOX, METADATA
from cvsync.manifest import Manifest, Problem, rejects_suffix, write_refused, write_rejects
from cvsync.run.content import locate
from cvsync.run.outcome import Refusal
from cvsync.run.private import make_folder

_TEXTS = ("key", "url", "path", "tag", "version")


def write_all_refused(
    carrier: Carrier, manifest: Manifest | None, problems: Sequence[Problem] = (), *, wanted: Path | None
) -> None:
    """Write refused rows where they can be mended, and note the file in the run's report.

    Args:
        carrier: The run; what it sent in vain was refused too.
        manifest: Where the rows stand; None: they cannot be had any more, and what the plan says of their
            labels is written in their place.
        problems: Rows that were refused before anything was sent.
        wanted: The file; None: one in the run's folder.
    """
    # What was to be removed or deleted stands in no row.
    refusals = [refusal for refusal in carrier.work.outcomes.refusals if refusal.action.origins]
    if not refusals and not problems:
        return
    suffix = rejects_suffix(manifest) if manifest else ".csv"
    path = wanted or carrier.folder / f"rejects{suffix}"
    make_folder(path.parent)
    if manifest is not None:
        write_rejects(manifest, path, [*_rows(problems, refusals)])
    else:
        rows = [(row, (refusal.code, refusal.message)) for refusal in refusals for row in _labels(refusal)]
        write_refused(_table([row for row, _ in rows]), [reason for _, reason in rows], path)
    carrier.report.rejects = path


def _rows(problems: Sequence[Problem], refusals: Sequence[Refusal]) -> Iterator[tuple[str, int, str, str]]:
    for problem in problems:
        yield problem.source, problem.row, problem.code, problem.message
    for refusal in refusals:
        for origin in refusal.action.origins:
            yield origin.source, origin.row, refusal.code, refusal.message


def _labels(refusal: Refusal) -> Iterator[dict[str, Any]]:
    """Give the labels of a refused action as rows of a manifest that may lie anywhere."""
    action = refusal.action
    place = {"url": action.url}
    if action.path and (action.url is None or locate(action).is_file()):
        place = {"path": str(locate(action).absolute())}  # a URL beside it may be this run's own
    head = place | {"key": action.key, "version": action.version}
    head |= {METADATA + name: value for name, value in action.metadata}
    for label in action.labels:
        yield head | {"tag": label.tag} | dict(zip(BOX, label.box or (), strict=False))
    if not action.labels:
        yield head


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    found = {name for row in rows for name, value in row.items() if value is not None}
    texts = [name for name in _TEXTS if name in found | {"tag"}]
    metadata = sorted(name for name in found if name.startswith(METADATA))
    fields = [pa.field(name, pa.string()) for name in (*texts, *metadata)]
    fields += [pa.field(name, pa.float32()) for name in BOX if name in found]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))
