"""What the service answers when it refuses, in its own form and in its gateway's."""

from __future__ import annotations

from typing import Any


class ServiceFault(Exception):  # noqa: N818 - the service's answer, not our error
    """A refusal by the service itself: `{"code", "message"}`."""

    def __init__(self, code: str, message: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or status_of(code)

    def body(self, version: tuple[int, int]) -> dict[str, Any]:
        # issue: v2.x clients met both spellings; recorded: v1.x answers PascalCase.
        if version < (2, 2):
            return {"Code": self.code, "Message": self.message}
        return {"code": self.code, "message": self.message}


class GatewayFault(Exception):  # noqa: N818
    """A refusal by the gateway before the service, in one of the forms that it was met in."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after = retry_after

    def body(self, form: str = "error") -> dict[str, Any]:
        # issue: all three were met; the last is the service's own.
        if form == "statusCode":
            return {"statusCode": self.status, "message": self.message}
        if form == "code":
            return {"code": str(self.status), "message": self.message}
        return {"error": {"code": str(self.status), "message": self.message}}


class NotModelled(GatewayFault):
    """Something that the real service does and this one does not."""

    def __init__(self, reason: str) -> None:
        super().__init__(501, f"The cvsync emulator does not model this: {reason}")


def status_of(code: str) -> int:
    """The HTTP status of an error code. inferred: from the prefixes of the published codes."""
    if code == "UnsupportedMediaType":
        return 415
    for prefix, status in _STATUS_BY_PREFIX.items():
        if code.startswith(prefix):
            return status
    return 400


_STATUS_BY_PREFIX = {"BadRequest": 400, "Forbidden": 403, "NotFound": 404, "Conflict": 409, "Error": 500}
