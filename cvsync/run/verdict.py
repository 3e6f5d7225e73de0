"""What an error, or the status of one image, means for what was sent. The one table of this package."""

from __future__ import annotations

from enum import Enum

from cvsync import limits
from cvsync.errors import AuthError, NotFoundError, ServiceError, ThrottledError, TransportError


class Verdict(Enum):
    """What a failed request leaves behind."""

    UNDONE = "undone"  # it changed nothing, and the run cannot go on: key, project, rate, connection
    REFUSED = "refused"  # it changed nothing, because of something in it
    BROKEN = "broken"  # the service failed on it: because of something in it, or for a while
    DOUBTFUL = "doubtful"  # nobody knows whether it was carried out


_ABOUT_EVERYTHING = frozenset({"404", "NotFound", "NotFoundProject"})


def verdict(error: ServiceError | TransportError) -> Verdict:
    """Judge a request that failed, after whatever the transport did about it."""
    if isinstance(error, TransportError):
        return Verdict.DOUBTFUL if error.sent else Verdict.UNDONE
    if isinstance(error, NotFoundError):
        # A gateway's 404, or the project's, is about everything; another is about something in the request.
        return Verdict.UNDONE if error.code in _ABOUT_EVERYTHING else Verdict.REFUSED
    if isinstance(error, AuthError | ThrottledError):
        return Verdict.UNDONE
    if error.status == 408 or error.status >= 500:
        return Verdict.BROKEN
    return Verdict.REFUSED if error.status in (400, 413) else Verdict.UNDONE


class Fate(Enum):
    """What becomes of one image of a batch."""

    STORED = "stored"  # the project has it
    AGAIN = "again"  # it may work later
    BYTES = "bytes"  # the service cannot download it; cvsync may
    REFUSED = "refused"  # it will never work
    FULL = "full"  # neither will any other: the project is full


_FATES = {
    "OK": Fate.STORED,
    "OKDuplicate": Fate.STORED,
    "ErrorSource": Fate.BYTES,
    "ErrorStorage": Fate.AGAIN,
    "ErrorUnknown": Fate.AGAIN,  # before v3.4 also a tag of another project
    "ErrorLimitExceed": Fate.FULL,
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


def fate(status: str) -> Fate:
    """Judge the status of one image; one that is not known is a refusal."""
    return _FATES.get(status, Fate.REFUSED)


def words(status: str) -> str:
    """Say what a status means."""
    return _WORDS.get(status, "refused by the service")
