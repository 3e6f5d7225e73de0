"""Calls that make two of something when they are carried out twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cvsync.errors import ServiceError, TransportError
from cvsync.run.settings import ATTEMPTS, GRACE
from cvsync.run.verdict import Verdict, verdict

T = TypeVar("T")


async def once(
    call: Callable[[], Awaitable[T]],
    look: Callable[[], Awaitable[T | None]],
    *,
    grace: float = GRACE,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Make a call; where no answer comes, see what it did before it is made again.

    Args:
        call: Makes it.
        look: Gives what it would have made, if that is there.
        grace: Seconds that the service may still be at work on a call without an answer.
        attempts: How often the call is made at most.
        sleep: Waits.

    Raises:
        ServiceError, TransportError: The last attempt failed, or one that cannot have done anything.
    """
    for left in reversed(range(attempts)):
        try:
            return await call()
        except (ServiceError, TransportError) as error:
            if not left or verdict(error) not in (Verdict.DOUBTFUL, Verdict.BROKEN):
                raise
        await sleep(grace)
        found = await look()
        if found is not None:
            return found
    raise ValueError("at least one attempt")
