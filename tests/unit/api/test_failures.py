from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cvsync.api.failures import TABLE, Failure, Source, classify, classify_image, classify_metadata
from cvsync.errors import (
    AuthError,
    CvsyncError,
    ServiceError,
    SettingsError,
    ThrottledError,
    TransportError,
    UnsupportedError,
)

SPECIFICATION = Path(__file__).parents[4] / "shared" / "api" / "training-v3.4-preview.json"
WIRE = {
    Source.CODE: ("CustomVisionError", "code"),
    Source.IMAGE: ("ImageCreateResult", "status"),
    Source.METADATA: ("ImageMetadataUpdateEntry", "status"),
}
GOOD = {"NoError", "OK", "OKDuplicate"}


def answered(status: int, code: str = "", message: str = "") -> ServiceError:
    return ServiceError("X", status, code or str(status), message)


def say(source: Source, name: Any) -> Failure | None:
    """What the table's users hear of a row."""
    if source is Source.STATUS:
        return classify(answered(name))
    if source is Source.CODE:
        return classify(answered(400, name))
    if source is Source.IMAGE:
        return classify_image(name)
    if source is Source.METADATA:
        return classify_metadata(name)
    raise AssertionError(source)


def rows() -> Iterator[Any]:
    for (source, name), failure in TABLE.items():
        if source is not Source.EXCEPTION:
            yield pytest.param(source, name, failure, id=f"{source.name}-{name}")


@pytest.mark.parametrize(("source", "name", "failure"), [*rows()])
def test_row_says_what_it_stands_for(source: Source, name: Any, failure: Failure) -> None:
    assert say(source, name) is failure


@pytest.mark.parametrize("source", WIRE, ids=lambda s: s.name)
def test_table_is_whole(source: Source) -> None:
    if not SPECIFICATION.exists():
        pytest.skip("needs ../shared/api, which is not beside this folder")
    definition, field = WIRE[source]
    names = json.loads(SPECIFICATION.read_text())["definitions"][definition]["properties"][field]["enum"]

    assert names
    assert [n for n in names if n not in GOOD and (source, n) not in TABLE] == []


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (answered(401), Failure.FATAL),
        (AuthError("X", 403, "403", ""), Failure.FATAL),
        (answered(404, "404", "Resource not found"), Failure.FATAL),
        (answered(404, "NotFoundProject"), Failure.FATAL),
        (answered(404, "NotFoundTag"), Failure.WHOLE_BATCH),
        (
            answered(403, "403", "Out of call volume quota. Quota will be replenished in 20 days."),
            Failure.FATAL,
        ),
        (answered(400, "BadRequest", "The quota of images is used up"), Failure.FATAL),
        (ThrottledError("X", 429, "429", "exceeded call rate limit"), Failure.THROTTLE),
        (ThrottledError("X", 429, "429", "quota exceeded, retry after 1 second"), Failure.THROTTLE),
        (answered(408), Failure.TRANSIENT),
        (answered(500, "ErrorUnknown"), Failure.TRANSIENT),
        (answered(500, "ErrorExporterInvalidPlatform"), Failure.WHOLE_BATCH),
        (answered(502), Failure.TRANSIENT),
        (answered(503), Failure.TRANSIENT),
        (answered(504), Failure.AMBIGUOUS),
        (answered(504, "ErrorServerTimeOut"), Failure.AMBIGUOUS),
        (answered(400, "BadRequestImageUrl"), Failure.WHOLE_BATCH),
        (answered(413), Failure.WHOLE_BATCH),
        (answered(302), Failure.FATAL),
        (answered(418, "BadRequestNewlyInvented"), Failure.WHOLE_BATCH),
        (answered(599), Failure.TRANSIENT),
        (TransportError("X", "refused", sent=False), Failure.TRANSIENT),
        (TransportError("X", "reset", sent=True), Failure.AMBIGUOUS),
        (SettingsError("no key"), Failure.FATAL),
        (UnsupportedError("not in v2.0"), Failure.FATAL),
        (CvsyncError("anything else"), Failure.FATAL),
    ],
)
def test_failure_of_a_call_is_classified(error: CvsyncError, failure: Failure) -> None:
    assert classify(error) is failure


@pytest.mark.parametrize("status", ["OK", "OKDuplicate"])
def test_stored_image_is_no_failure(status: str) -> None:
    assert classify_image(status) is None


def test_status_that_no_specification_lists_refuses_the_image() -> None:
    assert classify_image("ErrorOfNextYear") is Failure.ITEM_PERMANENT
    assert classify_metadata("ErrorOfNextYear") is Failure.ITEM_PERMANENT
    assert classify_metadata("OK") is None


def test_same_word_may_mean_different_things_of_an_image_and_of_its_metadata() -> None:
    assert classify_image("ErrorLimitExceed") is Failure.FATAL
    assert classify_metadata("ErrorLimitExceed") is Failure.ITEM_PERMANENT
