"""Plans of every kind of change, applied to the emulator."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, placed
from bench_fixtures import StartBench
from make import make_png
from plans import box, create

from cvsync.api.transport import Request
from cvsync.errors import PlanError, UnsupportedError
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Kind, Label, NewTag, TagRename
from cvsync.run.apply import Run


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


async def test_a_tag_that_the_project_lost_ends_the_run_before_an_image_is_sent(bench: Bench) -> None:
    plan = bench.plan(create("a", box("fork")), create("b", box("gone")), tags=["fork"])

    with pytest.raises(PlanError, match="the tag 'gone' is gone from the project"):
        await bench.apply(plan)

    assert await bench.images() == []


async def test_a_stop_while_tags_are_made_is_no_error(bench: Bench) -> None:
    names = [f"tag {n}" for n in range(9)]
    plan = bench.plan(*(create(name, box(name)) for name in names), tags=names)
    plain = bench.transport

    class Stopping:
        async def send(self, request: Request) -> Any:
            if request.operation == "CreateTag":
                bench.stop.request("enough")
            return await plain.send(request)

    bench.transport = Stopping()

    outcomes = await bench.apply(plan)

    assert 0 < outcomes.counts["tags_created"] < len(names)
    assert await bench.images() == []


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


async def test_duplicates_get_the_labels_that_they_lack_and_keep_the_others(bench: Bench) -> None:
    await placed(bench, create("a", box("fork"), box("fork", 0.2)), tags=["fork", "spoon"])
    again = create("b", box("fork"), box("spoon"))._replace(url="https://pictures.test/a")

    outcomes = await bench.apply(bench.plan(again))

    # The labels rode along, so the service merged the same box in once more: that one is taken off again.
    both = Counter([("fork", 0.1), ("fork", 0.2), ("spoon", 0.1)])
    assert await bench.by_key() == {"a": both, "b": both}
    assert outcomes.counts == Counter(images_adopted=1, labels_removed=1)
    assert await bench.stale_fingerprints() == {}
    assert None not in bench.known().table.column("fingerprint").to_pylist()


async def test_a_picture_that_has_another_tag_is_refused_where_one_is_all_that_it_may_have(
    start_bench: StartBench,
) -> None:
    bench = await start_bench(ProjectType.MULTICLASS)
    await placed(bench, create("a", Label("fork")), tags=["fork", "spoon"])
    again = create("b", Label("spoon"))._replace(url="https://pictures.test/a")

    outcomes = await bench.apply(bench.plan(again, create("c", Label("spoon")), unmanaged=1))

    assert outcomes.counts == Counter(images_adopted=1, images_created=1, labels_added=1, refused=1)
    assert [(r.action.key, r.code) for r in outcomes.refusals] == [("b", "E120")]
    assert await bench.by_key() == {"a": Counter(["fork"]), "b": Counter(["fork"]), "c": Counter(["spoon"])}


@pytest.mark.parametrize("type_", [ProjectType.DETECTION, ProjectType.MULTICLASS])
async def test_labels_of_adopted_images_are_replaced_where_that_is_wanted(
    start_bench: StartBench, type_: ProjectType
) -> None:
    from cvsync.run.settings import Adopt

    bench = await start_bench(type_)
    label = box if type_ is ProjectType.DETECTION else Label
    await placed(bench, create("a", label("fork")), tags=["fork", "spoon"])
    again = create("b", label("spoon"))._replace(url="https://pictures.test/a")

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
