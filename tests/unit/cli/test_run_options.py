"""How a run goes about its work, as the command line says it."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from cvsync.cli.run_options import run_options, split_run
from cvsync.run.settings import Adopt, RunSettings

FROM_OPTIONS: list[tuple[list[str], dict[str, Any]]] = [
    ([], {}),
    (["--adopt", "replace"], {"adopt": Adopt.REPLACE}),
    (["--as-bytes", "http://nas/*", "--as-bytes", "*.local/*"], {"as_bytes": ("http://nas/*", "*.local/*")}),
    (["--no-bytes-fallback"], {"fall_back": False}),
    (["--max-body-mb", "8"], {"body_bytes": 8_000_000}),
    (["--settle-grace", "2.5"], {"grace": 2.5}),
    (["--max-errors", "0"], {"max_errors": 0}),
    (["--no-markers"], {"markers": False}),
    (["--no-backup"], {"backup": False}),
    (["--delete-despite-errors"], {"delete_despite_errors": True}),
]


def settings(arguments: list[str], **environment: str) -> RunSettings:
    found: list[RunSettings] = []

    @click.command()
    @run_options
    def command(**options: Any) -> None:
        settings, rest = split_run(options)
        assert rest == {}
        found.append(settings)

    result = CliRunner().invoke(command, arguments, env=environment)
    assert result.exit_code == 0, result.output
    return found[0]


@pytest.mark.parametrize(("arguments", "wanted"), FROM_OPTIONS)
def test_option_is_a_setting_of_the_run(arguments: list[str], wanted: dict[str, Any]) -> None:
    assert settings(arguments) == RunSettings(**wanted)


def test_variable_stands_in_for_an_option() -> None:
    found = settings([], CVSYNC_SETTLE_GRACE="60", CVSYNC_MAX_BODY_MB="16", CVSYNC_NO_BYTES_FALLBACK="1")

    assert found == RunSettings(grace=60.0, body_bytes=16_000_000, fall_back=False)
