from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plans import labels_of

from cvsync import limits
from cvsync.plan.actions import Action, Box, Kind, Label
from cvsync.plan.batch import (
    add_batches,
    create_batches,
    delete_batches,
    remove_batches,
    url_shares,
)
from cvsync.plan.images import Images, first_tags

LABELS = st.lists(st.integers(0, 40).map(lambda n: Label(f"tag {n}")), max_size=3)
SIZES = st.integers(0, limits.MAX_BODY_BYTES // 8)


METADATA = st.sampled_from([(), (("shelf", "1"),), (("shelf", "2"),)])


@given(images=st.lists(st.tuples(LABELS, SIZES, st.booleans(), METADATA), max_size=200))
def test_batches_hold_every_image_once_within_the_limits(images: list[tuple[Any, ...]]) -> None:
    actions = [
        Action(
            Kind.CREATE_IMAGE, str(n), tuple(labels), url=f"https://x/{n}" if by_url else None,
            metadata=metadata,
        )
        for n, (labels, _, by_url, metadata) in enumerate(images)
    ]  # fmt: skip

    def shares(some: Images) -> list[int]:
        return [images[int(key)][1] for key in some.keys]

    batches = [*create_batches(Images.alike(actions), shares=shares)]

    assert Counter(a.key for b in batches for a in b.actions) == Counter(a.key for a in actions)
    for batch in batches:
        assert len(batch.actions) <= limits.MAX_IMAGES_PER_BATCH
        assert len({label.tag for a in batch.actions for label in a.labels}) <= limits.MAX_TAGS_PER_BATCH
        assert sum(images[int(a.key or 0)][1] for a in batch.actions) <= limits.MAX_BODY_BYTES
        assert len({(a.url is None, a.metadata) for a in batch.actions}) == 1


@given(images=st.lists(st.tuples(LABELS, SIZES), max_size=200), step=st.integers(1, 100))
def test_batches_of_images_that_are_alike_are_as_full_as_they_can_be(
    images: list[tuple[Any, ...]], step: int
) -> None:
    actions = [
        Action(Kind.CREATE_IMAGE, str(n), tuple(labels), url="https://x")
        for n, (labels, _) in enumerate(images)
    ]
    parts = [Images.of(actions[start : start + step]) for start in range(0, len(actions), step)]

    def shares(some: Images) -> list[int]:
        return [images[int(key)][1] for key in some.keys]

    batches = [[*batch.actions] for batch in create_batches(parts, shares=shares)]

    assert [action.key for batch in batches for action in batch] == [action.key for action in actions]
    for batch, following in pairwise(batches):
        more = [*batch, following[0]]
        assert (
            len(more) > limits.MAX_IMAGES_PER_BATCH
            or len({label.tag for action in more for label in action.labels}) > limits.MAX_TAGS_PER_BATCH
            or sum(images[int(action.key or 0)][1] + 1024 for action in more) > limits.MAX_BODY_BYTES
        )


def test_every_image_with_metadata_of_its_own_holds_few_batches_open() -> None:
    taken = 0

    def actions() -> Iterator[Action]:
        nonlocal taken
        for taken in range(1000):
            yield Action(Kind.CREATE_IMAGE, str(taken), url="https://x", metadata=(("n", str(taken)),))

    for number, batch in enumerate(create_batches(Images.alike(actions()), shares=url_shares)):
        assert [a.key for a in batch.actions] == [str(number)]
        assert taken <= number + 40


def test_labels_that_do_not_go_along_take_no_room() -> None:
    actions = [Action(Kind.CREATE_IMAGE, str(n), (Label(f"t{n}"),), url="https://x") for n in range(64)]

    assert len([*create_batches(Images.alike(actions), shares=url_shares)]) == 4
    assert len([*create_batches(Images.alike(actions), shares=url_shares, is_bare=True)]) == 1


def test_images_with_many_tags_share_a_batch_where_their_first_twenty_are_the_same() -> None:
    many = tuple(Label(f"t{n}") for n in range(25))
    actions = [Action(Kind.CREATE_IMAGE, str(n), many, url="https://x") for n in range(3)]

    (batch,) = create_batches(Images.alike(actions), shares=url_shares)

    assert len(batch.actions) == 3
    sent = Images.of(actions).labels({f"t{n}": f"id-{n}" for n in range(25)})
    assert labels_of(sent, 0) == [(f"id-{n}", None) for n in range(20)]


@given(counts=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_label_batches_hold_every_label_once_within_the_limits(counts: list[tuple[int, bool]]) -> None:
    actions = [
        Action(
            Kind.REMOVE_LABEL, None,
            tuple(Label(f"t{k}", Box(0, 0, 1, 1) if boxed else None) for k in range(count)),
            image_id=str(n), region_ids=tuple(f"{n}-{k}" if boxed else None for k in range(count)),
        )
        for n, (count, boxed) in enumerate(counts)
    ]  # fmt: skip
    wanted = Counter((a.image_id, label) for a in actions for label in a.labels)

    for batches, most in (
        ([*add_batches(actions)], limits.MAX_IMAGE_TAGS_PER_CALL),
        ([*remove_batches(actions)], limits.MAX_REGIONS_PER_CALL),
    ):
        assert Counter((a.image_id, *a.labels) for b in batches for a in b.actions) == wanted
        assert all(len(b.actions) <= most for b in batches)


def test_deletions_are_packed_full() -> None:
    actions = [Action(Kind.DELETE_IMAGE, None, image_id=str(n)) for n in range(600)]

    assert [len(b.actions) for b in delete_batches(actions)] == [200, 200, 200]


def test_image_with_many_tags_starts_with_twenty() -> None:
    labels = tuple(Label(f"t{n % 25}", Box(n / 100, 0, 0.1, 0.1)) for n in range(50))

    kept = first_tags(labels)

    assert len({label.tag for label in kept}) == limits.MAX_TAGS_PER_BATCH
    assert len(kept) == 2 * limits.MAX_TAGS_PER_BATCH
