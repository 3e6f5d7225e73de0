"""What of a manifest a project of some type can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.versions import METADATA_SINCE, TAG_TYPE_SINCE, is_at_least
from cvsync.errors import UnsupportedError
from cvsync.known import KnownImages
from cvsync.labels import TEXT, Labels, as_column, codes_of, one_chunk, with_column
from cvsync.manifest import Manifest, Problem, Problems
from cvsync.model import NEGATIVE, ProjectType
from cvsync.plan import NewTag, Plan
from cvsync.plan.fit import misfits
from cvsync.run.marker import is_mark


@dataclass(frozen=True, eq=False)
class Desired:
    """The labels that a project should hold, and the rows that it cannot."""

    manifest: Manifest | None
    """Where they stand; None: in no file, but in another project."""
    type: ProjectType
    labels: Labels
    problems: Sequence[Problem]
    """Of the manifest itself, and of rows that do not fit the project's type."""
    bad_keys: frozenset[str]
    """Images with such a row: they never count as gone."""
    bad_images: frozenset[str]
    """And those whose ids such rows tell."""
    astray: pa.Table | None = None
    """Such rows whose image is in doubt, as ``Manifest.astray``."""
    tags: Sequence[NewTag] = ()
    """Tags that the project should have whether or not an image carries them."""
    mine: frozenset[str] | None = None
    """Keys that may count as gone where no row names them; None: all that the ledger knows."""

    @property
    def is_rejects(self) -> bool:
        """Whether these are the mended rows of an earlier run, and so only a part of what is wanted."""
        return self.manifest is not None and self.manifest.is_rejects

    @property
    def refused_rows(self) -> int:
        """How many rows are refused; one may have several problems."""
        if isinstance(self.problems, Problems):
            return self.problems.row_count
        return len({(problem.source, problem.row) for problem in self.problems})

    @property
    def incomplete(self) -> frozenset[str]:
        """Keys and ids of images of which not all rows are here."""
        return self.bad_keys | self.bad_images

    def others(self, known: KnownImages) -> frozenset[str]:
        """Give the keys that never count as gone, of images that no row names."""
        if self.mine is None:
            return frozenset()
        keys, ids = (one_chunk(known.table.column(name)) for name in ("key", "image_id"))
        is_named = pc.is_in(keys, self.labels.keys)
        is_spared = pc.invert(pc.or_(is_named, pc.is_in(keys, pa.array(self.mine, pa.string()))))
        is_spared = pc.and_not(is_spared, pc.is_in(ids, ids.filter(is_named)))
        return frozenset(keys.filter(is_spared).to_pylist())

    def hidden_tags(self, known: KnownImages) -> frozenset[str | None]:
        """Give the tags of refused rows that may be of any image that the ledger knows.

        Empty: of a row that names none; None: of one of which it is not known.
        """
        if self.astray is None or not len(self.astray):
            return frozenset()
        says = pc.is_in(self.astray.column("key"), one_chunk(known.table.column("key")), skip_nulls=True)
        return frozenset(self.astray.column("tag").filter(pc.invert(says)).to_pylist())

    @property
    def metadata(self) -> list[str]:
        """The names of the metadata that images are to have."""
        return [name for name in self.labels.metadata if not is_mark(name)]

    @property
    def negative_tags(self) -> list[str]:
        """The names of the tags that are to be negative."""
        names = {tag.name for tag in self.tags if tag.type == NEGATIVE}
        column = self.labels.column("tag_type")
        if column is not None:
            rows = pc.equal(one_chunk(column).cast(pa.string()), NEGATIVE)
            names |= {*self.labels.table.filter(rows).column("tag").unique().to_pylist()}
        return sorted(names)

    def with_problems(self, more: Sequence[Problem]) -> Desired:
        """Note problems that were found beside the project."""
        return replace(self, problems=[*self.problems, *more]) if more else self


def want(manifest: Manifest, type_: ProjectType) -> Desired:
    """Split a manifest into what a project of a type can hold and what it cannot."""
    bad = frozenset(manifest.bad_keys), frozenset(manifest.bad_images)
    return fit(Desired(manifest, type_, manifest.labels, manifest.problems, *bad, manifest.astray))


def refuse_metadata(desired: Desired, version: str) -> None:
    """Refuse, before anything is made, what the first batch would be refused for.

    Raises:
        UnsupportedError: There is metadata, and the API version has none.
    """
    if desired.metadata and not is_at_least(version, METADATA_SINCE):
        raise UnsupportedError(
            f"metadata ({', '.join(desired.metadata)}) needs --api-version {METADATA_SINCE} or later; "
            f"this is {version}"
        )


def refuse_negative(names: Sequence[str], version: str) -> None:
    """Refuse, before anything is made, negative tags that would be made.

    Raises:
        UnsupportedError: There are some, and the API version has none.
    """
    if names and not is_at_least(version, TAG_TYPE_SINCE):
        raise UnsupportedError(
            f"negative tags ({', '.join(names)}) need --api-version {TAG_TYPE_SINCE} or later; "
            f"this is {version}"
        )


def new_negative_tags(plan: Plan) -> list[str]:
    """Give the names of the negative tags that a plan creates."""
    return [tag.name for tag in plan.new_tags if tag.type == NEGATIVE]


def fit(desired: Desired) -> Desired:
    """Set those labels apart that a project of the type cannot hold."""
    unfit = [*misfits(desired.labels, desired.type)]
    if not unfit:
        return desired
    problems, bad_keys, bad_images = [*desired.problems], set(desired.bad_keys), set(desired.bad_images)
    rows = desired.labels.table.take(pa.array([m.position for m in unfit])).to_pylist()
    for misfit, row in zip(unfit, rows, strict=True):
        problems.append(Problem(misfit.code, row["source"], row["row"], "tag", row["tag"], misfit.message))
        bad_keys.add(row["key"])
        if row.get("image_id"):
            bad_images.add(row["image_id"])
    keep = np.ones(len(desired.labels), bool)
    keep[[m.position for m in unfit]] = False
    return replace(
        desired, labels=desired.labels.take(keep), problems=problems,
        bad_keys=frozenset(bad_keys), bad_images=frozenset(bad_images),
    )  # fmt: skip


def with_urls(plan: Plan, folder: Path, url: str) -> Plan:
    """Give paths below a folder the URL under which the service can read them; keys stay."""
    paths, path_values = codes_of(plan.table.column("path"))
    sources, source_values = codes_of(plan.table.column("source"))
    urls = plan.table.column("url").to_pylist()
    root = folder.resolve()
    found: dict[tuple[int, int], str | None] = {}
    for row in np.flatnonzero(paths >= 0).tolist():
        if urls[row] is None:
            place = (int(sources[row]), int(paths[row]))
            if place not in found:
                source, path = source_values[place[0]].as_py(), path_values[place[1]].as_py()
                found[place] = _url_of((Path(source).parent / path).resolve(), root, url)
            urls[row] = found[place]
    column = as_column(pa.array(urls, pa.string()), TEXT)
    return replace(plan, table=with_column(plan.table, "url", column))


def _url_of(file: Path, root: Path, url: str) -> str | None:
    """Name a file below a folder by URL; None for what is outside or not there."""
    if not file.is_file() or not file.is_relative_to(root):
        return None
    return f"{url}/{quote(file.relative_to(root).as_posix())}"
