"""Many pictures, where not all goes well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from shelf import Shelf
from terminal import Terminal
from trained import calls, predictions, train

from cvsync.errors import ServiceError
from cvsync.flows.looking import FAILED_IN_A_ROW, Answer, look_at_all
from cvsync.flows.models import Model, Refusal
from cvsync.flows.pictures import Picture
from cvsync.predictions import ImagePrediction


class Mirror:
    """Says nothing of each picture, or fails on it."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.failing = {f"{n}.png" for n in failing}

    async def look(self, picture: Picture) -> ImagePrediction | Refusal:
        await asyncio.sleep(0.002)
        if picture.name in self.failing:
            return Refusal(
                "ErrorPrediction", "no", ServiceError("QuickTestImage", 500, "ErrorPrediction", "no")
            )
        return ImagePrediction("1")


async def look(shelf: Shelf, mirror: Mirror, count: int = 10, **options: Any) -> list[Answer]:
    found: list[Answer] = []
    pictures = [Picture(f"{n}.png", shelf.folder / f"{n}.png") for n in range(count)]
    async with shelf.service() as service:
        await look_at_all(service, cast(Model, mirror), pictures, found.append, **options)
    return found


async def test_how_far_it_is_is_told(shelf: Shelf) -> None:
    await look(shelf, Mirror([3]), status_every=0.001)

    told = [event.facts for event in shelf.events if event.name == "status"]
    done = [facts["done"] for facts in told]
    assert (done[0], done[-1], told[-1]["refused"], told[-1]["total"]) == (0, 10, 1, 10)
    assert done == sorted(done)


async def test_pictures_that_the_service_fails_on_do_not_end_it(shelf: Shelf) -> None:
    found = await look(shelf, Mirror([0, 1, 2, 3, 5, 6, 7, 8]))

    assert [n for n, answer in enumerate(found) if answer.refusal] == [0, 1, 2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize(("failing", "count"), [(range(3, 3 + FAILED_IN_A_ROW), 10), ((0,), 1), ((0, 1), 2)])
async def test_service_that_fails_on_picture_after_picture_ends_it(
    shelf: Shelf, failing: Sequence[int], count: int
) -> None:
    with pytest.raises(ServiceError):
        await look(shelf, Mirror(failing), count)


@pytest.mark.usefixtures("quick_learner")
def test_outage_is_an_outage_and_no_fault_of_the_pictures(terminal: Terminal) -> None:
    train(terminal)
    terminal.order(operation="QuickTestImage", kind="status", status=503)

    ran = terminal.run("test", terminal.pictures, "--max-outage", "0", "--json")

    assert ran.code == 5
    assert predictions(ran) == []


@pytest.mark.usefixtures("quick_learner")
def test_throttling_costs_no_picture(terminal: Terminal) -> None:
    train(terminal)
    terminal.order(operation="QuickTestImage", kind="status", status=429, count=3)

    ran = terminal.run("test", terminal.pictures, "--json", "--tps", "200")

    assert ran.code == 0
    assert len(predictions(ran)) == 30
    assert calls(terminal) == {"QuickTestImage": 33}


@pytest.mark.usefixtures("quick_learner")
def test_deadline_ends_it_without_figures(terminal: Terminal) -> None:
    train(terminal)

    ran = terminal.run("evaluate", terminal.folder / "m.csv", "--deadline", "0")

    assert ran.code == 5
    assert ran.out == ""
