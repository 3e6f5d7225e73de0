"""The rate controller against caps of every kind, in virtual time; the aims are DESIGN section 11's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from simulation import CAPS, Bucket, Client, Seen, Service, VirtualLoop, run, slots

from cvsync.api.rates import RateBook

LEAST_USE, MOST_THROTTLED = 0.95, 0.01
MINUTE = 60.0
KINDS = sorted(CAPS)
SHORT = {2: 20 * MINUTE, 10: 5 * MINUTE, 50: 2 * MINUTE}
STEPS = (10.0, 5.0, 20.0)
STEP_SECONDS = 400.0


async def fill(kind: str, cap: float, seconds: float, *, seed: int, retry_after: bool) -> Seen:
    service = Service(CAPS[kind](cap), seed=seed, retry_after=retry_after)
    client = Client(service, calls=slots(cap), seed=seed)
    await client.load(seconds)
    client.close()
    return client.seen


def check_fill(kind: str, cap: int, seconds: float, *, seed: int, retry_after: bool) -> None:
    seen = run(fill(kind, cap, seconds, seed=seed, retry_after=retry_after))

    assert seen.count(MINUTE, seconds) / (cap * (seconds - MINUTE)) >= LEAST_USE
    assert seen.share_throttled(MINUTE, seconds) < MOST_THROTTLED


@pytest.mark.parametrize("retry_after", [True, False], ids=["retry-after", "bare"])
@pytest.mark.parametrize("cap", SHORT)
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_cap_is_found_and_filled(kind: str, cap: int, *, retry_after: bool) -> None:
    check_fill(kind, cap, SHORT[cap], seed=1, retry_after=retry_after)


@pytest.mark.parametrize("retry_after", [True, False], ids=["retry-after", "bare"])
@pytest.mark.parametrize("kind", KINDS)
def test_published_cap_is_used_within_seconds(kind: str, *, retry_after: bool) -> None:
    seen = run(fill(kind, 10, MINUTE, seed=1, retry_after=retry_after))

    assert seen.count(0, 10) / (10 * 10) >= 0.8
    assert seen.count(0, MINUTE) / (10 * MINUTE) >= 0.9


@pytest.mark.parametrize(("cap", "first_seconds", "minute"), [(2, 12, 18), (10, 9, 16), (50, 35, 52)])
@pytest.mark.parametrize("kind", KINDS)
def test_cap_is_found_without_a_storm(kind: str, cap: int, first_seconds: int, minute: int) -> None:
    """There must be some: they are the only word on the cap. The most in five seconds and in sixty."""
    seen = run(fill(kind, cap, MINUTE, seed=1, retry_after=True))

    assert sum(at < 5 for at in seen.throttled) <= first_seconds
    assert len(seen.throttled) <= minute


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("retry_after", [True, False], ids=["retry-after", "bare"])
@pytest.mark.parametrize("cap", SHORT)
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_cap_is_filled_for_twenty_minutes(
    kind: str, cap: int, seed: int, *, retry_after: bool
) -> None:
    check_fill(kind, cap, 20 * MINUTE, seed=seed, retry_after=retry_after)


async def follow(kind: str, *, seed: int) -> Seen:
    service = Service(CAPS[kind](STEPS[0]), seed=seed)
    client = Client(service, calls=slots(max(STEPS)), seed=seed)
    loop = asyncio.get_running_loop()
    for number, cap in enumerate(STEPS):
        loop.call_later(number * STEP_SECONDS, setattr, service.cap, "cap", cap)
    await client.load(len(STEPS) * STEP_SECONDS)
    client.close()
    return client.seen


def check_steps(kind: str, *, seed: int) -> None:
    seen = run(follow(kind, seed=seed))

    end = len(STEPS) * STEP_SECONDS
    assert seen.count(0, end) / (sum(STEPS) * STEP_SECONDS) >= 0.85
    assert seen.share_throttled(0, end) < MOST_THROTTLED


@pytest.mark.parametrize("kind", KINDS)
def test_cap_that_moves_is_followed(kind: str) -> None:
    check_steps(kind, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("kind", KINDS)
def test_cap_that_moves_is_followed_whatever_chance_does(kind: str, seed: int) -> None:
    check_steps(kind, seed=seed)


async def share(
    kind: str, cap: float, seconds: float, late: float, paths: Sequence[Path], *, seed: int
) -> list[Seen]:
    """Two processes, each with its file of rates, or both with one; the second comes late."""
    service = Service(CAPS[kind](cap), seed=seed)
    clock = asyncio.get_running_loop().time
    books = [RateBook(path, prepare=lambda _: None, clock=clock) for path in paths]
    clients = [
        Client(service, calls=20, seed=10 * seed + n, memory=book.of("https://resource.test", "key"))
        for n, book in enumerate(books)
    ]

    async def load(client: Client, after: float) -> None:
        await asyncio.sleep(after)
        await client.load(seconds)

    await asyncio.gather(load(clients[0], 0), load(clients[1], late))
    for client, book in zip(clients, books, strict=True):
        client.close()
        book.close()
    return [client.seen for client in clients]


def check_share(kind: str, seconds: float, late: float, path: Path, *, seed: int) -> None:
    seen = run(share(kind, 10, seconds, late, [path, path], seed=seed))

    since = late + MINUTE
    counts = [s.count(since, seconds) for s in seen]
    throttled = sum(s.share_throttled(since, seconds) * n for s, n in zip(seen, counts, strict=True))
    assert 0.45 <= counts[0] / sum(counts) <= 0.55
    assert sum(counts) / (10 * (seconds - since)) >= LEAST_USE
    assert throttled / sum(counts) < MOST_THROTTLED


@pytest.mark.parametrize("late", [0, 2 * MINUTE])
@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_of_one_machine_share_a_cap(kind: str, late: float, tmp_path: Path) -> None:
    check_share(kind, 8 * MINUTE, late, tmp_path / "rates.sqlite", seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("late", [0, 2 * MINUTE])
@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_share_a_cap_for_twenty_minutes(kind: str, late: float, seed: int, tmp_path: Path) -> None:
    check_share(kind, 20 * MINUTE, late, tmp_path / "rates.sqlite", seed=seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "least_use"), [("bucket", 0.95), ("fixed", 0.95), ("sliding", 0.87)])
def test_machine_that_is_held_up_now_and_then_causes_no_more_429s(
    kind: str, least_use: float, seed: int
) -> None:
    """Up to half a second in ten, in which a window's calls are lost and a bucket fills for nothing."""

    async def fill_haltingly() -> Seen:
        loop, dice = asyncio.get_running_loop(), random.Random(seed)
        assert isinstance(loop, VirtualLoop)

        def hold_up() -> None:
            loop.hold_up(dice.uniform(0.1, 0.5))
            loop.call_later(dice.expovariate(0.1), hold_up)

        hold_up()
        client = Client(Service(CAPS[kind](10), seed=seed), calls=slots(10), seed=seed)
        await client.load(7 * MINUTE)
        client.close()
        return client.seen

    seen = run(fill_haltingly())

    assert seen.count(MINUTE, 7 * MINUTE) / (10 * 6 * MINUTE) >= least_use
    assert seen.share_throttled(MINUTE, 7 * MINUTE) < MOST_THROTTLED


def test_server_without_any_burst_is_called_as_fast_as_the_network_lets_be() -> None:
    """A bucket of one call refuses whatever comes early by a millisecond, so jitter alone costs a quarter."""

    async def fill_strict() -> Seen:
        client = Client(Service(Bucket(10, size=1), seed=1), calls=slots(10))
        await client.load(10 * MINUTE)
        client.close()
        return client.seen

    seen = run(fill_strict())

    assert seen.count(MINUTE, 10 * MINUTE) / (10 * 9 * MINUTE) >= 0.65
    assert seen.share_throttled(MINUTE, 10 * MINUTE) < MOST_THROTTLED


def test_remembered_rate_fills_the_cap_at_once(tmp_path: Path) -> None:
    async def twice() -> Seen:
        clock = asyncio.get_running_loop().time
        book = RateBook(tmp_path / "rates.sqlite", prepare=lambda _: None, clock=clock)
        memory = book.of("https://resource.test", "key")
        first = Client(Service(Bucket(10), seed=1), calls=20, memory=memory)
        await first.load(2 * MINUTE)
        first.close()
        begin = clock()
        second = Client(Service(Bucket(10), seed=2), calls=20, memory=memory)
        await second.load(begin + 2 * MINUTE)
        second.close()
        book.close()
        second.seen.admitted = [at - begin for at in second.seen.admitted]
        second.seen.throttled = [at - begin for at in second.seen.throttled]
        return second.seen

    seen = run(twice())

    assert seen.count(0, MINUTE) / (10 * MINUTE) >= LEAST_USE
    assert seen.share_throttled(0, MINUTE) < MOST_THROTTLED
