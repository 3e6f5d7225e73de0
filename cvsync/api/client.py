"""The service as Python sees it: one method an operation, named after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cvsync.api.download import Downloader
from cvsync.api.images import ImageCalls
from cvsync.api.iterations import IterationCalls
from cvsync.api.labels import LabelCalls
from cvsync.api.predictions import PredictionCalls
from cvsync.api.projects import ProjectCalls
from cvsync.api.reading import ReadCalls
from cvsync.api.retry import RetryPolicy, RetryTransport
from cvsync.api.suggestions import SuggestionCalls
from cvsync.api.transport import AiohttpTransport, open_session
from cvsync.events import Observer, ignore
from cvsync.settings import Settings


class Client(
    ProjectCalls, ReadCalls, ImageCalls, LabelCalls, IterationCalls, PredictionCalls, SuggestionCalls
):
    """Every operation of one resource, in one API version.

    Each method makes one call and raises ``ServiceError`` or ``TransportError`` when it fails for good, and
    ``UnsupportedError`` before any call for what the version lacks.
    """


@asynccontextmanager
async def open_client(
    settings: Settings, *, policy: RetryPolicy | None = None, observer: Observer = ignore
) -> AsyncIterator[tuple[Client, Downloader]]:
    """Open connections to a resource; give its client, and a downloader that never sees the key."""
    async with open_session(settings) as session:
        transport = RetryTransport(AiohttpTransport(settings, session), policy, observer=observer)
        yield Client(transport, api_version=settings.api_version), Downloader(session)
