"""Images that the service fails to give their metadata."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from bench import Bench, placed
from plans import create

from cvsync.api.transport import Request, Transport
from cvsync.plan.actions import Action, Kind

NAMES = ["a", "b", "c"]


@dataclass
class Failing:
    """A Transport that tells a failure of some images, so many times each, whose metadata is set."""

    inner: Transport
    status: str
    times: dict[str, int]
    sizes: list[int] = field(default_factory=list)

    async def send(self, request: Request) -> Any:
        answer = await self.inner.send(request)
        if request.operation != "UpdateImageMetadata":
            return answer
        self.sizes.append(len(answer["images"]))
        for entry in answer["images"]:
            if self.times.get(entry["imageId"], 0):
                self.times[entry["imageId"]] -= 1
                entry["status"] = self.status
        return answer


@pytest.mark.parametrize(
    ("status", "times", "sizes", "counts"),
    [
        ("ErrorUnknown", 1, [3, 1], {"metadata_set": 3}),
        ("ErrorUnknown", 9, [3, 1, 1], {"metadata_set": 2, "refused": 1}),
        ("ErrorLimitExceed", 1, [3], {"metadata_set": 2, "refused": 1}),
    ],
)
async def test_metadata_is_set_again_where_the_service_failed_by_itself(
    bench: Bench, status: str, times: int, sizes: list[int], counts: dict[str, int]
) -> None:
    ids = await placed(bench, *(create(name) for name in NAMES), tags=[])
    bench.transport = failing = Failing(bench.transport, status, {ids["b"]: times})
    shelf = (("shelf", "1"),)
    plan = bench.plan(*(Action(Kind.SET_METADATA, n, image_id=ids[n], metadata=shelf) for n in NAMES))

    before = bench.ledger.totals("run")
    outcomes = await bench.apply(plan)

    assert failing.sizes == sizes
    assert bench.clock.slept == [1.0, 2.0][: len(sizes) - 1]
    assert outcomes.counts - before == Counter(counts)
    assert [(r.action.key, r.code) for r in outcomes.refusals] == [("b", status)] * counts.get("refused", 0)
    assert sum(told["items"] for told in bench.told("batch_done") if told["kind"] == "set metadata") == 3
