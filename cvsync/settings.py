"""How to reach one resource, as one frozen value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cvsync.limits import MAX_BODY_BYTES

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
    prediction_endpoint: str | None = None
    """Of the resource that answers predictions; None: ``endpoint``."""
    token: TokenSource | None = field(default=None, repr=False)
    """Gives a bearer token; used in the place of both keys."""
    api_version: str = DEFAULT_API_VERSION
    concurrency: int = 16
    """Requests in flight at most; how many there are follows from the rate and the latency."""
    body_bytes: int = 4 * MAX_BODY_BYTES
    """Bytes of request bodies in flight at most."""
    tps: float | None = None
    """Calls a second, of each class that has a cap of its own; None: as many as the service takes."""
    tps_max: float | None = None
    """Calls a second at most, of what the service takes."""
    timeout: float = 120.0
    """Seconds for one attempt of the slowest requests, those that create images; the others get less."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", self.endpoint.rstrip("/"))

    def endpoint_for(self, *, is_prediction: bool) -> str:
        """Say where calls go to."""
        return (self.prediction_endpoint or self.endpoint if is_prediction else self.endpoint).rstrip("/")
