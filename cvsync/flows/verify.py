"""Proving that a project holds what a manifest, a folder or another project says: `cvsync verify`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.listing import fetch_contents
from cvsync.events import tell, without_query
from cvsync.flows.digests import Found, hash_images
from cvsync.flows.frame import tag_differences, type_differences
from cvsync.flows.project import require_with_type
from cvsync.flows.reference import Reference, of_manifests, of_project
from cvsync.flows.service import Service
from cvsync.flows.status import read_known
from cvsync.known import KnownImages
from cvsync.labels import Labels
from cvsync.manifest import Name, Problem, Reading
from cvsync.model import Project
from cvsync.plan import Prune, diff
from cvsync.plan.differences import (
    Difference,
    Differs,
    count_tags,
    label_differences,
    metadata_differences,
)
from cvsync.plan.sides import Sides
from cvsync.run.marker import without_marks
from cvsync.snapshot import Snapshot

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class VerifyRequest:
    """What a project is compared with, and how closely."""

    project: str
    """Name or id."""
    manifests: tuple[Name, ...] = ()
    reading: Reading = field(default_factory=Reading)
    source: str | None = None
    """The project to compare with instead of manifests, by name or id."""
    tag_map: Mapping[str, str] = field(default_factory=dict)
    """Tags that the project names otherwise: the name there -> the project's; as in ``MigrateRequest``."""
    sample: int | None = 0
    """How many images to compare byte by byte; None: all."""
    seed: int = 0
    """Picks the sample."""
    extra_is_fine: bool = False
    """Whether the project may hold images that are not named."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How two data sets compare."""

    reference: str
    """What the project was compared with."""
    project: str
    project_id: str
    images: tuple[int, int]
    """Named, and there."""
    tags: Mapping[str, tuple[int, int]]
    """For each tag its labels on either side."""
    compared: int
    """Images whose bytes were compared."""
    differences: tuple[Difference, ...]

    @property
    def labels(self) -> tuple[int, int]:
        """Named, and there."""
        named, there = (sum(side[n] for side in self.tags.values()) for n in (0, 1))
        return named, there

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def counts(self) -> Counter[str]:
        """How many differences of each kind."""
        return Counter(str(d.kind) for d in self.differences)


async def verify(service: Service, request: VerifyRequest, *, source: Service | None = None) -> Verification:
    """Compare a project with manifests or with another project; both are only read.

    Images are matched by the ledger and by the ids that a pulled manifest tells; where all bytes are
    compared, also by content. Holds both sides as columns, about 600 bytes an image, and each difference.

    Args:
        service: Of the project.
        request: What to compare, and how closely.
        source: Of the project that it is compared with; default: the same resource.

    Raises:
        ManifestError: The manifest cannot be used.
        MissingProjectError: There is no such project.
        SettingsError: The source has no tag that ``tag_map`` names.
        PlanError: Tags of different types would be one.
    """
    project, type_ = await require_with_type(service, request.project)
    if request.source is None:
        reference = await of_manifests(service, request.manifests, request.reading, request.tag_map, type_)
    else:
        reference = await of_project(source or service, request.source, request.tag_map)
    snapshot = await fetch_contents(service.client, project, type_)
    known = read_known(service, project)
    found = await _compare(service, request, reference, snapshot, known)
    _tell(service, found)
    return found


async def _compare(
    service: Service, request: VerifyRequest, reference: Reference, snapshot: Snapshot, known: KnownImages
) -> Verification:
    wanted, project = reference.labels, snapshot.project
    content = _Content(service, project, reference)
    if request.sample is None:
        known = await content.match(wanted, snapshot, known)
    pairs = _pairs(wanted, snapshot, known)
    chosen = _sampled(pairs, request)
    present = snapshot.to_labels()
    differences = [
        *_of_rows(reference.problems),
        *type_differences(reference, snapshot),
        *tag_differences(reference, snapshot, extra_is_fine=request.extra_is_fine),
        *_of_labels(request, reference, snapshot, known),
        *metadata_differences(without_marks(wanted), present, pairs),
        *await content.differences(chosen, wanted),
    ]
    here, there = count_tags(wanted), count_tags(present)
    return Verification(
        reference=reference.name,
        project=project.name,
        project_id=project.id,
        images=(len(wanted.keys), len(snapshot)),
        tags={name: (here[name], there[name]) for name in sorted(here | there)},
        compared=len(chosen),
        differences=tuple(differences),
    )


def _tell(service: Service, found: Verification) -> None:
    for difference in found.differences:
        tell(
            service.observer, "difference", kind=str(difference.kind), image=difference.image,
            image_id=difference.image_id, detail=difference.detail,
        )  # fmt: skip
    tell(
        service.observer, "verified", equal=found.is_equal, images=list(found.images),
        labels=list(found.labels), compared=found.compared, counts=dict(found.counts),
    )  # fmt: skip


def _sampled(pairs: dict[str, str], request: VerifyRequest) -> dict[str, str]:
    """Pick those whose bytes are compared."""
    if request.sample is None or request.sample >= len(pairs):
        return pairs
    keys = sorted(pairs)
    picked = np.random.default_rng(request.seed).choice(len(keys), request.sample, replace=False)
    return {keys[i]: pairs[keys[i]] for i in picked.tolist()}


def _pairs(wanted: Labels, snapshot: Snapshot, known: KnownImages) -> dict[str, str]:
    """Give for each key that the project holds its image."""
    sides = Sides(wanted, snapshot, known)
    is_there = sides.key_image >= 0
    ids = sides.image_ids.take(pa.array(sides.key_image[is_there]))
    return dict(zip(wanted.keys.filter(pa.array(is_there)).to_pylist(), ids.to_pylist(), strict=True))


@dataclass(eq=False)
class _Content:
    """The bytes on both sides; each picture is read once."""

    service: Service
    project: Project
    reference: Reference
    here: dict[str, Found] = field(default_factory=dict)
    """By key."""
    there: dict[str, Found] = field(default_factory=dict)
    """By image id."""

    async def match(self, wanted: Labels, snapshot: Snapshot, known: KnownImages) -> KnownImages:
        """Find by content the images of keys of which nobody knows which image they are.

        It may be an image that has a key already: keys with the same picture share one.
        """
        pairs = _pairs(wanted, snapshot, known)
        lost = [key for key in wanted.keys.to_pylist() if key not in pairs]
        if not lost:
            return known
        named = set(pairs.values())
        ids = sorted(snapshot.images.column("image_id").to_pylist(), key=lambda i: (i not in named, i))
        await self._read(lost, ids)
        by_content = {self.there[i].sha256: i for i in ids if self.there[i].sha256}  # the unnamed come last
        hashes = {key: self.here[key].sha256 for key in lost}
        found = {key: by_content[sha256] for key, sha256 in hashes.items() if sha256 in by_content}
        rows = KnownImages.of(found).table
        before = known.table.filter(pc.invert(pc.is_in(known.table["key"], rows["key"].combine_chunks())))
        return replace(known, table=pa.concat_tables([before, rows]))

    async def differences(self, pairs: Mapping[str, str], wanted: Labels) -> list[Difference]:
        """Compare the bytes of some keys with those of their images, and with the hash that a row tells."""
        await self._read([*pairs], sorted(set(pairs.values())))
        told = _told_hashes(wanted)
        found = []
        for key, image_id in pairs.items():
            ours, theirs, name = self.here[key], self.there[image_id], without_query(key)
            here, there = ours.sha256, theirs.sha256
            if here is None or there is None:
                one, side = (theirs, "in the project") if there is None else (ours, "that is to be compared")
                found.append(Difference(Differs.UNREADABLE, name, image_id, f"the file {side}: {one.reason}"))
            elif here != there:
                found.append(Difference(Differs.CONTENT, name, image_id, f"sha256 {here}, not {there}"))
            elif told.get(key, here) != here:
                found.append(Difference(Differs.CONTENT, name, image_id, f"sha256 {here}, not {told[key]}"))
        return found

    async def _read(self, keys: Sequence[str], image_ids: Sequence[str]) -> None:
        if missing := [key for key in keys if key not in self.here]:
            async for found in self.reference.digests(missing):
                self.here[found.name] = found
        missing = [i for i in image_ids if i not in self.there]
        async for found in hash_images(self.service, self.project.id, missing):
            self.there[found.name] = found


def _told_hashes(labels: Labels) -> dict[str, str]:
    """Give the versions that are hashes, by key."""
    column = labels.column("version")
    if column is None:
        return {}
    pairs = zip(labels.table.column("key").to_pylist(), column.to_pylist(), strict=True)
    return {key: version for key, version in pairs if version and _SHA256.fullmatch(version)}


def _of_rows(problems: Sequence[Problem]) -> Iterator[Difference]:
    for problem in problems:
        where = f"{problem.source} row {problem.row}"
        yield Difference(Differs.ROW, where, None, f"{problem.code} {problem.message}")


def _of_labels(
    request: VerifyRequest, reference: Reference, snapshot: Snapshot, known: KnownImages
) -> Iterator[Difference]:
    prune = Prune.KEEP if request.extra_is_fine else Prune.DELETE_ALL
    # No plan gives a tag another type: that differs is told with the tags.
    table = reference.labels.table
    labels = Labels(table.select([name for name in table.column_names if name != "tag_type"]))
    plan = diff(labels, snapshot, known, prune=prune, incomplete=reference.incomplete, mended=True)
    return label_differences(plan)
