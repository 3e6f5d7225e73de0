"""A command line whose project has a trained model, and what it says of pictures."""

from __future__ import annotations

from typing import Any

from make import make_png, write_csv
from schema import check_line
from terminal import BOX, Ran, Terminal

RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"


def train(terminal: Terminal, *, boxes: bool = False) -> str:
    """A project of 30 pictures with a trained iteration; its id."""
    for n in range(30):
        (terminal.pictures / f"{n}.png").write_bytes(make_png(n, (8, 6)))
    rows = [
        {"url": terminal.url(f"{n}.png"), "tag": ("fork", "Löffel")[n % 2]} | (BOX if boxes else {})
        for n in range(30)
    ]
    assert terminal.push(write_csv(terminal.folder / "m.csv", rows), "--train").code == 0
    path = f"customvision/v3.3/training/projects/{terminal.project()}/iterations"
    (iteration,) = terminal._ask(path)
    return str(iteration["id"])


def publish(terminal: Terminal, iteration: str, name: str) -> None:
    path = f"customvision/v3.3/training/projects/{terminal.project()}/iterations/{iteration}/publish"
    terminal._ask(f"{path}?publishName={name}&predictionId={RESOURCE}", "POST")


def events(ran: Ran, name: str) -> list[dict[str, Any]]:
    return [line for line in map(check_line, ran.out.splitlines()) if line["ev"] == name]


def predictions(ran: Ran) -> list[dict[str, Any]]:
    return events(ran, "prediction")


def calls(terminal: Terminal) -> dict[str, int]:
    """The predictions since the last `forget`, by operation."""
    kinds = ("Quick", "Classify", "Detect")
    return {name: count for name, count in terminal.calls().items() if name.startswith(kinds)}
