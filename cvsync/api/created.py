"""The answer to a create batch, as far as a run reads it.

It says all of every image that was created, what was sent included: some 75 KB for 64 images, of which a run
needs an id, a status and a URL each. msgspec passes over the rest without making anything of it, which takes
a quarter of the time of reading all.
"""

from __future__ import annotations

import msgspec
import orjson

from cvsync.api.images import CreateSummary
from cvsync.api.wire import Answer, decode


class StoredId(msgspec.Struct, frozen=True, gc=False):
    """An image of a create answer; the rest of it is what was sent."""

    id: str


class Posted(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What became of one image of a create batch; ``ImageOutcome`` is all that the answer says."""

    status: str
    source_url: str
    image: StoredId | None


class Created(msgspec.Struct, frozen=True, rename="camel"):
    """What became of all."""

    is_batch_successful: bool
    """Not looked at, but an answer without it is none."""
    images: tuple[Posted, ...]


_DECODER = msgspec.json.Decoder(Created)


def read_created(content: bytes) -> object:
    """Read an answer for ``posted``: every name as v3 spells it, or else as any JSON is read.

    Raises:
        orjson.JSONDecodeError: It is no JSON.
    """
    try:
        return _DECODER.decode(content)
    except msgspec.DecodeError:
        return orjson.loads(content)


def posted(answer: Answer) -> tuple[Posted, ...]:
    """Give what became of each image.

    Raises:
        TransportError: The answer is of another kind; the images may have been created.
    """
    if isinstance(answer.value, Created):
        return answer.value.images
    outcomes = decode(CreateSummary, answer).images
    return tuple(
        Posted(each.status, each.source_url, StoredId(each.image.id) if each.image else None)
        for each in outcomes
    )
