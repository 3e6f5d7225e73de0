from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from make import make_png
from pairs import Pair
from shelf import Shelf
from terminal import StartServed, Terminal

from cvsync.api.client import Client, open_client
from cvsync.cli import process
from cvsync.emulator.process import EmulatorProcess

StartShelf = Callable[..., Awaitable[Shelf]]


@pytest.fixture
def start_shelf(start_emulator: Any, tmp_path: Path) -> StartShelf:
    """Start an emulator that downloads what is in a folder."""

    async def start(folder: Path | None = None, api_version: str = "v3.3", **settings: Any) -> Shelf:
        files = folder or tmp_path / "pictures"
        files.mkdir(exist_ok=True)
        emulator = await start_emulator(fetch=True, files=files, **settings)
        return Shelf(emulator, files, tmp_path / "state", api_version)

    return start


@pytest.fixture
async def shelf(start_shelf: StartShelf) -> Shelf:
    """An empty project's home with ten pictures to push, 0.png to 9.png."""
    made = await start_shelf()
    for n in range(10):
        (made.folder / f"{n}.png").write_bytes(make_png(n))
    return made


@pytest.fixture
async def pair(start_shelf: StartShelf, tmp_path: Path) -> Pair:
    """An empty resource of v2.2 and one of v3.3."""
    source = await start_shelf(tmp_path / "pictures", "v2.2")
    copy = await start_shelf(tmp_path / "others", "v3.3")
    return Pair(source, replace(copy, state=tmp_path / "state-copy"))


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[Client]:
    """Of the resource that a pair copies from."""
    async with open_client(pair.source.settings) as (client, _):
        yield client


@pytest.fixture(autouse=True)
def _leave_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands arrange nothing: this process goes on after them."""
    monkeypatch.setattr(process, "arrange", lambda: None)


@pytest.fixture
def terminal(start_served: StartServed, tmp_path: Path) -> Terminal:
    """A command line with no project yet."""
    (tmp_path / "pictures").mkdir()
    emulator = start_served(fetch=True, files=tmp_path / "pictures")
    return Terminal(emulator, tmp_path / "pictures", tmp_path, tmp_path / "state")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The command, with a service of its own if it is told so."""
    return Desk(tmp_path)


@pytest.fixture
def served(desk: Desk) -> Iterator[Desk]:
    """The command, and an emulator that downloads nothing."""
    with EmulatorProcess(desk.folder / "emulator", fetch=False) as emulator:
        desk.emulator = emulator
        yield desk
