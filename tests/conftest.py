"""Fixtures of every test, named after the thing they give."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from bench_fixtures import bench, start_bench
from emulator_fixtures import (
    answers_as_published,
    emulator,
    emulator_api,
    emulator_session,
    make_picture,
    quick_learner,
    served,
    start_api,
    start_emulator,
    start_served,
)
from hypothesis import settings
from schema import check_event

from cvsync.events import Event

# The work of a property is counted in examples; how long one takes depends on what else the machine does.
settings.register_profile("cvsync", deadline=None)
settings.load_profile("cvsync")

SHARED = Path(__file__).parents[2] / "shared"

__all__ = [
    "answers_as_published",
    "bench",
    "emulator",
    "emulator_api",
    "emulator_session",
    "make_picture",
    "quick_learner",
    "served",
    "start_api",
    "start_bench",
    "start_emulator",
    "start_served",
]


@pytest.fixture(autouse=True)
def _events_keep_to_the_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check every event of every run against the published schema, wherever it is told."""
    if request.path.name == "test_events.py":  # it makes wrong ones on purpose
        yield
        return
    made: list[Event] = []
    unwatched = Event.__init__

    def watched(self: Event, *args: Any, **kwargs: Any) -> None:
        unwatched(self, *args, **kwargs)
        made.append(self)

    Event.__init__ = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        Event.__init__ = unwatched  # type: ignore[method-assign]
    for name, facts in {(e.name, str(e.facts)): (e.name, e.facts) for e in made}.values():
        check_event(name, facts)


class _Response(aiohttp.ClientResponse):
    """aiohttp 3.14 asks for a `stream_writer`, which aioresponses 0.7.9 does not pass."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def answers() -> Iterator[aioresponses]:
    """Answers that the emulator does not give; add them with `response_class=answers.response`."""
    with aioresponses() as mocked:
        mocked.response = _Response
        yield mocked


@pytest.fixture(scope="session")
def cutlery() -> Path:
    """Real photographs with published boxes."""
    folder = SHARED / "data" / "cutlery"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/cutlery, which is not beside this folder")
    return folder


@pytest.fixture
def python() -> str:
    """The interpreter, for tests of whole processes."""
    return sys.executable


@pytest.fixture
def unread() -> Iterator[int]:
    """The end to write at of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)
