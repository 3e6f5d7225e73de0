"""What a run reads of a create answer is what any reader would find in it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.api.created import Created, posted, read_created
from cvsync.api.images import CreateSummary
from cvsync.api.wire import Answer, decode
from cvsync.errors import TransportError

TEXTS = st.text(max_size=8)
IMAGES = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "created": st.just("2026-11-29T18:00:00.123"),
        "width": st.just(640),
        "height": st.just(480),
    },
    optional={"tags": st.none() | st.just([]), "novelty": st.lists(TEXTS, max_size=2)},
)
OUTCOMES = st.fixed_dictionaries(
    {"status": TEXTS}, optional={"sourceUrl": st.none() | TEXTS, "image": st.none() | IMAGES}
)
ANSWERS = st.fixed_dictionaries(
    {"isBatchSuccessful": st.booleans()}, optional={"images": st.none() | st.lists(OUTCOMES, max_size=3)}
)
SPELLINGS = st.sampled_from(["as it is", "Pascal", "UPPER"])


def spelled(value: Any, spelling: str) -> Any:
    """Write all names of a JSON value in one way."""
    if isinstance(value, list):
        return [spelled(item, spelling) for item in value]
    if not isinstance(value, dict):
        return value
    return {_spelled(name, spelling): spelled(item, spelling) for name, item in value.items()}


def _spelled(name: str, spelling: str) -> str:
    if spelling == "Pascal":
        return name[:1].upper() + name[1:]
    return name.upper() if spelling == "UPPER" else name


@given(answer=ANSWERS, spelling=SPELLINGS)
def test_a_run_reads_what_the_whole_answer_says(answer: dict[str, Any], spelling: str) -> None:
    content = orjson.dumps(spelled(answer, spelling))
    whole = decode(CreateSummary, Answer("CreateImagesFromUrls", orjson.loads(content))).images
    found = posted(Answer("CreateImagesFromUrls", read_created(content)))
    assert [(p.status, p.source_url, p.image and p.image.id) for p in found] == [
        (o.status, o.source_url, o.image and o.image.id) for o in whole
    ]


def test_the_usual_answer_is_read_without_the_rest() -> None:
    image = {"id": "1", "created": "2026-11-29T18:00:00", "width": 1, "height": 1, "tags": [], "novelty": 1}
    outcome = {"sourceUrl": "u", "status": "OK", "image": image}
    content = orjson.dumps({"isBatchSuccessful": True, "images": [outcome, {**outcome, "image": None}]})
    assert isinstance(read_created(content), Created)


@pytest.mark.parametrize(
    "content", [b"[]", b'"OK"', b'{"images":[]}', b'{"isBatchSuccessful":true,"images":[{}]}']
)
def test_another_kind_of_answer_cannot_be_read(content: bytes) -> None:
    with pytest.raises(TransportError, match="cannot be read"):
        posted(Answer("CreateImagesFromUrls", read_created(content)))


@pytest.mark.parametrize("content", [b"<html>", b'{"isBatchSuccessful":true,"images":[', b"\xff"])
def test_what_is_no_json_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        read_created(content)
