"""`--tps` from the command line to the events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from make import write_csv

from cvsync.emulator.process import EmulatorProcess


def test_rate_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    manifest = write_csv(tmp_path / "m.csv", [{"url": "https://pictures.test/1", "tag": "a"}])
    environment = {k: v for k, v in os.environ.items() if "CVSYNC" not in k} | {
        "CVSYNC_STATE_DIR": str(tmp_path / "state"),
        "CVSYNC_TRAINING_KEY": "local-training-key",
        "CVSYNC_TPS_MAX": "70",
    }
    with EmulatorProcess(tmp_path / "emulator", fetch=False) as emulator:
        command = [
            "push",
            manifest,
            "-p",
            "x",
            "--create-project",
            "-e",
            emulator.url,
            "--tps",
            "50",
            "--json",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "cvsync", *command], env=environment, capture_output=True, check=True
        )

    rates = [e for e in map(json.loads, done.stdout.splitlines()) if e["ev"] == "rate"]
    assert {e["lane"] for e in rates} == {"reads", "writes"}
    assert {(e["old"], e["new"], e["reason"]) for e in rates} == {(None, 50.0, "start")}
