"""How much of a rate cap that nobody states `cvsync push` uses, in real time.

    make bench-rate                                 both kinds of cap at 10 calls a second, 6 minutes each
    python -m benchmarks.rate --kind bucket --tps 2

The emulator takes 0.6 s for a call (the median of a lognormal) and counts what it lets in and what it answers
with 429. The first minute is left out, since the cap has to be found. The same in virtual time, for more
kinds and caps: `python -m benchmarks.rate_matrix`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rate_push import OPERATION, start_push, write_manifest
from cvsync.emulator import EmulatorProcess

WARM_UP = 60.0
LEAST_USE, MOST_THROTTLED = 0.95, 0.01
LONGEST_START = 120.0


@dataclass(frozen=True)
class Use:
    """What the emulator saw after the first minute."""

    admitted: int
    throttled: int
    seconds: float
    tps: float

    @property
    def share_used(self) -> float:
        return self.admitted / (self.tps * self.seconds)

    @property
    def share_throttled(self) -> float:
        return self.throttled / max(1, self.throttled + self.admitted)

    @property
    def meets_the_goal(self) -> bool:
        return self.share_used >= LEAST_USE and self.share_throttled < MOST_THROTTLED

    def __str__(self) -> str:
        counts = f"{self.admitted} calls let in, {self.throttled} refused in {self.seconds:.0f} s"
        goal = "met" if self.meets_the_goal else "MISSED"
        return f"{self.share_used:.1%} of the cap, {self.share_throttled:.2%} 429s ({counts}); goal {goal}"


def seen(url: str) -> tuple[int, int]:
    """Give the calls that created images, and those that got a 429 instead, by the emulator's count."""
    with urllib.request.urlopen(f"{url}/_emulator/requests") as answer:
        counts: dict[str, int] = json.load(answer)["by_operation"].get(OPERATION, {})
    others = counts.keys() - {"200", "207", "429"}
    if others:
        raise SystemExit(f"the emulator answered {', '.join(sorted(others))} too; the figures mean nothing")
    return sum(counts.values()) - counts.get("429", 0), counts.get("429", 0)


def wait(push: subprocess.Popen[str], seconds: float) -> None:
    """Wait, but not for a push that has ended."""
    try:
        code = push.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    raise SystemExit(f"the push ended early, with exit code {code}")


def measure(url: str, push: subprocess.Popen[str], seconds: float, tps: float) -> Use:
    """Let the first minute pass, counted from the first call, then count."""
    end = time.monotonic() + LONGEST_START
    while not seen(url)[0]:
        if time.monotonic() > end:
            raise SystemExit("the push sent nothing")
        wait(push, 0.05)
    wait(push, WARM_UP)
    before, began = seen(url), time.monotonic()
    wait(push, seconds - WARM_UP)
    after, ended = seen(url), time.monotonic()
    return Use(after[0] - before[0], after[1] - before[1], ended - began, tps)


def count_reasons(lines: Iterable[str], reasons: Counter[str]) -> None:
    """Count why the rate of writes changed."""
    for line in lines:
        event = json.loads(line)
        if event["ev"] == "rate" and event["lane"] == "writes":
            reasons[event["reason"]] += 1


def run_cap(kind: str, arguments: argparse.Namespace) -> None:
    """Push against one kind of cap, and print what came of it."""
    seconds, tps = arguments.seconds, arguments.tps
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_manifest(folder, int((seconds + 30) * tps * 1.5))  # more than can be sent meanwhile
        with EmulatorProcess(
            folder / "emulator", tps=tps, tps_kind=kind, latency=arguments.latency, quota="none", fetch=False
        ) as emulator:
            push = start_push(emulator.url, folder, manifest, calls=arguments.calls)
            reasons: Counter[str] = Counter()
            reader = threading.Thread(target=count_reasons, args=(push.stdout, reasons))
            reader.start()
            try:
                use = measure(emulator.url, push, seconds, tps)
            finally:
                push.terminate()
                push.wait(60)
                reader.join()
    print(f"{kind} of {tps:g}/s: {use}", flush=True)
    changes = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    print(f"  changes of the rate in the whole run: {changes}; load of the machine {os.getloadavg()[1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tps", type=float, default=10.0, help="the cap")
    parser.add_argument("--kind", choices=["bucket", "window"], action="append", help="default: both")
    parser.add_argument("--latency", type=float, default=0.6, help="median seconds of an answer")
    parser.add_argument("--seconds", type=float, default=WARM_UP + 300, help="with the first minute")
    parser.add_argument("--calls", type=int, default=16, help="in flight at most")
    arguments = parser.parse_args()
    for kind in arguments.kind or ["bucket", "window"]:
        run_cap(kind, arguments)


if __name__ == "__main__":
    main()
