"""A `cvsync push` of made-up URLs against an emulator, both in processes of their own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from cvsync.limits import MAX_IMAGES_PER_BATCH

KEY = "local-training-key"
OPERATION = "CreateImagesFromUrls"
TAGS = 8


def write_manifest(folder: Path, batches: int) -> Path:
    """Write a manifest that makes so many full batches."""
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "tag"])
        rows = range(batches * MAX_IMAGES_PER_BATCH)
        writer.writerows((f"https://pictures.test/{n}", f"tag {n % TAGS}") for n in rows)
    return path


def start_push(url: str, folder: Path, manifest: Path, *, calls: int) -> subprocess.Popen[str]:
    """Start a push that knows nothing of the resource; its events are on stdout.

    The quota is not checked, since minutes at the cap are more images than a project may hold.
    """
    command = [sys.executable, "-m", "cvsync", "push", str(manifest), "-p", "benchmark", "--create-project"]
    command += ["--quota", "none", "--concurrency", str(calls), "--json"]
    environment = os.environ | {
        "CVSYNC_ENDPOINT": url,
        "CVSYNC_TRAINING_KEY": KEY,
        "CVSYNC_STATE_DIR": str(folder / "state"),
    }
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
