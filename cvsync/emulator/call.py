"""One request, read the way the service reads it; and the answer to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from cvsync.emulator.errors import NotModelled, ServiceFault
from cvsync.emulator.numbers import is_guid
from cvsync.emulator.quotas import NO_LIMIT
from cvsync.emulator.shapes import Shapes
from cvsync.emulator.site import Site
from cvsync.emulator.store import projects
from cvsync.emulator.store.projects import Project

if TYPE_CHECKING:
    import sqlite3

    from cvsync.emulator.faults import Fault
    from cvsync.emulator.routes import Route

_HOST = re.compile(r"[\w.:\[\]%-]+", re.ASCII)
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_OTHER_TYPES = ("application/xml", "text/xml", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Reply:
    """What a handler answers; one function writes it."""

    value: Any = None
    status: int = 200


NO_CONTENT = Reply(status=204)


class Call:
    """A request with its version, path parameters and query; names match whatever their case."""

    def __init__(
        self, request: web.Request, site: Site, route: Route, version: tuple[int, int], path: dict[str, str]
    ) -> None:
        self.request = request
        self.site = site
        self.route = route
        self.version = version
        self._path = path
        self._query: dict[str, list[str]] = {}
        for name, value in request.query.items():
            self._query.setdefault(name.lower(), []).append(value)
        self.partial: Fault | None = None
        """An injected fault that spoils some of a batch's entries."""
        self.shuffled: Fault | None = None

    @property
    def db(self) -> sqlite3.Connection:
        return self.site.store.db

    @property
    def shapes(self) -> Shapes:
        # A client may know the emulator by another name than it has itself, as containers do. Links are put
        # into answers as they stand, so a name with a quote in it is none.
        host = self.request.headers.get("Host", "")
        return Shapes(
            self.version,
            self.site.links,
            base=f"http://{host}" if _HOST.fullmatch(host) else None,
            relative=self.site.settings.relative_links,
        )

    def text_in_path(self, name: str) -> str:
        return self._path[name]

    def id_in_path(self, name: str) -> str:
        return guid(self._path[name])

    def project(self) -> Project:
        return projects.find(self.db, self.id_in_path("projectId"))

    def text(self, name: str) -> str | None:
        values = self._query.get(name.lower())
        return values[0] if values else None

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise ServiceFault("BadRequestRequiredParamIsNull", f"The parameter {name} is required")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = (self.text(name) or "").lower()
        if not value:
            return default
        if value not in (*_TRUE, *_FALSE):
            raise ServiceFault("BadRequest", f"{name} is true or false")
        return value in _TRUE

    def number(self, name: str, default: int, *, maximum: int = 2**31 - 1) -> int:
        value = self.text(name)
        if not value:
            return default
        # spec: minimum and maximum of `take` and `skip`; the service's own refusal is unknown.
        if not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) > maximum:
            raise ServiceFault("BadRequest", f"{name} is an integer from 0 to {maximum}")
        return int(value)

    def fraction(self, name: str) -> float | None:
        value = self.text(name)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise ServiceFault("BadRequest", f"{name} is a number from 0 to 1")
        return number

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.text(name)
        if not value:
            return default
        return one_of(value, choices, name)

    def id(self, name: str) -> str | None:
        value = self.text(name)
        return guid(value) if value else None

    def ids(self, name: str, *, at_most: int = NO_LIMIT) -> list[str]:
        """A list in the query: csv, as the spec has it, or repeated."""
        values = [part.strip() for text in self._query.get(name.lower(), []) for part in text.split(",")]
        found = list(dict.fromkeys(guid(value) for value in values if value))
        if len(found) > at_most:
            raise ServiceFault("BadRequestExceededBatchSize", f"{name} takes at most {at_most} ids")
        return found

    def required_ids(self, name: str, *, at_most: int) -> list[str]:
        found = self.ids(name, at_most=at_most)
        if not found:
            raise ServiceFault("BadRequestInvalidIds", f"{name} is required")
        return found

    async def json(self) -> dict[str, Any]:
        """The body as an object with lower-case names; most operations cannot do without. spec."""
        if not (await self.request.read()).strip():
            raise ServiceFault("BadRequestRequiredParamIsNull", "A body is required")
        return await self.optional_json()

    async def optional_json(self) -> dict[str, Any]:
        """The same, and {} if there is no body."""
        content = await self.request.read()
        if not content.strip():  # whatever its type: curl names a form's even for nothing at all
            return {}
        self._check_type()
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ServiceFault("BadRequest", f"The body is not JSON: {error}") from None
        return fields(body)

    def _check_type(self) -> None:
        kind = self.request.content_type if "Content-Type" in self.request.headers else ""
        if kind in _OTHER_TYPES:
            raise NotModelled(f"bodies of type {kind}; send JSON")
        known = ("", "application/json") if self.version >= (3, 0) else ("", "application/json", "text/json")
        if kind not in known:  # spec: v3 dropped text/json; issue: the message, whose code is `BadRequest`
            raise ServiceFault(
                "BadRequest",
                f"The request entity's media type '{kind}' is not supported for this resource.",
            )


def fields(value: object) -> dict[str, Any]:
    """An object of a body, its names lower-cased, as .NET binds them."""
    if not isinstance(value, dict):
        raise ServiceFault("BadRequest", "An object is expected here")
    return {name.lower(): item for name, item in value.items()}


def items(value: object, name: str) -> list[Any]:
    """A list of a body; null and absent are empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ServiceFault("BadRequest", f"{name} is a list")
    return value


def guid(value: object) -> str:
    """A GUID in the spelling of answers: lower case with dashes."""
    if isinstance(value, str):
        text = value.strip().lower().strip("{}")
        if len(text) == 32 and text.isalnum():
            text = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        if is_guid(text):
            return text
    raise ServiceFault("BadRequestInvalidIds", "An id is not a GUID")


def optional_text(value: object, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ServiceFault("BadRequest", f"{name} is a text")


def position(value: object, *, code: str = "BadRequest") -> int:
    """Read where a page begins, as the token of the page before says it."""
    text = optional_text(value, "continuation") or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ServiceFault(code, "Not a continuation of this service")
    return int(text)


def one_of(value: object, choices: Sequence[str], name: str, *, code: str = "BadRequest") -> str:
    for choice in choices:
        if isinstance(value, str) and value.casefold() == choice.casefold():
            return choice
    raise ServiceFault(code, f"{name} is one of {', '.join(choices)}")


def real(value: object, name: str, *, code: str = "BadRequest") -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise ServiceFault(code, f"{name} is a number")


def pairs(value: object) -> dict[str, str]:
    """Metadata of a body: text to text."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ServiceFault("BadRequestImageMetadataKey", "Metadata is an object of texts")
    for text in value.values():
        if not isinstance(text, str):
            raise ServiceFault("BadRequestImageMetadataValue", "A metadata value is a text")
    return value
