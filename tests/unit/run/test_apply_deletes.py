"""Images that are replaced or deleted, and what is saved of them first."""

from __future__ import annotations

from collections import Counter

import pyarrow.parquet as pq
import pytest
from bench import Bench, placed
from bench_fixtures import StartBench
from plans import box, create

from cvsync import limits
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Kind, Label, Origin
from cvsync.run.trash import Trash


async def test_replaced_image_is_new_and_the_old_one_is_saved_and_gone(bench: Bench) -> None:
    ids = await placed(bench, create("a", box("fork"), version="v1"), create("b"), tags=["fork"])
    new = Action(
        Kind.REPLACE_IMAGE, "a", (box("fork", 0.4),), image_id=ids["a"],
        url="https://pictures.test/a?v2", version="v2",
    )  # fmt: skip

    outcomes = await bench.apply(bench.plan(new))

    assert outcomes.counts == Counter(images_replaced=1, labels_added=1)
    assert bench.ids()["a"] != ids["a"]
    assert await bench.by_key() == {"a": Counter([("fork", 0.4)]), "b": Counter()}
    assert {row["key"]: row["version"] for row in bench.known().table.to_pylist()}["a"] == "v2"
    assert bench.ledger.doomed() == []
    (saved,) = (bench.folder / "trash" / "run 2").glob("*.parquet")
    (row,) = pq.read_table(saved).to_pylist()
    assert (row["image_id"], row["reason"], row["tag"]) == (ids["a"], "replaced", "fork")
    assert row["keys"] == [{"key": "a", "version": "v1"}]


async def test_replacement_of_one_twin_leaves_the_image_of_the_other(bench: Bench) -> None:
    await placed(bench, create("a", box("fork")), tags=["fork"])
    twin = create("b", box("fork"))._replace(url="https://pictures.test/a")
    await bench.apply(bench.plan(twin))
    ids = bench.ids()
    assert ids["a"] == ids["b"]

    await bench.apply(
        bench.plan(Action(Kind.REPLACE_IMAGE, "a", image_id=ids["a"], url="https://pictures.test/a?v2"))
    )

    assert bench.ids()["b"] == ids["b"]
    assert await bench.by_key() == {"a": Counter(), "b": Counter([("fork", 0.1)])}


async def test_replacement_with_the_same_bytes_keeps_the_image(bench: Bench) -> None:
    ids = await placed(bench, create("a", box("fork"), version="v1"), tags=["fork"])
    same = Action(
        Kind.REPLACE_IMAGE, "a", (box("fork"), box("fork", 0.3)), image_id=ids["a"],
        url="https://pictures.test/a", version="v2",
    )  # fmt: skip

    outcomes = await bench.apply(bench.plan(same))

    assert bench.ids() == ids
    assert outcomes.counts["images_replaced"] == 0
    assert await bench.by_key() == {"a": Counter([("fork", 0.1), ("fork", 0.3)])}
    assert await bench.stale_fingerprints() == {}


async def test_debris_of_an_earlier_run_is_deleted_by_the_next(bench: Bench) -> None:
    ids = await placed(bench, create("a"), tags=[])
    new = Action(Kind.REPLACE_IMAGE, "a", image_id=ids["a"], url="https://pictures.test/a?v2")
    bench.trouble("DeleteImages", "503", calls=99)
    bench.trouble("GetTags", "503", skip=1)
    with pytest.raises(Exception, match="on order"):
        await bench.apply(bench.plan(new))
    assert bench.known().doomed == {ids["a"]}
    bench.transport = bench.transport.inner.inner  # type: ignore[attr-defined]

    await bench.apply(bench.plan())

    assert [image.id for image in await bench.images()] == [bench.ids()["a"]]
    assert bench.known().doomed == frozenset()


@pytest.mark.parametrize("backup", [True, False])
async def test_images_are_saved_before_they_are_deleted(bench: Bench, backup: bool) -> None:
    ids = await placed(
        bench,
        create("a", box("fork"), box("spoon"), metadata=(("shelf", "1"),)), create("b"), create("c"),
        tags=["fork", "spoon"],
    )  # fmt: skip
    gone = [Action(Kind.DELETE_IMAGE, key, image_id=ids[key]) for key in ("a", "b")]

    outcomes = await bench.apply(bench.plan(*gone), backup=backup)

    assert outcomes.counts == Counter(images_deleted=2)
    assert bench.ids() == {"c": ids["c"]}
    trash = bench.folder / "trash" / "run 2"
    assert trash.exists() is backup
    if backup:
        rows = pq.read_table(next(trash.glob("*.parquet"))).to_pylist()
        assert [(r["keys"][0]["key"], r["tag"], r["left"] and round(r["left"], 3)) for r in rows] == [
            ("a", "fork", 0.1), ("a", "spoon", 0.1), ("b", None, None),
        ]  # fmt: skip
        assert {"name": "shelf", "value": "1"} in rows[0]["metadata"]
        assert all((trash / row["file"]).read_bytes().startswith(b"\x89PNG") for row in rows)
        files = [p for p in (bench.folder / "trash").rglob("*") if p.is_file()]
        assert len(files) == 3
        assert {p.stat().st_mode & 0o777 for p in files} == {0o600}


async def test_requests_that_delete_side_by_side_are_all_saved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"picture {n}" for n in range(12)]
    ids = await placed(bench, *(create(name, box("fork")) for name in names), tags=["fork"])
    monkeypatch.setattr(limits, "IDS_PER_URL", 1)  # a request each

    await bench.apply(bench.plan(*(Action(Kind.DELETE_IMAGE, n, image_id=ids[n]) for n in names)))

    files = sorted((bench.folder / "trash" / "run 2").glob("*.parquet"))
    saved = [row["image_id"] for file in files for row in pq.read_table(file).to_pylist()]
    assert sorted(saved) == sorted(ids.values())


@pytest.mark.parametrize("type_", [ProjectType.DETECTION, ProjectType.MULTILABEL])
async def test_a_label_of_a_tag_that_came_since_tags_were_read_is_saved(
    start_bench: StartBench, type_: ProjectType
) -> None:
    bench = await start_bench(type_)
    await placed(
        bench, create("a", box("fork") if type_ is ProjectType.DETECTION else Label("fork")), tags=["fork"]
    )
    trash = Trash(bench.work(), bench.folder)

    await trash.save(await bench.images(), {}, is_detection=type_ is ProjectType.DETECTION, reason="deleted")

    (row,) = pq.read_table(next(trash.folder.glob("*.parquet"))).to_pylist()
    assert (row["tag"], row["tag_type"]) == ("fork", None)


async def test_image_that_cannot_be_saved_is_not_deleted(start_bench: StartBench) -> None:
    bench = await start_bench(link_lifetime=-60.0)  # its links are over before they are given
    ids = await placed(bench, create("a"), tags=[])

    outcomes = await bench.apply(bench.plan(Action(Kind.DELETE_IMAGE, "a", image_id=ids["a"])))

    assert outcomes.counts == Counter(refused=1)
    assert outcomes.refusals[0].code == "NoBackup"
    assert bench.ids() == ids
    assert len(await bench.images()) == 1


async def test_image_that_is_another_key_s_by_now_is_not_deleted(bench: Bench) -> None:
    ids = await placed(bench, create("old", box("fork")), tags=["fork"])
    renamed = create("new", box("fork"))._replace(url="https://pictures.test/old")

    outcomes = await bench.apply(
        bench.plan(renamed, Action(Kind.DELETE_IMAGE, "old", image_id=ids["old"]), unmanaged=1)
    )

    assert outcomes.counts == Counter(images_adopted=1)
    assert bench.ids()["new"] == ids["old"]
    assert await bench.by_key() == {k: Counter([("fork", 0.1)]) for k in ("old", "new")}


@pytest.mark.parametrize("despite", [True, False])
async def test_deletions_are_held_back_where_something_was_refused(bench: Bench, despite: bool) -> None:
    ids = await placed(bench, create("a"), tags=[])
    missing = Action(Kind.CREATE_IMAGE, "b", path="nowhere.png", origins=(Origin("m.csv", 1),))
    plan = bench.plan(missing, Action(Kind.DELETE_IMAGE, "a", image_id=ids["a"]))

    outcomes = await bench.apply(plan, delete_despite_errors=despite)

    done = {"images_deleted": 1} if despite else {"deletions_held_back": 1}
    assert outcomes.counts == Counter(refused=1, **done)
    assert [r.code for r in outcomes.refusals] == ["E111"]
