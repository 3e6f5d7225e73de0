"""The command as a process of its own, against an emulator in another."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from make import make_png, write_csv
from schema import check_line

from cvsync.emulator.process import EmulatorProcess

COMMAND = [sys.executable, "-m", "cvsync"]


class Desk:
    """A folder with pictures and a manifest, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator: EmulatorProcess | None = None
        self.environment = {k: v for k, v in os.environ.items() if "CVSYNC" not in k}
        self.environment |= {
            "CVSYNC_STATE_DIR": str(folder / "state"),
            "CVSYNC_LOCAL_DATA": str(folder / "local"),
            "CVSYNC_TRAINING_KEY": "local-training-key",
        }

    def manifest(self, count: int, *, path: bool = False) -> Path:
        (self.folder / "in").mkdir(exist_ok=True)
        rows = []
        for n in range(count):
            (self.folder / "in" / f"{n}.png").write_bytes(make_png(n, (8, 6)))
            place = {"path": f"in/{n}.png"} if path else {"url": f"https://pictures.test/{n}.png"}
            rows.append(place | {"tag": f"tag {n % 2}"})
        return write_csv(self.folder / "m.csv", rows)

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        if self.emulator is not None:
            environment.setdefault("CVSYNC_ENDPOINT", self.emulator.url)
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder, env=self.environment | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def runs(self) -> list[tuple[str, int | None, str | None]]:
        """Every run that the ledger holds, with its exit code, and what ended it early."""
        (path,) = (self.folder / "state").glob("*/*/ledger.sqlite")
        db = sqlite3.connect(path)
        found = db.execute("SELECT run_id, exit_code, reason FROM runs ORDER BY started_at").fetchall()
        db.close()
        return found

    def start_until_sent(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a push, and return once images are on their way."""
        process = self.start("push", *arguments, "--json")
        assert process.stdout is not None
        for line in process.stdout:
            if check_line(line)["ev"] == "batch_sent" and "image" in line:
                break
        return process

    def in_doubt(self) -> int:
        (path,) = (self.folder / "state").glob("*/*/ledger.sqlite")
        db = sqlite3.connect(path)
        (found,) = db.execute("SELECT count(*) FROM batches WHERE state = 'sent'").fetchone()
        db.close()
        return int(found)

    def ask(self, path: str, body: Any = None) -> Any:
        assert self.emulator is not None
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.emulator.url}/{path}", data,
            {"Training-Key": "local-training-key", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
