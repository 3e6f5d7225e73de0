"""The command in this process, against an emulator in a thread that really downloads."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from make import make_png, write_csv

from cvsync.cli.main import cli
from cvsync.emulator import EmulatorThread

BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
WRITES = ("Create", "Delete", "Update", "Train", "Export")


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class Terminal:
    emulator: EmulatorThread
    pictures: Path
    """Served under /files/."""
    folder: Path
    state: Path

    def run(self, *arguments: object, stdin: str | bytes | None = None) -> Ran:
        environment = {
            "CVSYNC_ENDPOINT": self.emulator.url,
            "CVSYNC_TRAINING_KEY": "local-training-key",
            "CVSYNC_STATE_DIR": str(self.state),
            "CVSYNC_PROJECT": "shelf",
        }
        words = [*map(str, arguments)]
        result = CliRunner().invoke(cli, words, input=stdin, env=environment, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return Ran(result.return_value, result.stdout, result.stderr)

    def push(self, *arguments: object, **options: Any) -> Ran:
        return self.run("push", *arguments, "--create-project", **options)

    def url(self, name: str) -> str:
        return f"{self.emulator.url}/files/{name}"

    def rows(self, count: int) -> list[dict[str, Any]]:
        """A row for each of so many pictures, which are made if need be."""
        for n in range(count):
            if not (self.pictures / f"{n}.png").exists():
                (self.pictures / f"{n}.png").write_bytes(make_png(n))
        return [{"url": self.url(f"{n}.png"), "tag": ("fork", "spoon")[n % 2]} | BOX for n in range(count)]

    def manifest(self, rows: list[dict[str, Any]], name: str = "m.csv") -> Path:
        return write_csv(self.folder / name, rows)

    def ledger(self) -> dict[str, str]:
        """Key -> image id, as `cvsync ledger show` says it."""
        _, *lines = csv.reader(self.run("ledger", "show").out.splitlines())
        return dict(lines)

    def project(self) -> str:
        (project,) = self._ask("customvision/v3.3/training/projects")
        return str(project["id"])

    def images(self) -> list[dict[str, Any]]:
        path = f"customvision/v3.3/training/projects/{self.project()}/images?take=256"
        return list(self._ask(path))

    def labels(self) -> dict[str, list[str]]:
        """Image id -> its tags, one for each box."""
        return {i["id"]: sorted(r["tagName"] for r in i.get("regions") or ()) for i in self.images()}

    def writes(self) -> dict[str, int]:
        """The write calls since the last `forget`, by operation."""
        return {name: count for name, count in self.calls().items() if name.startswith(WRITES)}

    def calls(self) -> dict[str, int]:
        """The calls since the last `forget`, by operation."""
        counts = self._ask("_emulator/requests")["by_operation"]
        return {name: sum(by.values()) for name, by in counts.items()}

    def forget(self) -> None:
        self._ask("_emulator/reset", "POST")

    def order(self, **fault: Any) -> None:
        """Order one failure; without facts, none any more."""
        self._ask("_emulator/faults", "POST" if fault else "DELETE", [fault] if fault else None)

    def _ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.emulator.url}/{path}", None if body is None else json.dumps(body).encode(),
            {"Training-Key": "local-training-key", "Content-Type": "application/json"}, method=method,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


StartServed = Callable[..., EmulatorThread]
