"""How every method of the client makes its call."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

import orjson

from cvsync.api.transport import Read, Request, Transport
from cvsync.api.versions import (
    check_version,
    is_at_least,
    prediction_base,
    require_operation,
    training_base,
)
from cvsync.api.wire import Answer
from cvsync.errors import UnsupportedError


class Caller:
    """Builds requests of one API version and hands them to a transport."""

    def __init__(self, transport: Transport, *, api_version: str) -> None:
        check_version(api_version)
        self._transport = transport
        self.api_version = api_version
        self._training_base, self._prediction_base = training_base(api_version), prediction_base(api_version)

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        content_type: str = "application/octet-stream",
        is_prediction: bool = False,
        most_bytes: int | None = None,
        read: Read = orjson.loads,
    ) -> Answer:
        """Make one call; parameters that are None are left out, lists are sent comma-separated.

        With ``most_bytes`` the answer is a file of at most that size; of any other, ``read`` makes a value.
        """
        require_operation(self.api_version, operation)
        base = self._prediction_base if is_prediction else self._training_base
        texts = tuple((n, _text(v)) for n, v in (params or {}).items() if v is not None)
        body = orjson.dumps(json) if json is not None else content
        kind = content_type if content is not None else "application/json"
        path = f"{base}/{path}"
        request = Request(operation, method, path, texts, body, kind, is_prediction, most_bytes, read)
        return Answer(operation, await self._transport.send(request))

    def _since(self, version: str, option: str, value: Any) -> Any:
        """Give an argument that only later versions take; refuse it, if it is set, in older ones."""
        if value is not None and not is_at_least(self.api_version, version):
            raise UnsupportedError(
                f"{option} needs --api-version {version} or later; this is {self.api_version}"
            )
        return value


def at_most(limit: int, values: Sized | None, what: str) -> None:
    """Refuse more of something than the service takes in one call, before any call."""
    if values is not None and len(values) > limit:
        raise UnsupportedError(f"one call takes at most {limit} {what}; these are {len(values)}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return ",".join(str(item) for item in value)
