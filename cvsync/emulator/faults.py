"""Failures on order.

A fault is `{"operation", "kind", …}`; these kinds and fields exist:

    status        status, retry_after, body   answered instead of working
    html          status                      an HTML page instead of working
    reset_before                              the connection is reset, nothing was done
    reset_after                               the work is done, then the connection is reset
    slow          seconds                     the work is done, the answer waits
    truncate                                  the work is done, half of the answer is sent
    partial       image_status, every         every n-th image of a batch fails
    shuffle                                   the results of a batch come in another order
    all           rate, seed, skip, count     `skip` and `count` count the operation's calls since the POST

A call that the key or the rate cap refuses has not reached the operation, and is not counted. `retry_after`
is a number of seconds, or a text that is sent as it is. `body` is JSON, or a text.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

_KINDS: dict[str, frozenset[str]] = {
    "status": frozenset({"status", "retry_after", "body"}),
    "html": frozenset({"status"}),
    "reset_before": frozenset(),
    "reset_after": frozenset(),
    "slow": frozenset({"seconds"}),
    "truncate": frozenset(),
    "partial": frozenset({"image_status", "every"}),
    "shuffle": frozenset(),
}
_COMMON = frozenset({"operation", "kind", "rate", "seed", "skip", "count"})
_BATCH_OPERATIONS = frozenset(
    {"CreateImagesFromUrls", "CreateImagesFromFiles", "CreateImagesFromData", "CreateImagesFromPredictions"}
)


class FaultError(ValueError):
    """An order that makes no sense; the message says what is wrong."""


@dataclass
class Fault:
    operation: str
    """An operationId of the specification."""
    kind: str
    rate: float = 1.0
    seed: int = 0
    skip: int = 0
    count: int | None = None
    """None: until the faults are cleared."""
    status: int = 0
    retry_after: float | str | None = None
    body: Any = None
    seconds: float = 1.0
    image_status: str = "ErrorUnknown"
    every: int = 1
    seen: int = 0
    """Calls of the operation since the order."""
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311
        self.status = self.status or (502 if self.kind == "html" else 500)

    def strikes(self) -> bool:
        """Count one call of the operation and say whether it is hit."""
        position, self.seen = self.seen, self.seen + 1
        end = float("inf") if self.count is None else self.skip + self.count
        return self.skip <= position < end and self.dice.random() < self.rate


class Faults:
    """The faults in force, in the order of their orders."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def order(self, orders: object, operations: Collection[str]) -> None:
        """Add faults; all of them or, if one makes no sense, none."""
        if not isinstance(orders, list):
            orders = [orders]
        self.ordered += [_read(order, operations) for order in orders]

    def clear(self) -> None:
        self.ordered.clear()

    def pick(self, operation: str) -> tuple[Fault | None, Fault | None]:
        """The fault for this call, the first that strikes; and a shuffle, which adds to any."""
        struck = [fault for fault in self.ordered if fault.operation == operation and fault.strikes()]
        main = next((fault for fault in struck if fault.kind != "shuffle"), None)
        return main, next((fault for fault in struck if fault.kind == "shuffle"), None)


def parse(spec: str) -> dict[str, Any]:
    """Read an order from a command line: `OPERATION:KIND[,FIELD=VALUE…]`, or the object as JSON."""
    if spec.lstrip().startswith("{"):
        try:
            order: dict[str, Any] = json.loads(spec)
        except json.JSONDecodeError as error:
            raise FaultError(f"{spec!r} is no JSON: {error}") from None
        return order
    head, *pairs = spec.split(",")
    operation, _, kind = head.partition(":")
    order = {"operation": operation.strip(), "kind": kind.strip()}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise FaultError(f"{pair!r} of {spec!r} is no FIELD=VALUE")
        try:
            order[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            order[name.strip()] = text
    return order


def _read(order: object, operations: Collection[str]) -> Fault:
    if not isinstance(order, dict):
        raise FaultError("a fault is an object")
    kind, operation = order.get("kind"), order.get("operation")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FaultError(f"unknown kind {kind!r}; one of {', '.join(_KINDS)}")
    if not isinstance(operation, str) or operation not in operations:
        raise FaultError(f"unknown operation {operation!r}")
    unknown = set(order) - _COMMON - _KINDS[kind]
    if unknown:
        raise FaultError(f"unknown field of {kind}: {', '.join(sorted(unknown))}")
    if kind in ("partial", "shuffle") and operation not in _BATCH_OPERATIONS:
        raise FaultError(f"{kind} is for the operations that create images")
    _check(order)
    return Fault(**order)


_CHECKS: dict[str, tuple[tuple[type, ...], float, float]] = {
    "rate": ((int, float), 0, 1), "seed": ((int,), -(2**63), 2**63), "skip": ((int,), 0, 2**63),
    "count": ((int,), 0, 2**63), "status": ((int,), 200, 599), "retry_after": ((int, float), 0, 86400),
    "seconds": ((int, float), 0, 86400), "every": ((int,), 1, 2**31),
}  # fmt: skip


def _check(order: dict[str, Any]) -> None:
    for name, (types, least, most) in _CHECKS.items():
        value = order.get(name)
        if name in order and value is None and name in ("count", "retry_after"):
            continue
        if name == "retry_after" and isinstance(value, str) and value.isprintable():
            continue
        if name in order and (
            isinstance(value, bool) or not isinstance(value, types) or not least <= value <= most  # type: ignore[operator]
        ):
            raise FaultError(f"{name} is a number from {least} to {most}")
    if not isinstance(order.get("image_status", ""), str):
        raise FaultError("image_status is a text")
