"""What a project holds, as a manifest says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from make import make_snapshot

from cvsync.known import KnownImages
from cvsync.model import ProjectType
from cvsync.plan import Prune, diff
from cvsync.snapshot import Snapshot

SIDE = st.floats(0.0625, 0.5, width=32)
TAGS = st.sampled_from(["fork", "Löffel", "007", "刀"])
BOXED = st.lists(st.tuples(TAGS, SIDE, SIDE, SIDE, SIDE), max_size=4)
PLAIN = st.lists(st.tuples(TAGS), max_size=3, unique=True)


def snapshots(labels: st.SearchStrategy[Any], type_: ProjectType) -> st.SearchStrategy[Snapshot]:
    images = st.dictionaries(st.sampled_from([f"i{n}" for n in range(9)]), labels, max_size=9)
    return images.map(lambda found: make_snapshot(found, type_))


EITHER = st.one_of(snapshots(BOXED, ProjectType.DETECTION), snapshots(PLAIN, ProjectType.MULTILABEL))


@given(EITHER)
def test_labels_of_a_snapshot_are_no_change_to_it(snapshot: Snapshot) -> None:
    plan = diff(snapshot.to_labels(), snapshot, KnownImages.empty(), prune=Prune.DELETE_ALL)

    assert plan.is_empty
    assert plan.unchanged == len(snapshot)


@given(EITHER, st.data())
def test_keeping_images_keeps_their_labels_and_no_others(snapshot: Snapshot, data: st.DataObject) -> None:
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(snapshot), max_size=len(snapshot))), bool)
    ids = {i for i, keep in zip(snapshot.images["image_id"].to_pylist(), kept, strict=True) if keep}
    rows = snapshot.to_labels().table.to_pylist()

    found = snapshot.keep(kept).to_labels().table.to_pylist()

    assert found == [row for row in rows if row["key"] in ids]


def test_images_are_named_by_their_key_where_there_is_one() -> None:
    snapshot = make_snapshot({"a": [("fork", 0.0, 0.0, 0.5, 0.5)], "b": []}, ProjectType.DETECTION)

    labels = snapshot.to_labels({"key": pa.array([None, "shelf/b.png"])})

    assert labels.table.column("key").to_pylist() == ["a", "shelf/b.png"]
    assert labels.table.column("tag").to_pylist() == ["fork", None]
    assert labels.table.column("image_width").to_pylist() == [100, 100]
