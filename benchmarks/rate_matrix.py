"""The rate controller against caps of every kind, twenty minutes each in virtual time, as a table.

    make bench-rate-matrix
    python -m benchmarks.rate_matrix --seeds 5

Use of the cap and share of 429s after the first minute, median and worst of the seeds. The transports are the
client's own; the service is the tests' simulation: 0.6 s an answer (lognormal), 10 to 50 ms of network each
way, a 429 in 20 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "rates")]

from simulation import CAPS, Bucket, Client, Seen, Service, run, slots  # noqa: E402 - needs the path above
from test_outage import SECONDS as OUTAGE_SECONDS  # noqa: E402
from test_outage import survive  # noqa: E402
from test_rate_matrix import MINUTE, STEP_SECONDS, STEPS, fill, follow, share  # noqa: E402

SECONDS = 20 * MINUTE
Figures = tuple[float, float]
"""Use, and share of 429s."""


def row(name: str, figures: list[Figures]) -> None:
    uses, shares = zip(*figures, strict=True)
    use = f"use {statistics.median(uses):6.1%}, worst {min(uses):6.1%}"
    print(f"{name:42} {use};  429s {statistics.median(shares):.2%}, worst {max(shares):.2%}", flush=True)


def filled(kind: str, cap: float, seed: int, *, retry_after: bool) -> Figures:
    seen = run(fill(kind, cap, SECONDS, seed=seed, retry_after=retry_after))
    return seen.count(MINUTE, SECONDS) / (cap * (SECONDS - MINUTE)), seen.share_throttled(MINUTE, SECONDS)


def followed(kind: str, seed: int) -> Figures:
    seen, end = run(follow(kind, seed=seed)), len(STEPS) * STEP_SECONDS
    return seen.count(0, end) / (sum(STEPS) * STEP_SECONDS), seen.share_throttled(0, end)


def strict(cap: float, seed: int) -> Figures:
    async def fill_strict() -> Seen:
        client = Client(Service(Bucket(cap, size=1), seed=seed), calls=slots(cap), seed=seed)
        await client.load(SECONDS)
        client.close()
        return client.seen

    seen = run(fill_strict())
    return seen.count(MINUTE, SECONDS) / (cap * (SECONDS - MINUTE)), seen.share_throttled(MINUTE, SECONDS)


def shared(kind: str, late: float, seed: int, *, files: str) -> tuple[float, float]:
    """The first run's share of the calls, and the share of 429s; each run has one of the files."""
    with tempfile.TemporaryDirectory() as name:
        seen = run(share(kind, 10, SECONDS, late, [Path(name) / file for file in files], seed=seed))
    since = late + MINUTE
    counts = [s.count(since, SECONDS) for s in seen]
    refused = sum(since <= at for s in seen for at in s.throttled)
    return counts[0] / sum(counts), refused / (refused + sum(counts))


def row_of_shares(name: str, seeds: range, measure: Callable[[int], tuple[float, float]]) -> None:
    found = [measure(seed) for seed in seeds]
    first = ", ".join(f"{part:.0%}" for part, _ in found)
    print(f"{name:42} the first has {first};  429s worst {max(p for _, p in found):.2%}", flush=True)


async def outage(calls: int) -> tuple[int, float, int]:
    client, _ = await survive(calls=calls)
    failed = len(client.seen.failed)
    return failed, (client.answered + failed) / client.started, len(client.errors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(1, parser.parse_args().seeds + 1)
    for kind in CAPS:
        for cap in (2, 10, 50):
            for retry_after in (True, False):
                name = f"{kind} {cap}/s, {'Retry-After' if retry_after else 'bare 429'}"
                row(name, [filled(kind, cap, seed, retry_after=retry_after) for seed in seeds])
    for cap in (2, 10, 50):
        row(f"bucket without burst {cap}/s", [strict(cap, seed) for seed in seeds])
    for kind in CAPS:
        row(f"{kind} 10 -> 5 -> 20, whole run", [followed(kind, seed) for seed in seeds])
    for files, how in (("aa", ""), ("ab", ", strangers")):
        for kind in CAPS:
            for late in (0, 2 * MINUTE):
                name = f"two on {kind} 10/s, {late:.0f} s late{how}"
                row_of_shares(name, seeds, lambda seed, k=kind, w=late, f=files: shared(k, w, seed, files=f))
    for calls in (1, 8, 16, 64):
        failed, traffic, dropped = run(outage(calls))
        print(f"{OUTAGE_SECONDS:.0f} s of 503 in 900 s, {calls} at once: ", end="")
        print(f"{failed} calls into it, {traffic:.3f} x the traffic, {dropped} dropped", flush=True)


if __name__ == "__main__":
    main()
