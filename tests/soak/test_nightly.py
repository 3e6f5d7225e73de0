"""The same job, night after night, with a little churn and faults now and then."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from make import write_csv

from cvsync import PushRequest, Settings, open_service, push
from cvsync.api.retry import RetryPolicy
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard
from cvsync.run.settings import RunSettings

NIGHTS, IMAGES = 500, 300
FAULTS = [
    {"operation": "CreateImagesFromUrls", "kind": "reset_after"},
    {"operation": "CreateImagesFromUrls", "kind": "status", "status": 500},
    {"operation": "DeleteImages", "kind": "truncate"},
    {"operation": "CreateImageRegions", "kind": "reset_after"},
    {"operation": "GetTaggedImages", "kind": "reset_before"},
]


def live_bytes(ledger: Path) -> int:
    """How large the ledger would be if it held nothing but its rows of now."""
    copy = ledger.with_name("copy.sqlite")
    db = sqlite3.connect(ledger)
    db.execute("VACUUM INTO ?", (str(copy),))
    db.close()
    size = copy.stat().st_size
    copy.unlink()
    return size


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_state_does_not_grow_and_nothing_leaks(start_emulator: Any, tmp_path: Path) -> None:
    emulator = await start_emulator()
    dice, next_image = random.Random(1), IMAGES
    shelf = dict.fromkeys(range(IMAGES), 0.1)
    settings = Settings(endpoint=emulator.url, training_key="local-training-key", tps=1000)
    sizes, handles = [], []
    for night in range(NIGHTS):
        for n in dice.sample(sorted(shelf), IMAGES // 100):
            del shelf[n]
            shelf[next_image] = 0.1
            next_image += 1
        shelf[dice.choice(sorted(shelf))] = dice.choice([0.1, 0.2, 0.3])
        box = {"top": 0.1, "width": 0.2, "height": 0.2}
        rows = [
            {"url": f"https://pictures.test/{n}", "tag": "fork", "left": left} | box
            for n, left in sorted(shelf.items())
        ]
        manifest = write_csv(tmp_path / "m.csv", rows)
        order = [dice.choice(FAULTS) | {"count": 1}] if dice.random() < 0.3 else []
        async with aiohttp.ClientSession() as session:
            await session.delete(f"{emulator.url}/_emulator/faults")
            await session.post(f"{emulator.url}/_emulator/faults", json=order)
        request = PushRequest(
            manifests=(manifest,), project="shelf", create=NewProject(type=ProjectType.DETECTION),
            prune=Prune.DELETE, guard=DeleteGuard(10),
            run=RunSettings(grace=0.01, retry_wait=0.01, backup=False),
        )  # fmt: skip
        policy = RetryPolicy(first_wait=0.001, longest_wait=0.001)
        async with open_service(settings, state=tmp_path / "state", policy=policy) as service:
            report = await push(service, request)
        assert report.is_complete, night
        (ledger,) = (tmp_path / "state").rglob("ledger.sqlite")
        sizes.append(ledger.stat().st_size)
        handles.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208

    assert sizes[-1] <= 2 * live_bytes(ledger)
    a_night = (sizes[-1] - sizes[NIGHTS // 2]) / (NIGHTS - NIGHTS // 2)
    assert a_night < 500  # the row that is kept of each run, with its totals
    assert max(handles[50:]) <= max(handles[10:50]) + 2
