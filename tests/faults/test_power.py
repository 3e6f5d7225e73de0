"""Power cuts: the ledger's write-ahead log loses its end, at a frame's border or within a frame."""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from look import all_images
from make import write_csv

from cvsync import PushRequest, Settings, open_service, push
from cvsync.api.client import open_client
from cvsync.emulator import Emulator
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType
from cvsync.run.failpoints import arm
from cvsync.run.ledger import Ledger
from cvsync.run.settings import RunSettings
from faults.killing import boxed_rows, wanted

HEADER, FRAME = 32, 24 + 4096  # bytes of SQLite's log: its header, and a frame with one page
StartEmulator = Callable[..., Awaitable[Emulator]]
ROWS = boxed_rows(200)


class PowerCutError(BaseException):
    pass


@dataclass
class Scene:
    """A push that was under way when the power went: the ledger's files, and what the service had by then."""

    folder: Path
    start_emulator: StartEmulator
    log: bytes = b""

    async def push(self, emulator: Emulator, state: Path) -> Counter[str]:
        settings = Settings(endpoint=emulator.url, training_key="local-training-key", concurrency=2)
        request = PushRequest(
            manifests=(self.folder / "m.csv",), project="shelf",
            create=NewProject(type=ProjectType.DETECTION), run=RunSettings(grace=0.01, status_every=0),
        )  # fmt: skip
        async with open_service(settings, state=state, destination="here") as service:
            return (await push(service, request)).counts

    async def play(self, steps: int) -> None:
        """Push until the power goes, after so many steps of the ledger."""
        write_csv(self.folder / "m.csv", ROWS)
        emulator = await self.start_emulator(data=self.folder / "service")

        def cut() -> None:
            shutil.copytree(self.folder / "state", self.folder / "left")
            shutil.copytree(self.folder / "service", self.folder / "served")
            raise PowerCutError

        arm(f"any:{steps}", cut)
        try:
            with pytest.raises(BaseException) as caught:
                await self.push(emulator, self.folder / "state")
        finally:
            arm(None)
        assert "PowerCutError" in repr(caught.value)
        (log,) = (self.folder / "left").rglob("ledger.sqlite-wal")
        self.log = log.read_bytes()

    def places(self, *, frames: int | None = None, bytes_: int = 5) -> list[int]:
        """Where to cut: some or all frame borders, and some bytes."""
        dice = random.Random(3)
        borders = [*range(HEADER, len(self.log), FRAME), len(self.log)]
        some = dice.sample(borders, frames) if frames else borders
        return sorted({0, *some, *(dice.randrange(len(self.log)) for _ in range(bytes_))})

    async def resume(self, size: int) -> None:
        """Cut the log to a size and push again; nothing may be lost or doubled."""
        state, data = (self.folder / f"{name}-{size}" for name in ("state", "service"))
        shutil.copytree(self.folder / "left", state)
        shutil.copytree(self.folder / "served", data)
        (log,) = state.rglob("ledger.sqlite-wal")
        with log.open("r+b") as file:
            file.truncate(size)
        for index in state.rglob("ledger.sqlite-shm"):
            index.unlink()  # it is memory, and gone with the power
        emulator = await self.start_emulator(data=data)

        await self.push(emulator, state)

        settings = Settings(endpoint=emulator.url, training_key="local-training-key")
        async with open_client(settings) as (client, _):
            (project,) = await client.get_projects()
            images = await all_images(client, project.id)
        labels = Counter(frozenset((r.tag_name, round(r.left, 4)) for r in i.regions) for i in images)
        assert labels == Counter(frozenset(found) for found in wanted(ROWS).values()), size
        assert sum(len(image.regions) for image in images) == len(ROWS), size
        ledger = Ledger.open(next(state.rglob("ledger.sqlite")), f"here {project.id}")
        known = ledger.known()
        assert {*known.table.column("image_id").to_pylist()} == {image.id for image in images}, size
        assert (len(known), ledger.in_doubt()) == (200, 0), size
        ledger.close()


async def resume_all(scene: Scene, places: Iterable[int]) -> None:
    for size in places:
        await scene.resume(size)


@pytest.fixture
async def scene(tmp_path: Path, start_emulator: StartEmulator) -> Scene:
    return Scene(tmp_path, start_emulator)


async def test_log_cut_short_is_resumed(scene: Scene) -> None:
    await scene.play(steps=22)

    await resume_all(scene, scene.places(frames=6, bytes_=4))


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("steps", [12, 22, 27])
async def test_log_cut_anywhere_is_resumed(scene: Scene, steps: int) -> None:
    await scene.play(steps=steps)
    places = scene.places(bytes_=100)

    await resume_all(scene, places)

    sys.stdout.write(f"\n{len(places)} cuts of {len(scene.log)} bytes\n")
