"""Images that are known by their ids: told by a manifest that was pulled, or adopted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from make import make_labels, make_snapshot

from cvsync.known import SCHEMA, KnownImages
from cvsync.labels import Labels
from cvsync.model import ProjectType
from cvsync.plan import Action, Kind, Plan, Prune, diff
from cvsync.plan.adopt import Unmanaged, with_adopted

IDS = [f"id-{letter}" for letter in "abcdef"]
PROJECT = st.dictionaries(st.sampled_from(IDS), st.sets(st.sampled_from("xyz")), max_size=6)
KEYS = st.sampled_from(["k1", "k2", "k3", *IDS])
LEDGER = st.dictionaries(KEYS, st.sampled_from([*IDS, "id-lost"]), max_size=4)
PULLED = st.dictionaries(KEYS, st.sampled_from([*IDS, "id-foreign", None]), max_size=6)
"""Key -> the id that its row tells."""


def pulled(rows: dict[str, Any], tags: dict[str, set[str]] | None = None) -> Labels:
    listed = [(key, tag) for key in rows for tag in sorted((tags or {}).get(key, "x"))]
    labels = make_labels(listed)
    columns = {name: labels.table.column(name) for name in labels.table.column_names}
    return Labels.from_columns(columns | {"image_id": pa.array([rows[k] for k, _ in listed], pa.string())})


def project(images: dict[str, set[str]]) -> Any:
    listed = {image: [(tag,) for tag in sorted(tags)] for image, tags in images.items()}
    return make_snapshot(listed, ProjectType.MULTILABEL, "xyz")


def changed(action: Action) -> Any:
    """Leave out which of its keys an image is called by."""
    return action.kind, action.image_id or action.key, action.labels


def kinds(plan: Plan, kind: Kind) -> set[str | None]:
    return {action.image_id if kind is Kind.DELETE_IMAGE else action.key for action in plan.actions(kind)}


@given(images=PROJECT, ledger=LEDGER, rows=PULLED)
def test_an_id_is_trusted_where_the_project_has_it_and_nowhere_else(
    images: Any, ledger: Any, rows: Any
) -> None:
    plan = diff(pulled(rows), project(images), KnownImages.of(ledger))

    is_there = {key for key, id_ in rows.items() if ledger.get(key) in images or id_ in images}
    assert kinds(plan, Kind.CREATE_IMAGE) == rows.keys() - is_there
    told = {row["key"]: row["image_id"] for row in plan.learned.to_pylist()}
    for key in is_there:
        known = ledger[key] if ledger.get(key) in images else rows[key]
        assert told.get(key, known) == known


@given(images=PROJECT, ledger=LEDGER, rows=PULLED)
def test_after_adoption_every_image_has_a_key(images: Any, ledger: Any, rows: Any) -> None:
    desired, snapshot, known = pulled(rows), project(images), KnownImages.of(ledger)

    plan = diff(desired, snapshot, known, unmanaged=Unmanaged.ADOPT)
    learned = {row["key"]: row for row in known.table.to_pylist() + plan.learned.to_pylist()}
    later = KnownImages(pa.Table.from_pylist([*learned.values()], schema=SCHEMA))
    again = diff(desired, snapshot, later, unmanaged=Unmanaged.ADOPT)

    taken = ledger.keys() | rows.keys()  # ids that are keys of other images
    assert plan.unmanaged == again.unmanaged <= len(taken & images.keys())
    assert (again.adopted, again.drifted) == (0, plan.drifted)
    assert [*map(changed, again.actions())] == [*map(changed, plan.actions())]


@given(images=PROJECT, ledger=LEDGER, rows=PULLED, bad=st.sets(st.sampled_from(IDS)))
def test_what_is_adopted_may_be_deleted_unless_a_row_names_it(
    images: Any, ledger: Any, rows: Any, bad: Any
) -> None:
    plan = diff(
        pulled(rows), project(images), KnownImages.of(ledger), prune=Prune.DELETE,
        unmanaged=Unmanaged.ADOPT, incomplete=bad,
    )  # fmt: skip

    named = {ledger[k] if ledger.get(k) in images else id_ for k, id_ in rows.items()}
    known = {*ledger, *ledger.values()}
    named |= {key for key, id_ in rows.items() if id_ not in images and key not in known}  # once adopted
    kept = named | bad | {ledger.get(key) for key in bad}
    gone = kinds(plan, Kind.DELETE_IMAGE)
    assert gone <= images.keys() - kept
    assert images.keys() - kept - gone <= ledger.keys() | rows.keys()  # ids that are keys of other images


def test_adopted_images_count_as_unknown_where_deletion_is_weighed() -> None:
    plan = diff(
        pulled({"id-a": None}), project({"id-a": {"x"}, "id-b": {"x"}, "id-c": {"x"}}), KnownImages.empty(),
        unmanaged=Unmanaged.ADOPT,
    )  # fmt: skip

    assert (plan.unmanaged, plan.adopted, plan.unchanged) == (0, 2, 1)
    assert plan.creates_bare  # a new key may turn out to be one of them


def test_what_another_key_knows_of_an_image_follows() -> None:
    """Else an edit that the manifest took over would be one of others for ever."""
    known = with_adopted(KnownImages.of({"url": "id-a"}), KnownImages.of({"id-a": "id-a"}).table)
    before = known.table.set_column(2, SCHEMA.field("fingerprint"), pa.array([1, 1], pa.int64()))
    snapshot = project({"id-a": {"x"}})

    plan = diff(pulled({"url": None}), snapshot, KnownImages(before))

    prints = {row["key"]: row["fingerprint"] for row in plan.learned.to_pylist()}
    assert prints.keys() == {"url", "id-a"}
    assert prints["url"] == prints["id-a"] != 1
