"""What tests of killed runs need: the runner, and a look at what the service and the ledgers hold after."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from make import write_csv

from cvsync.emulator import EmulatorProcess, EmulatorThread
from cvsync.run.ledger import Ledger

WINDOW = 4 * 64  # images that may be on their way at once: workers, and a batch


class Runner:
    """Starts pushes one after the other, and kills them."""

    def __enter__(self) -> Runner:
        root = Path(__file__).parents[1]
        # Forked children must find no thread of the parent's: arrow and BLAS start theirs when first used.
        environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("CVSYNC_FAILPOINT", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.runner"], cwd=root, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._pid = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            self.kill()
        self._process.communicate()

    def begin(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._pid = int(self._answer()["pid"])

    @property
    def is_running(self) -> bool:
        """Whether the push that was begun last is still at work."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """As `kill -9` does; it may be over already."""
        self._signal(signal.SIGKILL)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Have the push stand still while the block lasts, so that a look at it stays true."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def end(self) -> int:
        """Wait for the end; the exit code, negative for a signal."""
        self._pid = 0
        return int(self._answer()["status"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@dataclass
class Case:
    """A manifest, an emulator in a process of its own, and the state that killed runs leave."""

    folder: Path
    emulator: EmulatorProcess | EmulatorThread
    run: dict[str, Any] = field(
        default_factory=lambda: {"grace": 0.02, "retry_wait": 0.01, "status_every": 0.02}
    )
    name: str = "shelf"
    """Of the project."""

    def write(self, rows: list[dict[str, Any]]) -> None:
        write_csv(self.folder / "m.csv", rows)

    def order(self, **options: Any) -> dict[str, Any]:
        return {
            "manifest": str(self.folder / "m.csv"), "endpoint": self.emulator.url,
            "state": str(self.folder / "state"), "events": str(self.folder / "events"), "run": self.run,
            "project": self.name,
        } | options  # fmt: skip

    def ask(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        headers = {"Training-Key": "local-training-key", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.emulator.url}/{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    @property
    def project(self) -> str:
        projects = self.ask("customvision/v3.3/training/projects")
        (found,) = [project for project in projects if project["name"] == self.name]
        return str(found["id"])

    def sources(self) -> list[dict[str, Any]]:
        """Every stored image: its URLs, and how often its bytes were sent."""
        return list(self.ask(f"_emulator/projects/{self.project}/images"))

    def labels(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """The labels of each image, by its first URL."""
        names = {source["id"]: source["sources"][0] for source in self.sources()}
        found: dict[str, Counter[tuple[Any, ...]]] = {}
        for kind in ("tagged", "untagged"):
            skip = 0
            path = f"customvision/v3.3/training/projects/{self.project}/images/{kind}?orderBy=Oldest&take=256"
            while page := self.ask(f"{path}&skip={skip}"):
                skip += len(page)
                for image in page:
                    found[names[image["id"]]] = Counter(
                        (r["tagName"], round(r["left"], 4)) for r in image.get("regions", [])
                    )
        return found

    def ledger(self) -> Ledger:
        (path,) = (self.folder / "state").glob(f"*/{self.project}/ledger.sqlite")
        return Ledger.open(path, f"{self.emulator.url} {self.project}")

    def under_way(self) -> int:
        """How many batches of new images the latest run has sent that have no answer yet."""
        found = 0
        for path in (self.folder / "state").rglob("ledger.sqlite"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                (number,) = db.execute(
                    "SELECT count(*) FROM batches WHERE state = 'sent' AND kind = 'create image'"
                    " AND run_id = (SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1)"
                ).fetchone()
                found += number
        return found

    def totals(self) -> Counter[str]:
        """All that all runs did, as their ledger has it."""
        ledger = self.ledger()
        runs = [row[0] for row in ledger._db.execute("SELECT run_id FROM runs")]
        totals = sum((ledger.totals(run) for run in runs), Counter[str]())
        ledger.close()
        return totals

    def told(self, name: str) -> list[dict[str, Any]]:
        """The facts of every event of a name that any run told."""
        path = self.folder / "events"
        lines = path.read_text().splitlines() if path.exists() else []
        events = [json.loads(line) for line in lines]
        return [facts for found, facts in events if found == name]


def boxed_rows(count: int, *, left: float = 0.1, start: int = 0) -> list[dict[str, Any]]:
    """A manifest of images with two boxes each."""
    box = {"left": left, "top": 0.25, "width": 0.5, "height": 0.5}
    return [
        {"url": f"https://pictures.test/{n}", "tag": tag} | box
        for n in range(start, start + count)
        for tag in ("fork", "spoon")
    ]


def wanted(rows: list[dict[str, Any]]) -> dict[str, Counter[tuple[Any, ...]]]:
    """What a project should hold, by URL."""
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row["url"], Counter())[row["tag"], round(row["left"], 4)] += 1
    return found
