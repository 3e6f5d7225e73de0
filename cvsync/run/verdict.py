"""What an error, or the status of one image, leaves behind of what was sent; by the table of ``api``."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from cvsync import limits
from cvsync.api.failures import Failure, classify, classify_image
from cvsync.errors import ServiceError, TransportError


class Verdict(Enum):
    """What a failed request leaves behind."""

    UNDONE = "undone"  # it changed nothing, and the run cannot go on: key, project, rate, connection
    REFUSED = "refused"  # it changed nothing, because of something in it
    BROKEN = "broken"  # the service failed on it: because of something in it, or for a while
    DOUBTFUL = "doubtful"  # nobody knows whether it was carried out


_VERDICTS = {
    Failure.AMBIGUOUS: Verdict.DOUBTFUL,
    Failure.TRANSIENT: Verdict.BROKEN,
    Failure.WHOLE_BATCH: Verdict.REFUSED,
    Failure.ITEM_PERMANENT: Verdict.REFUSED,
    Failure.ITEM_TRANSIENT: Verdict.REFUSED,
    Failure.THROTTLE: Verdict.UNDONE,
    Failure.FATAL: Verdict.UNDONE,
}


def verdict(error: ServiceError | TransportError) -> Verdict:
    """Judge a request that failed, after whatever the transport did about it."""
    if isinstance(error, TransportError) and not error.sent:
        return Verdict.UNDONE
    return _VERDICTS[classify(error)]


class Fate(Enum):
    """What becomes of one image of a batch."""

    STORED = "stored"  # the project has it
    AGAIN = "again"  # it may work later
    BYTES = "bytes"  # the service cannot download it; cvsync may
    REFUSED = "refused"  # it will never work
    FULL = "full"  # neither will any other: the project is full


_FATES = {
    None: Fate.STORED,
    Failure.FATAL: Fate.FULL,
    Failure.ITEM_TRANSIENT: Fate.AGAIN,
}
_WORDS = {
    "ErrorSource": "the service could not download it",
    "ErrorImageFormat": "not a readable jpg, png, bmp or gif",
    "ErrorImageSize": f"over {limits.MAX_IMAGE_BYTES:,} bytes",
    "ErrorStorage": "the service could not store it",
    "ErrorLimitExceed": "the project holds as many images as it may",
    "ErrorTagLimitExceed": "too many tags on the image",
    "ErrorRegionLimitExceed": "too many boxes on the image",
    "ErrorUnknown": "the service does not say why",
    "ErrorNegativeAndRegularTagOnSameImage": "a negative tag stands alone",
    "ErrorImageDimensions": "a side is too long, or the picture too narrow",
    "ErrorInvalidTag": "a tag is not of this project",
    "ErrorInvalidRegion": "a box is outside the image",
}


@lru_cache(maxsize=256)
def fate(status: str) -> Fate:
    """Judge the status of one image; one that is not known is a refusal."""
    if status == "ErrorSource":
        return Fate.BYTES
    return _FATES.get(classify_image(status), Fate.REFUSED)


def words(status: str) -> str:
    """Say what a status means."""
    return _WORDS.get(status, "refused by the service")
