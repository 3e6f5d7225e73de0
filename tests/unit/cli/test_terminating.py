"""Signals that come where no run has begun to listen for them."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cvsync.cli import session
from cvsync.cli.main import cli

NUMBERS = [signal.SIGINT, signal.SIGTERM]


def last_event(*words: object) -> dict[str, Any]:
    before = signal.getsignal(signal.SIGTERM)
    result = CliRunner().invoke(cli, [*map(str, words), "--json"])

    assert signal.getsignal(signal.SIGTERM) is before
    event: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return event


@pytest.mark.parametrize("number", NUMBERS)
def test_work_on_files_tells_its_end(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cvsync.flows.validate.validate", lambda *_, **__: signal.raise_signal(number))

    end = last_event("validate", tmp_path / "m.csv")

    assert (end["ev"], end["exit_code"]) == ("run_end", 128 + number)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_that_has_not_begun_tells_its_end(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def drive(*_: object, **__: object) -> int:
        signal.raise_signal(number)
        await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(session, "_drive", drive)

    end = last_event("status", "-p", "shelf", "--state-dir", tmp_path)

    assert (end["ev"], end["exit_code"]) == ("run_end", 128 + number)
