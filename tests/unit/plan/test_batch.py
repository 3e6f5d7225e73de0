from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cvsync import limits
from cvsync.plan.actions import Action, Box, Kind, Label
from cvsync.plan.batch import add_batches, create_batches, delete_batches, first_tags, remove_batches

LABELS = st.lists(st.integers(0, 40).map(lambda n: Label(f"tag {n}")), max_size=3)
SIZES = st.integers(0, limits.MAX_BODY_BYTES // 8)


@given(images=st.lists(st.tuples(LABELS, SIZES, st.booleans()), max_size=200))
def test_batches_hold_every_image_once_within_the_limits(images: list[tuple[list[Label], int, bool]]) -> None:
    actions = [
        Action(Kind.CREATE_IMAGE, str(n), tuple(labels), url=f"https://x/{n}" if by_url else None)
        for n, (labels, _, by_url) in enumerate(images)
    ]

    batches = [*create_batches(actions, size=lambda a: images[int(a.key or 0)][1])]

    assert Counter(a.key for b in batches for a in b.actions) == Counter(a.key for a in actions)
    for batch in batches:
        assert len(batch.actions) <= limits.MAX_IMAGES_PER_BATCH
        assert len({label.tag for a in batch.actions for label in a.labels}) <= limits.MAX_TAGS_PER_BATCH
        assert sum(images[int(a.key or 0)][1] for a in batch.actions) <= limits.MAX_BODY_BYTES
        assert len({a.url is None for a in batch.actions}) == 1


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

    assert [len(b.actions) for b in delete_batches(actions)] == [256, 256, 88]


def test_image_with_many_tags_starts_with_twenty() -> None:
    labels = tuple(Label(f"t{n % 25}", Box(n / 100, 0, 0.1, 0.1)) for n in range(50))

    kept = first_tags(labels)

    assert len({label.tag for label in kept}) == limits.MAX_TAGS_PER_BATCH
    assert len(kept) == 2 * limits.MAX_TAGS_PER_BATCH
