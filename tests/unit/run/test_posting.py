"""Images that go as bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import Bench
from make import make_png
from plans import box

from cvsync.plan.actions import Action, Kind
from cvsync.run import posting
from cvsync.run.content import read_bytes


def file_actions(folder: Path, groups: int, each: int) -> list[Action]:
    """New images of which those with the same metadata make a batch."""
    actions = []
    for n in range(groups * each):
        path = folder / f"{n}.png"
        path.write_bytes(make_png(n))
        metadata = (("group", str(n // each)),)
        actions.append(
            Action(Kind.CREATE_IMAGE, path.name, (box("fork"),), path=str(path), metadata=metadata)
        )
    return actions


async def test_bodies_are_made_one_after_the_other(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all are ready at the end of all reading, and until then the service has nothing to do."""
    read: list[str] = []

    def note(action: Action) -> bytes:
        read.append(dict(action.metadata)["group"])
        return read_bytes(action)

    monkeypatch.setattr(posting, "read_bytes", note)

    outcomes = await bench.apply(
        bench.plan(*file_actions(tmp_path, groups=3, each=8), tags=["fork"]), workers=3
    )

    assert read == sorted(read)
    assert outcomes.counts["images_created"] == 24
