"""Plans of every kind of change, applied to the emulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bench import Bench
from make import make_png
from plans import box, create

from cvsync.errors import PlanError, UnsupportedError
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Kind, Label, NewTag, Origin, TagRename
from cvsync.run.apply import Run

StartBench = Callable[..., Awaitable[Bench]]


async def test_new_images_come_with_labels_versions_and_metadata(bench: Bench) -> None:
    plan = bench.plan(
        create("a", box("fork"), box("spoon"), version="v1", metadata=(("shelf", "1"),)),
        create("b", box("fork", 0.2), metadata=(("shelf", "2"), ("x", "y"))),
        create("c"),
        tags=["fork", "spoon"],
    )

    outcomes = await bench.apply(plan)

    assert outcomes.counts == Counter(tags_created=2, images_created=3, labels_added=3)
    assert await bench.by_key() == {
        "a": Counter([("fork", 0.1), ("spoon", 0.1)]), "b": Counter([("fork", 0.2)]), "c": Counter(),
    }  # fmt: skip
    versions = {row["key"]: row["version"] for row in bench.known().table.to_pylist()}
    assert versions == {"a": "v1", "b": None, "c": None}
    assert await bench.stale_fingerprints() == {}
    own = {
        frozenset((n, v) for n, v in image.metadata.items() if not n.startswith("cvsync_"))
        for image in await bench.images()
    }
    assert own == {frozenset({("shelf", "1")}), frozenset({("shelf", "2"), ("x", "y")}), frozenset()}


async def test_every_new_image_carries_the_marker_of_its_batch(bench: Bench) -> None:
    foreign = (("cvsync_batch", "of another project"), ("shelf", "1"))

    await bench.apply(bench.plan(*(create(f"{n}", metadata=foreign) for n in range(70))))

    marks = Counter(image.metadata["cvsync_batch"] for image in await bench.images())
    attempts = {image.metadata["cvsync_attempt"] for image in await bench.images()}
    assert sorted(marks.values()) == [6, 64]
    assert attempts == {f"{mark}.1" for mark in marks}


async def test_markers_can_be_left_out(bench: Bench) -> None:
    await bench.apply(bench.plan(create("a", metadata=(("shelf", "1"),))), markers=False)

    (image,) = await bench.images()
    assert image.metadata == {"shelf": "1"}


async def test_metadata_needs_a_version_that_has_it(start_bench: StartBench) -> None:
    bench = await start_bench(api_version="v3.0")

    with pytest.raises(UnsupportedError, match=r"metadata needs --api-version v3\.3"):
        await bench.apply(bench.plan(create("a", metadata=(("shelf", "1"),)), tags=["fork"]))

    assert bench.ledger.in_doubt() == 0
    assert await bench.client.get_tags(bench.project_id) == ()


async def test_older_versions_have_no_markers_and_need_none(start_bench: StartBench) -> None:
    bench = await start_bench(api_version="v2.2")

    outcomes = await bench.apply(bench.plan(create("a", box("fork")), tags=["fork"]))

    assert outcomes.counts["images_created"] == 1
    assert [b.marker for b in bench.ledger.open_batches()] == []


@pytest.mark.parametrize("kind", ["Regular", "Negative", None])
async def test_new_tags_are_of_their_type(start_bench: StartBench, kind: str | None) -> None:
    bench = await start_bench(ProjectType.MULTILABEL)

    await bench.apply(bench.plan(tags=[NewTag("fork", kind)]))

    (tag,) = await bench.client.get_tags(bench.project_id)
    assert (tag.name, tag.type) == ("fork", kind or "Regular")


async def test_tag_that_somebody_made_since_the_tags_were_read_is_as_good(bench: Bench) -> None:
    theirs = await bench.client.create_tag(bench.project_id, "Fork")
    bench.ledger.start_run("run 0")

    plan = bench.plan(create("a", box("fork")), create("b", box("spoon")), tags=["fork", "spoon"])
    outcomes = await Run(bench.work(), plan, listed=[]).apply()

    assert outcomes.counts["images_created"] == 2
    (image,) = [i for i in await bench.images() if i.id == bench.ids()["a"]]
    assert [region.tag_id for region in image.regions] == [theirs.id]


async def test_tags_are_renamed_before_anything_else_even_in_a_chain(bench: Bench) -> None:
    tags = {n: (await bench.client.create_tag(bench.project_id, n)).id for n in ("a", "b")}
    renames = [TagRename(tags["a"], "a", "b"), TagRename(tags["b"], "b", "c")]

    outcomes = await bench.apply(bench.plan(create("x", box("b")), renames=renames, tags=["a"]))

    assert outcomes.counts == Counter(tags_renamed=2, tags_created=1, images_created=1, labels_added=1)
    after = {tag.name: tag.id for tag in await bench.client.get_tags(bench.project_id)}
    assert (after["b"], after["c"]) == (tags["a"], tags["b"])
    assert await bench.by_key() == {"x": Counter([("b", 0.1)])}


async def test_tags_that_would_swap_names_are_refused(bench: Bench) -> None:
    tags = {n: (await bench.client.create_tag(bench.project_id, n)).id for n in ("a", "b")}
    renames = [TagRename(tags["a"], "a", "b"), TagRename(tags["b"], "b", "a")]

    with pytest.raises(PlanError, match="a to b, b to a"):
        await bench.apply(bench.plan(renames=renames))


@pytest.mark.parametrize("boxed", [True, False])
async def test_image_of_many_tags_gets_all_of_them(start_bench: StartBench, boxed: bool) -> None:
    type_ = ProjectType.DETECTION if boxed else ProjectType.MULTILABEL
    bench = await start_bench(type_)
    names = [f"tag {n}" for n in range(45)]
    labels = [box(name) if boxed else Label(name) for name in names]

    outcomes = await bench.apply(bench.plan(create("a", *labels), create("b", *labels), tags=names))

    assert outcomes.counts == Counter(tags_created=45, images_created=2, labels_added=90)
    found = await bench.by_key()
    assert found["a"] == found["b"] == Counter((n, 0.1) if boxed else n for n in names)
    assert await bench.stale_fingerprints() == {}


async def placed(bench: Bench, *actions: Action, tags: list[str]) -> dict[str, str]:
    """Apply a first plan; give the image ids."""
    await bench.apply(bench.plan(*actions, tags=tags))
    await bench.control("POST", "reset")
    return bench.ids()


async def regions_of(bench: Bench, key: str) -> list[str | None]:
    by_id = {image.id: image for image in await bench.images()}
    return [region.region_id for region in by_id[bench.ids()[key]].regions]


async def test_labels_come_and_go_and_the_ledger_follows(bench: Bench) -> None:
    ids = await placed(bench, create("a", box("fork")), create("b", box("fork")), tags=["fork", "spoon"])
    (region,) = await regions_of(bench, "b")
    plan = bench.plan(
        Action(Kind.ADD_LABEL, "a", (box("spoon"), box("fork", 0.3)), image_id=ids["a"]),
        Action(Kind.REMOVE_LABEL, "b", (box("fork"),), image_id=ids["b"], region_ids=(region,)),
    )

    outcomes = await bench.apply(plan)

    assert outcomes.counts == Counter(labels_added=2, labels_removed=1)
    assert await bench.by_key() == {
        "a": Counter([("fork", 0.1), ("fork", 0.3), ("spoon", 0.1)]), "b": Counter(),
    }  # fmt: skip
    assert await bench.stale_fingerprints() == {}
    assert None not in bench.known().table.column("fingerprint").to_pylist()


async def test_room_is_made_before_labels_come(start_bench: StartBench) -> None:
    bench = await start_bench(ProjectType.MULTICLASS)
    ids = await placed(bench, *(create(f"{n}", Label("old")) for n in range(3)), tags=["old", "new"])
    changes = [
        Action(kind, key, (Label(tag),), image_id=ids[key], region_ids=(None,))
        for key in ids
        for kind, tag in ((Kind.MAKE_ROOM, "old"), (Kind.ADD_LABEL, "new"))
    ]

    outcomes = await bench.apply(bench.plan(*changes))

    assert outcomes.counts == Counter(labels_added=3, labels_removed=3)
    assert await bench.by_key() == {key: Counter(["new"]) for key in ids}
    assert await bench.stale_fingerprints() == {}


async def test_tags_are_removed_tag_by_tag(start_bench: StartBench) -> None:
    bench = await start_bench(ProjectType.MULTILABEL)
    labels = (Label("a"), Label("b"), Label("c"))
    ids = await placed(bench, *(create(f"{n}", *labels) for n in range(4)), tags=["a", "b", "c"])
    gone = {"0": "a", "1": "b", "2": "a"}
    removals = [
        Action(Kind.REMOVE_LABEL, key, (Label(tag),), image_id=ids[key], region_ids=(None,))
        for key, tag in gone.items()
    ]

    await bench.apply(bench.plan(*removals))

    assert await bench.by_key() == {k: Counter("abc") - Counter(gone.get(k, "")) for k in ids}
    assert (await bench.calls())["DeleteImageTags"] == 2
    assert await bench.stale_fingerprints() == {}


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
    twin = replace(create("b", box("fork")), url="https://pictures.test/a")
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
    renamed = replace(create("new", box("fork")), url="https://pictures.test/old")

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


async def test_duplicates_get_the_labels_that_they_lack_and_keep_the_others(bench: Bench) -> None:
    await placed(bench, create("a", box("fork"), box("fork", 0.2)), tags=["fork", "spoon"])
    again = replace(create("b", box("fork"), box("spoon")), url="https://pictures.test/a")

    outcomes = await bench.apply(bench.plan(again))

    # The labels rode along, so the service merged the same box in once more: that one is taken off again.
    both = Counter([("fork", 0.1), ("fork", 0.2), ("spoon", 0.1)])
    assert await bench.by_key() == {"a": both, "b": both}
    assert outcomes.counts == Counter(images_adopted=1, labels_removed=1)
    assert await bench.stale_fingerprints() == {}


@pytest.mark.parametrize("type_", [ProjectType.DETECTION, ProjectType.MULTICLASS])
async def test_labels_of_adopted_images_are_replaced_where_that_is_wanted(
    start_bench: StartBench, type_: ProjectType
) -> None:
    from cvsync.run.settings import Adopt

    bench = await start_bench(type_)
    label = box if type_ is ProjectType.DETECTION else Label
    await placed(bench, create("a", label("fork")), tags=["fork", "spoon"])
    again = replace(create("b", label("spoon")), url="https://pictures.test/a")

    await bench.apply(bench.plan(again, unmanaged=1), adopt=Adopt.REPLACE)

    (labels,) = {frozenset(labels) for labels in (await bench.by_key()).values()}
    assert labels == {("spoon", 0.1) if type_ is ProjectType.DETECTION else "spoon"}
    assert await bench.stale_fingerprints() == {}


async def test_images_whose_labels_follow_do_not_pile_up(bench: Bench) -> None:
    """Bare creations are labelled while others are still being created."""
    plan = bench.plan(*(create(f"{n}", box("fork")) for n in range(640)), tags=["fork"], unmanaged=1)

    await bench.apply(plan)

    kinds = [e.facts["kind"] for e in bench.events if e.name == "batch_sent"]
    assert kinds.count("create image") == kinds.count("add label") == 10
    waiting, most = 0, 0
    for kind in kinds:
        waiting += {"create image": 1, "add label": -1}[kind] if kind != "create tag" else 0
        most = max(most, waiting)
    assert most <= 4


async def test_files_go_as_bytes_in_bodies_that_the_service_takes(bench: Bench, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.png").write_bytes(make_png(n))
    files = [
        Action(Kind.CREATE_IMAGE, f"{n}.png", (box("fork"),), path=str(tmp_path / f"{n}.png"))
        for n in range(3)
    ]

    outcomes = await bench.apply(bench.plan(*files, tags=["fork"]))

    assert outcomes.counts["images_created"] == 3
    assert (await bench.calls())["CreateImagesFromFiles"] == 1


async def test_full_project_ends_the_run(start_bench: StartBench) -> None:
    bench = await start_bench(quota="F0")
    everything: Any = [create(f"{n}") for n in range(5200)]

    with pytest.raises(PlanError, match="as many images as it may"):
        await bench.apply(bench.plan(*everything), workers=1)

    assert len(bench.ids()) == 5000
    assert (await bench.calls())["CreateImagesFromUrls"] == 79
