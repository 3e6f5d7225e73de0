"""How to reach one resource, as one frozen value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

TokenSource = Callable[[], Awaitable[str]]

API_VERSIONS = ("v2.0", "v2.1", "v2.2", "v3.0", "v3.1", "v3.2", "v3.3", "v3.4-preview")
DEFAULT_API_VERSION = "v3.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Endpoint, credentials and how hard to push."""

    endpoint: str
    """Scheme and host of the resource, without ``/customvision``."""
    training_key: str = field(default="", repr=False)
    prediction_key: str | None = field(default=None, repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    """Gives a bearer token; used in the place of both keys."""
    api_version: str = DEFAULT_API_VERSION
    concurrency: int = 8
    """Requests in flight at most."""
    timeout: float = 120.0
    """Seconds for one attempt of one request."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", self.endpoint.rstrip("/"))
