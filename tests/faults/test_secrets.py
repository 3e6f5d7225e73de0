"""A canary key and a canary signature, and where they must not be found after runs of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from make import write_csv

from cvsync.emulator.process import EmulatorProcess

KEY = "canary-key-0f1e2d3c4b5a"
SIGNATURE = "canary-signature-5a4b3c2d1e0f"
REFUSED = {"operation": "CreateImagesFromUrls", "kind": "partial"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "html": [{"operation": "GetProjects", "kind": "html"}],
    "no right": [{"operation": "CreateTag", "kind": "status", "status": 403}],
    "whole batch": [
        {
            "operation": "CreateImagesFromUrls",
            "kind": "status",
            "status": 400,
            "body": {"code": "BadRequestImageUrl", "message": f"no https://pictures.test/?sig={SIGNATURE}"},
        }
    ],
    "unreachable": [REFUSED | {"image_status": "ErrorSource", "every": 2}],
    "refused": [REFUSED | {"image_status": "ErrorImageSize", "every": 3}],
    "none": [],
}


class Place:
    """A folder with a manifest of signed URLs; everything that commands say is kept."""

    def __init__(self, folder: Path, emulator: EmulatorProcess) -> None:
        self.folder, self.emulator, self.said = folder, emulator, ""
        self.manifest = self.write(12)

    def write(self, count: int) -> Path:
        signed = f"?sv=2023&se=2030&sig={SIGNATURE}"
        rows = [{"url": f"https://pictures.test/{n}.png{signed}", "tag": f"t{n % 2}"} for n in range(count)]
        return write_csv(self.folder / "m.csv", rows)

    def run(self, *arguments: object) -> int:
        environment = {k: v for k, v in os.environ.items() if "CVSYNC" not in k} | {
            "CVSYNC_STATE_DIR": str(self.folder / "state"), "CVSYNC_TRAINING_KEY": KEY,
            "CVSYNC_ENDPOINT": self.emulator.url, "CVSYNC_MAX_OUTAGE": "0",
        }  # fmt: skip
        command = [sys.executable, "-m", "cvsync", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        self.said += done.stdout + done.stderr
        return done.returncode

    def faults(self, orders: list[dict[str, Any]]) -> None:
        for method, body in (("DELETE", None), ("POST", json.dumps(orders).encode())):
            request = urllib.request.Request(f"{self.emulator.url}/_emulator/faults", body, method=method)
            urllib.request.urlopen(request, timeout=30).close()

    def files(self) -> list[Path]:
        return [path for path in (self.folder / "state").rglob("*") if path.is_file()]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    environment = {"CVSYNC_EMULATOR_TRAINING_KEY": KEY}
    with EmulatorProcess(tmp_path / "emulator", fetch=False, environment=environment) as emulator:
        yield Place(tmp_path, emulator)


def test_secrets_reach_neither_disk_nor_words(place: Place) -> None:
    push = ["push", place.manifest, "-p", "shelf", "--create-project"]
    codes = {}
    for number, (name, orders) in enumerate(FAULTS.items()):
        place.faults(orders)
        codes[name] = place.run(*push, *(["--json"] if number % 2 else []))
    place.write(9)
    place.run(*push, "--delete", "--max-delete", "9", "--json")
    (run,) = [path.parent.name for path in place.files() if path.suffix == ".parquet"]
    undone = place.run("undo", run, "-p", "shelf", "--json")
    (ledger,) = [path for path in place.files() if path.name == "ledger.sqlite"]
    kept = ledger.read_bytes()
    ledger.write_bytes(b"no database" * 1000)
    crashed = place.run(*push)

    assert codes == {
        "html": 5, "no right": 7, "whole batch": 3, "unreachable": 3, "refused": 3, "none": 0,
    }  # fmt: skip
    assert (undone, crashed) == (0, 1)
    assert "Traceback" in place.said
    assert KEY not in place.said
    assert SIGNATURE not in place.said
    assert KEY.encode() not in kept
    assert SIGNATURE.encode() not in kept
    assert [path for path in place.files() if KEY.encode() in path.read_bytes()] == []
    # A refused row goes to the rejects file as it was, so that it can be pushed again.
    holding = {path.name for path in place.files() if SIGNATURE.encode() in path.read_bytes()}
    assert holding <= {"rejects.csv"}
    assert {path.stat().st_mode & 0o777 for path in place.files()} == {0o600}


VERBS: dict[str, tuple[list[str], int]] = {
    "validate": (["validate", "m.csv"], 0),
    "project": (["project", "create", "shelf", "--type", "multiclass"], 0),
    "plan": (["plan", "m.csv", "-p", "shelf", "-o", "plan.parquet"], 0),
    "push": (["push", "m.csv", "-p", "shelf", "-v"], 0),
    "push again": (["push", "m.csv", "-p", "shelf", "--json"], 0),
    "verify": (["verify", "m.csv", "-p", "shelf"], 0),
    "verify bytes": (["verify", "m.csv", "-p", "shelf", "--all-bytes", "--json"], 10),
    "status": (["status", "-p", "shelf"], 0),
    "ledger": (["ledger", "show", "-p", "shelf"], 0),
    "tags": (["tag", "ls", "-p", "shelf"], 0),
    "pull": (["pull", "-p", "shelf", "-o", "out", "-f", "csv"], 0),
    "migrate": (["migrate", "shelf", "copy", "--create-project", "-v"], 0),
    "train": (["train", "-p", "shelf", "--json"], 0),
}
"""Words of a command, and the code that it ends with; the bytes are not those of the manifest's URLs."""


def test_secrets_are_in_nothing_that_any_verb_says_or_writes(place: Place) -> None:
    codes = {name: place.run(*words) for name, (words, _) in VERBS.items()}
    pulled = [path for path in (place.folder / "out").rglob("*") if path.is_file()]
    written = [*place.files(), place.folder / "plan.parquet", *pulled]

    assert codes == {name: code for name, (_, code) in VERBS.items()}
    assert KEY not in place.said
    assert SIGNATURE not in place.said
    assert len(written) > 12
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    # A plan holds the URLs that it is to send.
    holding = {path.name for path in written if SIGNATURE.encode() in path.read_bytes()}
    assert holding <= {"plan.parquet"}
    assert {path.stat().st_mode & 0o777 for path in place.files()} == {0o600}


def test_key_is_in_no_process_title_and_no_representation(place: Place) -> None:
    from cvsync import Settings

    slow = [{"operation": "GetProjects", "kind": "slow", "seconds": 1.0}]
    place.faults(slow)
    environment = {k: v for k, v in os.environ.items() if "CVSYNC" not in k}
    with subprocess.Popen(
        [sys.executable, "-m", "cvsync", "push", str(place.manifest), "-p", "shelf", "--create-project"],
        env=environment | {
            "CVSYNC_TRAINING_KEY": KEY, "CVSYNC_ENDPOINT": place.emulator.url,
            "CVSYNC_STATE_DIR": str(place.folder / "state"),
        }, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        title = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.communicate()

    assert KEY.encode() not in title
    assert KEY not in repr(Settings(endpoint="https://x.test", training_key=KEY, prediction_key=KEY))
