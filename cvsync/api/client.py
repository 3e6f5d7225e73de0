"""The service as Python sees it: one method an operation, named after it.

Transports stand around each other, the outermost first:

    retry     an attempt that failed in passing is made again; outside of pacing, since a new attempt has to
              wait its turn like any call, and since a call that backs off must hold no place in a lane
    pace      each attempt leaves when the resource will take it; it takes 429s back itself, so that they cost
              no attempt, and holds everything while the retry quota is used up
    aiohttp   one attempt

What retry and pace know of a resource (rates, windows, quota) is shared by all clients of the process that
call it with the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from cvsync.api.connections import Connections
from cvsync.api.download import Downloader
from cvsync.api.images import ImageCalls
from cvsync.api.iterations import IterationCalls
from cvsync.api.labels import LabelCalls
from cvsync.api.pace import PaceTransport
from cvsync.api.predictions import PredictionCalls
from cvsync.api.projects import ProjectCalls
from cvsync.api.rates import RateBook
from cvsync.api.reading import ReadCalls
from cvsync.api.resource import Resource, Terms, share_resource
from cvsync.api.retry import RetryPolicy, RetryTransport
from cvsync.api.suggestions import SuggestionCalls
from cvsync.api.transport import AiohttpTransport
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
    settings: Settings,
    *,
    policy: RetryPolicy | None = None,
    rates: RateBook | None = None,
    observer: Observer = ignore,
) -> AsyncIterator[tuple[Client, Downloader]]:
    """Open connections to a resource; give its client, and a downloader that never sees the key.

    Args:
        settings: Endpoint, keys, and how hard to push.
        policy: How long to try again.
        rates: What earlier runs learnt of the resource, and what others use now; None: nothing.
        observer: Is told of rates, throttling, retries and the circuit.
    """
    policy = policy or RetryPolicy()
    terms = Terms(
        calls=settings.concurrency, body_bytes=settings.body_bytes,
        tps=settings.tps, most_tps=settings.tps_max, max_outage=policy.max_outage,
    )  # fmt: skip
    loop = asyncio.get_running_loop()

    def share(credential: str, *, is_prediction: bool) -> AbstractContextManager[Resource]:
        endpoint = settings.endpoint_for(is_prediction=is_prediction)

        def make() -> Resource:
            memory = rates.of(endpoint, credential) if rates is not None else None
            return Resource(memory, clock=loop.time, later=loop.call_later)

        return share_resource(endpoint, credential, terms, observer, make)

    # Whoever signs in with tokens is one user of the resource, whatever the token of the hour is.
    training_key = settings.training_key if settings.token is None else ""
    prediction_key = (settings.prediction_key or "") if settings.token is None else ""
    async with Connections() as connections:
        with (
            share(training_key, is_prediction=False) as training,
            share(prediction_key, is_prediction=True) as prediction,
        ):
            bare = AiohttpTransport(settings, connections)
            transport = RetryTransport(
                PaceTransport(bare, training, prediction),
                lambda request: (prediction if request.is_prediction else training).circuit,
                bare=bare, policy=policy, observer=observer, clock=loop.time,
            )  # fmt: skip
            yield Client(transport, api_version=settings.api_version), Downloader(connections)
