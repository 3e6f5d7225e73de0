"""The Transport protocol, the aiohttp one, and the only place where HTTP turns into cvsync's errors."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import orjson

from cvsync.api.connections import Connections, host_of
from cvsync.errors import (
    AuthError,
    MissingKeyError,
    NotFoundError,
    ServiceError,
    SettingsError,
    ThrottledError,
    TooLargeError,
    TransportError,
)
from cvsync.lean import lean_dataclass
from cvsync.settings import Settings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

Read = Callable[[bytes], Any]
"""Makes a value of an answer's content; raises ``orjson.JSONDecodeError`` if that is no JSON."""


@lean_dataclass(frozen=True, slots=True)
class Request:
    """One call of an operation."""

    operation: str
    """The specification's operationId."""
    method: str
    path: str
    """From the endpoint on, as ``/customvision/v3.3/training/projects``."""
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    is_prediction: bool = False
    most_bytes: int | None = None
    """Set if the answer is a file, not JSON: its size at most."""
    read: Read = field(default=orjson.loads, repr=False)


class Transport(Protocol):
    """Whatever carries a request to the service and brings back what its answer holds."""

    async def send(self, request: Request) -> Any:
        """Give what the request's ``read`` makes of the answer; None for an empty answer.

        Raises:
            ServiceError: The service said no.
            TransportError: No answer, or none that can be read.
        """
        ...


class AiohttpTransport:
    """One attempt of one request over HTTP; redirects are never followed, as they would carry the key on."""

    def __init__(self, settings: Settings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections

    async def send(self, request: Request) -> Any:
        """Send once."""
        endpoint = self._settings.endpoint_for(is_prediction=request.is_prediction)
        headers = {**await self._credentials(request), "Content-Type": request.content_type}
        try:
            response = await self._connections.session.request(
                request.method,
                endpoint + request.path,
                params=request.params,
                data=_payload(request.body),
                headers=headers,
                allow_redirects=False,
                timeout=timeout_of(request, self._settings.timeout),
            )
            content = await _content(request, response)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError) as error:
            raise SettingsError(f"the endpoint {endpoint!r} is no URL") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise transport_error(request.operation, error) from error
        if not 200 <= response.status < 300:
            raise service_error(request.operation, response.status, response.headers, content)
        return _value(request, content) if request.most_bytes is None else content

    async def _credentials(self, request: Request) -> dict[str, str]:
        if self._settings.token is not None:
            _refuse_regional(self._settings.endpoint_for(is_prediction=request.is_prediction))
            return {"Authorization": f"Bearer {_sendable('token', await self._settings.token())}"}
        if not request.is_prediction:
            if not self._settings.training_key:
                raise MissingKeyError("a training key is needed: set CVSYNC_TRAINING_KEY")
            return {"Training-Key": _sendable("training key", self._settings.training_key)}
        if not self._settings.prediction_key:
            raise SettingsError("a prediction key is needed: set CVSYNC_PREDICTION_KEY")
        return {"Prediction-Key": _sendable("prediction key", self._settings.prediction_key)}


def _sendable(what: str, credential: str) -> str:
    """Refuse what no header can hold; a line break comes along easily from a file."""
    if not credential.isprintable():
        raise SettingsError(f"the {what} has a line break or another control character in it")
    return credential


_REGIONAL = ".api.cognitive.microsoft.com"


def _refuse_regional(endpoint: str) -> None:
    """Keep tokens from endpoints that take none. docs: only those with a custom subdomain do."""
    if host_of(endpoint).endswith(_REGIONAL):
        raise SettingsError(
            f"{endpoint} is an endpoint of a whole region, which takes a key and no token; tokens need the"
            " resource's own, as https://<name>.cognitiveservices.azure.com"
        )


class _Pieces(aiohttp.Payload):
    """A large body that is written piece by piece, between other work; aiohttp's own makes a copy first."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        left = memoryview(self._value)
        while left:
            await writer.write(left[:_LARGE_BODY_BYTES])
            left = left[_LARGE_BODY_BYTES:]
            await asyncio.sleep(0)


def _payload(body: bytes | None) -> bytes | _Pieces:
    if body is None:
        return b""
    return _Pieces(body) if len(body) > _LARGE_BODY_BYTES else body


async def _content(request: Request, response: aiohttp.ClientResponse) -> bytes:
    """Read an answer whole; a file only as far as it may go."""
    if request.most_bytes is None:
        return await response.read()  # which lets go of the connection, however it ends
    content = bytearray()
    async with response:
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > request.most_bytes:
                raise TooLargeError(request.operation, request.most_bytes)
    return bytes(content)


_LARGE_BODY_BYTES = 1 << 18
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0  # pages and single things; a count is a page without its content
WRITE_SECONDS = 60.0  # what changes something, but takes no image in


def timeout_of(request: Request, longest: float) -> aiohttp.ClientTimeout:
    """Give the time that one attempt of a request has."""
    if request.operation.startswith("CreateImagesFrom") or request.most_bytes is not None:
        seconds = longest  # the service downloads up to 64 images meanwhile, or a file comes back
    elif request.operation.endswith("Count"):
        seconds = READ_SECONDS / 2
    else:
        seconds = READ_SECONDS if request.method == "GET" else WRITE_SECONDS
    return _timeout(min(longest, seconds))


@cache
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)


def transport_error(operation: str, error: Exception) -> TransportError:
    """Say what became of a request without an answer."""
    connecting = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    return TransportError(operation, _words_of(error), sent=not isinstance(error, connecting))


def _words_of(error: Exception) -> str:
    """Say what happened, without what aiohttp adds: URLs with their signatures, and bytes of the answer."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | UnicodeError):
        return "no URL to connect to"
    if isinstance(error, aiohttp.ClientResponseError):
        said = error.message.partition(":")[0]
    else:
        said = _QUERY.sub("", str(error))
    return " ".join(said.split()) or type(error).__name__


_QUERY = re.compile(r"\?\S*")


def _value(request: Request, content: bytes) -> Any:
    if not content:
        return None
    try:
        return request.read(content)
    except orjson.JSONDecodeError as error:
        raise TransportError(
            request.operation, "the answer is no JSON: a gateway or a cut line", sent=True
        ) from error


_ERRORS: dict[int, type[ServiceError]] = {
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    429: ThrottledError,
}


def service_error(operation: str, status: int, headers: Mapping[str, str], content: bytes) -> ServiceError:
    """Read an error answer of the service, or of a gateway before it, in any of its recorded forms."""
    code, message = _code_and_message(content)
    kind = _ERRORS.get(status, ServiceError)
    return kind(
        operation, status, code or str(status), message, retry_after=_retry_after(headers.get("Retry-After"))
    )


def _code_and_message(content: bytes) -> tuple[str, str]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return "", ""  # a gateway's HTML says nothing that the status does not
    if not isinstance(body, dict):
        return "", ""
    fields = {name.lower(): value for name, value in body.items()}
    if isinstance(fields.get("error"), dict):
        fields = {name.lower(): value for name, value in fields["error"].items()}
    code = fields.get("code", fields.get("statuscode", ""))
    return str(code or ""), _LINK.sub(r"\1", str(fields.get("message") or ""))


_LINK = re.compile(r"(\w+://[^\s?]*)\?[^\s\"']*")  # what was sent may be quoted, and with it a signature


def _retry_after(text: str | None) -> float | None:
    """Read seconds or an HTTP date."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # it said -0000: UTC, as any date of HTTP
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
