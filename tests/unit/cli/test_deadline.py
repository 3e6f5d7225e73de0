from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from cvsync.cli.deadline import Deadline, seconds_until

NOW = datetime(2026, 11, 25, 22, 30, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("23:00", 1800), ("22:30", 86400), ("06:30", 8 * 3600), ("6:30", 8 * 3600)],
)
def test_deadline_is_seconds_or_the_next_time_of_day(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == seconds


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
