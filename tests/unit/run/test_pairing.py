"""Answers are matched with what was sent by name."""

from __future__ import annotations

from cvsync.api.created import Posted, StoredId
from cvsync.plan.actions import Action, Kind
from cvsync.plan.images import Images
from cvsync.run.posting import pair


def sent(*urls: str) -> Images:
    return Images.of([Action(Kind.CREATE_IMAGE, f"key {n}", url=url) for n, url in enumerate(urls)])


def answer(url: str, image_id: str) -> Posted:
    return Posted("OK", url, StoredId(image_id))


def ids(images: Images, *answers: Posted) -> list[str | None]:
    return [got.image.id if got and got.image else None for got in pair(images, answers)]


def test_answers_in_order_are_taken_as_they_are() -> None:
    assert ids(sent("a", "b"), answer("a", "1"), answer("b", "2")) == ["1", "2"]


def test_shuffled_answers_find_their_images() -> None:
    assert ids(sent("a", "b", "c"), answer("c", "3"), answer("a", "1"), answer("b", "2")) == ["1", "2", "3"]


def test_twins_get_an_answer_each_or_share_the_last() -> None:
    assert ids(sent("a", "b", "a"), answer("b", "2"), answer("a", "1"), answer("a", "3")) == ["1", "2", "3"]
    assert ids(sent("a", "b", "a"), answer("b", "2"), answer("a", "1")) == ["1", "2", "1"]


def test_an_image_that_the_answer_forgot_has_none() -> None:
    assert ids(sent("a", "b"), answer("b", "2"), answer("x", "9")) == [None, "2"]
