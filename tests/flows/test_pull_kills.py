"""Pulls that are killed, and the next ones."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from terminal import Terminal

from cvsync.emulator.links import Links as EmulatorLinks

COUNT = 40


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    terminal.push(terminal.manifest(terminal.rows(COUNT)))
    return terminal


def start(terminal: Terminal, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Pull in a process of its own."""
    reach = {
        "CVSYNC_ENDPOINT": terminal.emulator.url, "CVSYNC_TRAINING_KEY": "local-training-key",
        "CVSYNC_STATE_DIR": str(terminal.state),
    }  # fmt: skip
    words = [sys.executable, "-m", "cvsync", "pull", "-p", "shelf", "-o", str(folder), "-c", "4"]
    return subprocess.Popen(
        words, env=os.environ | reach | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def killed(terminal: Terminal, folder: Path, place: str) -> int:
    """Pull in a process that is killed at a place; give its exit code."""
    process = start(terminal, folder, CVSYNC_FAILPOINT=place)
    process.communicate()
    return process.returncode


def recorded(folder: Path) -> int:
    """How many files the record of a folder vouches for."""
    return len((folder / ".cvsync" / "pulled.jsonl").read_bytes().splitlines()) - 1


def test_a_killed_pull_is_gone_on_with_and_nothing_recorded_is_fetched_twice(filled: Terminal) -> None:
    folder = filled.folder / "out"
    sums = {hashlib.sha256(file.read_bytes()).hexdigest() for file in filled.pictures.iterdir()}
    before = 0
    for place in ("before-image:7", "after-image:9", "after-image:1", "before-image:4"):
        assert killed(filled, folder, place) == -signal.SIGKILL
        whole = [file for file in (folder / "images").iterdir() if file.suffix != ".part"]
        assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in whole} < sums
        assert before <= recorded(folder) <= len(whole)
        before = recorded(folder)
    assert before == 6 + 8 + 0 + 3

    done = filled.run("pull", "-o", folder)

    assert done.out.startswith(f"{COUNT - before} images fetched")
    assert f"{before} there already" in done.out
    files = [*(folder / "images").iterdir()]
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == sums
    assert len(files) == COUNT
    assert filled.run("verify", folder, "--all-bytes").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_pull_that_is_interrupted_leaves_no_half_file_and_is_gone_on_with(
    filled: Terminal, number: signal.Signals, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled.folder / "out"
    asked, genuine = count(1), EmulatorLinks.is_over

    def interrupt(links: EmulatorLinks, expiry: str) -> bool:
        if next(asked) in range(15, 15 + times):  # downloads, others of which are under way
            process.send_signal(number)
        return genuine(links, expiry)

    monkeypatch.setattr(EmulatorLinks, "is_over", interrupt)
    process = start(filled, folder)
    _, said = process.communicate()

    assert process.returncode == 128 + number
    assert "run the same command again" in said
    whole = recorded(folder)
    assert 0 < whole < COUNT
    assert len([*(folder / "images").glob("*.png")]) == len([*(folder / "images").iterdir()]) == whole
    assert not [*folder.glob("manifest*")]

    done = filled.run("pull", "-o", folder)

    assert done.out.startswith(f"{COUNT - whole} images fetched")
    assert f"{whole} there already" in done.out
    assert filled.run("verify", folder, "--all-bytes").code == 0


def test_a_line_that_was_cut_off_costs_one_download(filled: Terminal) -> None:
    folder = filled.folder / "out"
    filled.run("pull", "-o", folder)
    record = folder / ".cvsync" / "pulled.jsonl"
    record.write_bytes(record.read_bytes()[:-50])

    done = filled.run("pull", "-o", folder)

    assert done.out.startswith(f"1 images fetched (0.0 MB), {COUNT - 1} there already")


def test_a_file_that_is_only_named_like_an_image_is_fetched_again(filled: Terminal) -> None:
    folder = filled.folder / "out"
    filled.run("pull", "-o", folder)
    record = folder / ".cvsync" / "pulled.jsonl"
    record.write_bytes(record.read_bytes().splitlines(keepends=True)[0])
    for file in (folder / "images").iterdir():
        file.write_bytes(b"")

    done = filled.run("pull", "-o", folder)

    assert done.out.startswith(f"{COUNT} images fetched")
    assert filled.run("verify", folder, "--all-bytes").code == 0


def test_a_file_that_somebody_changed_is_fetched_again(filled: Terminal) -> None:
    folder = filled.folder / "out"
    filled.run("pull", "-o", folder)
    changed, touched, *_ = (folder / "images").iterdir()
    whole = changed.read_bytes()
    changed.write_bytes(whole[:-1] + b"x")
    touched.touch()

    done = filled.run("pull", "-o", folder)

    assert done.out.startswith(f"1 images fetched (0.0 MB), {COUNT - 1} there already")
    assert changed.read_bytes() == whole
