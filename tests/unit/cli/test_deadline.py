from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import click
import pytest
from click.testing import CliRunner

from cvsync.cli.deadline import Deadline, seconds_until

NOW = datetime(2026, 11, 25, 22, 30)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("23:00", 1800), ("22:30", 86400), ("06:30", 8 * 3600), ("6:30", 8 * 3600)],
)
def test_deadline_is_seconds_or_the_next_time_of_day(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == seconds


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place where clocks are set forward on the last Sunday of March and back on that of October."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("night", "hours"), [("2026-03-29", 5.5), ("2026-10-25", 7.5), ("2026-10-26", 6.5)])
def test_a_night_in_which_clocks_are_set_ends_at_the_time_that_they_show(night: str, hours: float) -> None:
    assert seconds_until("06:30", datetime.fromisoformat(night)) == hours * 3600


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", "25:00", "12:60", "1:2:3", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        seconds_until(text, NOW)


def test_option_says_what_it_takes() -> None:
    @click.command()
    @click.option("--deadline", type=Deadline())
    def command(deadline: float) -> None:
        click.echo(deadline)

    assert CliRunner().invoke(command, ["--deadline", "90"]).output == "90.0\n"
    refused = CliRunner().invoke(command, ["--deadline", "soon"])
    assert refused.exit_code == 2
    assert "'soon' is neither a number of seconds nor a time as 06:30" in refused.output
