"""What an answer means for a request, and for an image."""

from __future__ import annotations

from typing import Any

import pytest

from cvsync.errors import ServiceError, TransportError
from cvsync.run.verdict import Fate, Verdict, fate, verdict


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (TransportError("x", "reset", sent=True), Verdict.DOUBTFUL),
        (TransportError("x", "refused", sent=False), Verdict.UNDONE),
        *((ServiceError("x", s, "y", ""), Verdict.REFUSED) for s in (400, 409, 413)),
        *((ServiceError("x", s, "y", ""), Verdict.BROKEN) for s in (408, 500, 502, 503)),
        (ServiceError("x", 504, "y", ""), Verdict.DOUBTFUL),
        (ServiceError("x", 401, "y", ""), Verdict.UNDONE),
        (ServiceError("x", 404, "NotFoundProject", ""), Verdict.UNDONE),
        (ServiceError("x", 404, "NotFoundImage", ""), Verdict.REFUSED),
        (ServiceError("x", 400, "BadRequestExceededQuota", ""), Verdict.UNDONE),
    ],
)
def test_every_error_has_a_verdict(error: Any, wanted: Verdict) -> None:
    assert verdict(error) is wanted


def test_every_status_of_an_image_has_a_fate() -> None:
    assert {status: fate(status) for status in ("OK", "OKDuplicate", "ErrorSource", "ErrorStorage")} == {
        "OK": Fate.STORED, "OKDuplicate": Fate.STORED, "ErrorSource": Fate.BYTES, "ErrorStorage": Fate.AGAIN,
    }  # fmt: skip
    assert fate("ErrorLimitExceed") is Fate.FULL
    assert fate("ErrorUnknown") is Fate.AGAIN
    assert fate("ErrorOfTomorrow") is Fate.REFUSED
