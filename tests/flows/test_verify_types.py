"""Copies that are projects of another type than their source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from make import make_png
from pairs import Pair, make_detection

from cvsync.api.client import Client
from cvsync.api.images import FileEntry
from cvsync.flows.frame import type_differences
from cvsync.flows.reference import Reference
from cvsync.flows.verify import Verification
from cvsync.model import Project, ProjectSettings, ProjectType
from cvsync.snapshot import Snapshot


async def make_multiclass(client: Client) -> Project:
    project = await client.create_project("shelf", classification_type="Multiclass")
    fork = await client.create_tag(project.id, "fork")
    await client.create_images_from_files(project.id, [FileEntry("0.png", make_png(0), (fork.id,))])
    return project


def told(found: Verification) -> list[tuple[str, str, str]]:
    return [(str(d.kind), d.image, d.detail) for d in found.differences]


async def test_a_copy_that_can_only_be_multilabel_is_not_equal(pair: Pair, client: Client) -> None:
    await make_multiclass(client)
    old = Pair(pair.source, replace(pair.copy, api_version="v2.0"))
    await old.migrate()

    assert told(await old.verify()) == [("project differs", "copy", "type: 'multiclass', not 'multilabel'")]


@pytest.mark.parametrize("api_version", ["v2.0", "v3.3"])
async def test_a_copy_of_the_same_type_is_equal(pair: Pair, client: Client, api_version: str) -> None:
    await make_multiclass(client)
    await pair.migrate()

    assert told(await replace(pair, copy=replace(pair.copy, api_version=api_version)).verify()) == []


async def test_a_project_with_boxes_and_one_without_differ_in_type_too(pair: Pair, client: Client) -> None:
    await client.create_project("drawer", classification_type="Multiclass")
    await pair.migrate(source="drawer")
    await make_detection(client, 1)

    found = await pair.verify()

    assert ("project differs", "copy", "type: 'detection', not 'multiclass'") in told(found)


@pytest.mark.parametrize(("named", "differences"), [(None, 0), ("Multilabel", 1)])
def test_a_type_that_nobody_tells_is_no_difference(named: str | None, differences: int) -> None:
    def contents(kind: str | None, type_: ProjectType) -> Snapshot:
        return Snapshot.empty(
            Project("p", "shelf", settings=ProjectSettings(classification_type=kind)), type_
        )

    source = contents("Multiclass", ProjectType.MULTICLASS)
    reference = Reference("shelf", source.to_labels(), lambda _: None, contents=source)  # type: ignore[arg-type,return-value]

    assert len([*type_differences(reference, contents(named, ProjectType.MULTILABEL))]) == differences
