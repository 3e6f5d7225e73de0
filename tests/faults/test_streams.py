"""What whoever starts the command has done to its streams."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

MANIFEST = "url,tag\nhttps://pictures.test/1.jpg,日本 😀\n"


@pytest.fixture
def run(tmp_path: Path, python: str) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    (tmp_path / "m.csv").write_text(MANIFEST, encoding="utf-8")

    def start(*words: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        return subprocess.run(
            [python, "-m", "cvsync", *words], cwd=tmp_path, env=os.environ | (env or {}),
            check=False, timeout=60, **options,
        )  # fmt: skip

    return start


def test_results_in_a_file_are_utf_8_whatever_the_system_writes(run: Callable[..., Any]) -> None:
    done = run("validate", "m.csv", env={"PYTHONIOENCODING": "cp1252"}, capture_output=True)

    assert done.returncode == 0, done.stderr
    assert "日本 😀" in done.stdout.decode()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_stream_may_be_closed(run: Callable[..., Any], number: int, tmp_path: Path) -> None:
    done = run("convert", "m.csv", "out.jsonl", preexec_fn=lambda: os.close(number))

    assert done.returncode == 0
    assert "日本" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [("validate", "m.csv"), ("validate", "m.csv", "--json"), ("--help",)])
def test_a_reader_may_go_away(
    run: Callable[..., Any], words: tuple[str, ...], unbuffered: str, unread: int
) -> None:
    done = run(*words, env={"PYTHONUNBUFFERED": unbuffered}, stdout=unread, stderr=subprocess.PIPE)

    assert (done.returncode, b"Error" in done.stderr) == (0, False), done.stderr


def test_the_reader_of_messages_may_go_away(run: Callable[..., Any], unread: int) -> None:
    done = run("convert", "nothing.csv", "out.jsonl", stdout=unread, stderr=unread)

    assert done.returncode == 4


@pytest.fixture
def full() -> Iterator[IO[bytes]]:
    """A file on a full disk."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as file:
        yield file


def test_messages_on_a_full_disk_end_nothing(
    run: Callable[..., Any], full: IO[bytes], tmp_path: Path
) -> None:
    done = run("convert", "m.csv", "out.jsonl", stdout=subprocess.PIPE, stderr=full)

    assert (done.returncode, b"wrote out.jsonl" in done.stdout) == (0, True)
    assert (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("words", [("validate", "m.csv"), ("validate", "m.csv", "--json")])
def test_results_on_a_full_disk_are_an_error(
    run: Callable[..., Any], full: IO[bytes], words: tuple[str, ...]
) -> None:
    done = run(*words, stdout=full, stderr=subprocess.PIPE)

    assert (done.returncode, b"Traceback" in done.stderr) == (5, False)
    assert b"the disk is full" in done.stderr


def test_a_manifest_from_a_closed_stdin_is_empty(run: Callable[..., Any]) -> None:
    done = run("validate", "-", preexec_fn=lambda: os.close(0), capture_output=True)

    assert (done.returncode, b"is empty" in done.stderr) == (4, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("test", "nothing.png", "-p", "shelf"), "nothing.png: no file"),
        (("pull", "-o", "m.csv", "-p", "shelf"), "m.csv' is a file"),
        (("run", "nightly"), "no cvsync.toml"),
    ],
)
def test_what_ends_before_it_begins_is_told_to_programs_too(
    run: Callable[..., Any], words: tuple[str, ...], reason: str
) -> None:
    done = run(*words, "--json", capture_output=True)

    (event,) = map(json.loads, done.stdout.splitlines())
    assert (event["ev"], event["exit_code"], done.returncode) == ("run_end", 2, 2)
    assert reason in event["reason"]
