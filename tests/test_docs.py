from __future__ import annotations

from pathlib import Path

import click
import pytest

from cvsync.cli import exits
from cvsync.cli.main import cli
from cvsync.errors import CvsyncError
from cvsync.manifest import formats
from cvsync.manifest.columns import ALIASES
from cvsync.manifest.problems import CODES, WARNINGS, table

UNSAID = {"boxes", "bboxes", "x_centre", "y_centre"}  # further spellings
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def commands(group: click.Group = cli, prefix: str = "") -> dict[str, click.Command]:
    """Every command that does something, by what is typed for it."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_command_is_in_the_readme_and_has_help_with_an_example(name: str) -> None:
    help_text = commands()[name].help

    assert f"cvsync {name}" in README
    assert help_text
    assert "Example:" in help_text
    assert f"cvsync {name}" in help_text


@pytest.mark.parametrize("name", sorted(commands()))
def test_examples_in_help_keep_their_lines(name: str) -> None:
    help_text = commands()[name].get_help(click.Context(commands()[name]))

    assert "\\b" not in help_text
    assert "\n  Example:\n" in help_text


def options() -> list[tuple[str, click.Option]]:
    return [(n, p) for n, c in sorted(commands().items()) for p in c.params if isinstance(p, click.Option)]


def test_every_option_has_help() -> None:
    assert [(n, p.opts) for n, p in options() if not p.help] == []


def test_no_option_takes_a_key() -> None:
    assert [p.opts for _, p in options() if "key" in "".join(p.opts)] == []


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130])
def test_exit_code_is_in_the_readme(code: int) -> None:
    assert f"| {code}" in README


@pytest.mark.parametrize("code", sorted(CODES | WARNINGS))
def test_code_of_a_problem_is_in_the_readme(code: str) -> None:
    text = (CODES | WARNINGS)[code]

    assert f"| {code} | {text} |" in README


def test_table_of_codes_in_the_readme_is_the_generated_one() -> None:
    assert table() in README


def test_table_of_formats_in_the_readme_is_the_generated_one() -> None:
    assert formats.table() in README


@pytest.mark.parametrize("field", sorted(ALIASES))
def test_column_of_manifests_is_in_the_readme_with_its_other_names(field: str) -> None:
    names = [name for name in ALIASES[field] if name not in UNSAID]

    (line,) = [
        line for line in README.splitlines() if line.startswith("|") and f"`{field}`" in line.split("|")[1]
    ][:1]
    assert [name for name in names if f"`{name}`" not in line] == []


def test_every_error_has_an_exit_code_of_its_own() -> None:
    kinds = {kind for kind in CvsyncError.__subclasses__() if kind.__name__ != "ServiceError"}
    known = {kind for kind, _ in exits._CODES}

    assert kinds <= known
