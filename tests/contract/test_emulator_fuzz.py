"""Malformed requests: never a 500, never a hang, never damage."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from emulator_fixtures import Api

from cvsync.emulator.routes import PREDICTION_VERSIONS, ROUTES, TRAINING_VERSIONS

pytestmark = pytest.mark.usefixtures("quick_learner")
SEED = 20_261_124
REQUESTS = 10_000
NAMES = [
    "images", "tagIds", "regions", "tags", "url", "id", "name", "contents", "metadata", "imageId", "tagId",
    "left", "top", "width", "height", "settings", "domainId", "selectedTags", "threshold", "maxCount",
    "orderBy", "continuation", "session", "iterationId", "type", "description", "isDefault", "sortBy",
]  # fmt: skip
QUERY = [
    "take", "skip", "tagIds", "imageIds", "ids", "iterationId", "orderBy", "$filter", "taggingStatus", "name",
    "domainId", "classificationType", "threshold", "overlapThreshold", "platform", "flavor", "publishName",
    "predictionId", "token", "path", "regionIds", "trainingType", "reservedBudgetInHours", "allImages",
    "type",
]  # fmt: skip
ODD = [
    "", "0", "-1", "1e400", "null", "true", "x" * 300, "'", "%", "\u0000", "é✓", "../..", "NaN", "[]", "{}",
    "00000000-0000-0000-0000-000000000000", "metadata=a eq 'b", "9" * 40, "a,b,,c",
]  # fmt: skip


class Fuzzer:
    """Makes calls that are wrong in all manner of ways, the same for a seed."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self.chance = random.Random(seed)
        self.ids = ids

    def odd(self) -> str:
        return self.chance.choice(ODD + self.ids)

    def value(self, depth: int = 0) -> Any:
        kind = self.chance.randrange(7 if depth < 3 else 5)
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        if kind == 6:
            names = [self.chance.choice(NAMES) for _ in range(self.chance.randrange(5))]
            return {name: self.value(depth + 1) for name in names}
        return [None, self.chance.choice([True, False]), self.chance.uniform(-9, 9), self.odd(), 2**63][kind]

    def body(self) -> bytes | None:
        kind = self.chance.randrange(6)
        if kind == 0:
            return None
        if kind == 1:
            return self.chance.randbytes(self.chance.randrange(60))
        text = json.dumps(
            self.value() if kind == 2 else {n: self.value() for n in self.chance.sample(NAMES, 4)}
        )
        return (text[: self.chance.randrange(len(text) + 1)] if kind == 3 else text).encode()

    def call(self) -> tuple[str, str, str, dict[str, Any]]:
        """Method, kind, version and path, and the rest."""
        route = self.chance.choice(
            [r for r in ROUTES if r.operation not in ("DeleteProject", "TrainProject")]
        )
        parts = route.pattern.split("/")
        path = "/".join(
            (self.chance.choice([*self.ids, "x", "%00", "é"]) if p.startswith("{") else p) for p in parts
        )
        version = self.chance.choice([*(PREDICTION_VERSIONS if route.is_prediction else TRAINING_VERSIONS)])
        names = [self.chance.choice(QUERY) for _ in range(self.chance.randrange(4))]
        headers = {
            "Content-Type": self.chance.choice(
                ["application/json", "application/octet-stream", "multipart/form-data", "text/plain",
                 "multipart/form-data; boundary=x"]
            )
        }  # fmt: skip
        options = {"params": [(n, self.odd()) for n in names], "data": self.body(), "headers": headers}
        return route.method, "prediction" if route.is_prediction else "training", f"{version}|{path}", options


async def test_malformed_requests_do_no_harm(emulator_api: Api) -> None:
    api = emulator_api
    project = await api.project()
    tag = await api.tag(project, "keep")
    (image,) = await api.add(project, "https://x.test/keep", tags=(tag,))
    untouched = await api.project()
    kept = await api.tag(untouched, "kept")
    await api.add(untouched, "https://x.test/kept", tags=(kept,))
    fuzzer = Fuzzer(SEED, [project, tag, image["image"]["id"]])
    seen: set[int] = set()

    for _ in range(REQUESTS):
        method, kind, place, options = fuzzer.call()
        version, _, path = place.partition("|")
        answer = await api.at(version).call(method, path, kind=kind, **options)
        seen.add(answer.status)
        assert answer.status < 500 or answer.status == 501, (method, place, options, answer)

    assert {200, 400, 404} <= seen
    assert (await api.get(f"projects/{untouched}/images/tagged/count")).value == 1
    assert [t["name"] for t in (await api.get(f"projects/{untouched}/tags")).value] == ["kept"]
