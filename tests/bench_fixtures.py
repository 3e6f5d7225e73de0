"""Fixtures around a project to apply plans to, for tests/conftest.py to import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, Clock

from cvsync.api.connections import Connections
from cvsync.api.download import Downloader
from cvsync.api.transport import AiohttpTransport
from cvsync.emulator.settings import Quirks
from cvsync.model import ProjectType
from cvsync.run.ledger import Ledger
from cvsync.settings import Settings

StartBench = Callable[..., Awaitable[Bench]]
DOMAINS = {
    ProjectType.DETECTION: "da2e3a8a-40a5-4171-82f4-58522f70fbc1",
    ProjectType.MULTICLASS: "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31",
    ProjectType.MULTILABEL: "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31",
}


@pytest.fixture
async def start_bench(start_emulator: Any, tmp_path: Path) -> AsyncIterator[StartBench]:
    """Start an emulator with a project, and a ledger beside it."""
    async with AsyncExitStack() as stack:

        async def start(
            type_: ProjectType = ProjectType.DETECTION, api_version: str = "v3.3", **settings: Any
        ) -> Bench:
            quirks = Quirks(**settings.pop("quirks", {}))
            emulator = await start_emulator(quirks=quirks, **settings)
            reach = Settings(
                endpoint=emulator.url, training_key="local-training-key", api_version=api_version, timeout=5.0
            )
            connections = await stack.enter_async_context(Connections())
            clock = Clock()
            bench = Bench(
                emulator, AiohttpTransport(reach, connections), Downloader(connections), api_version, type_,
                tmp_path / "state", clock,
                Ledger.open(tmp_path / "state" / "ledger.sqlite", "here", clock=clock.now),
            )  # fmt: skip
            stack.callback(bench.ledger.close)
            kind = type_.value.capitalize() if type_ is not ProjectType.DETECTION else None
            project = await bench.client.create_project(
                "shelf", domain_id=DOMAINS[type_], classification_type=kind if api_version > "v2.0" else None
            )
            bench.project_id = project.id
            return bench

        yield start


@pytest.fixture
async def bench(start_bench: StartBench) -> Bench:
    """A detection project."""
    return await start_bench()
