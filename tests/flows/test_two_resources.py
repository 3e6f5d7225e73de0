"""Two resources by their profiles, each with its key in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click import UsageError
from click.testing import CliRunner
from terminal import StartServed, Terminal

from cvsync.cli.main import cli
from cvsync.errors import SettingsError


@pytest.fixture
def two(terminal: Terminal, start_served: StartServed) -> Path:
    """The file with profiles `old` and `new`, whose keys differ."""
    other = start_served(fetch=True, training_key="the-other-key")
    for name, key in (("old", "local-training-key"), ("new", "the-other-key")):
        (terminal.folder / f"{name}.key").write_text(f"{key}\n")
    path = terminal.folder / "cvsync.toml"
    path.write_text(
        f"""
[profile.old]
endpoint = "{terminal.emulator.url}"
project = "shelf"
training_key_file = "old.key"
state_dir = "state"

[profile.new]
endpoint = "{other.url}"
project = "copy"
training_key_file = "new.key"
state_dir = "state"

[profile.bare]
endpoint = "{other.url}"
"""
    )
    return path


def run(config: Path, *arguments: object, **environment: str) -> tuple[int, str]:
    words = [*map(str, arguments), "--config", str(config)]
    result = CliRunner().invoke(cli, words, env=environment, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


def test_a_project_is_compared_with_one_of_another_resource(
    two: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = terminal.manifest(terminal.rows(4))
    for profile in ("old", "new"):
        assert run(two, "push", manifest, "--create-project", "--profile", profile)[0] == 0

    compare = ("verify", "--source", "shelf", "--from-profile", "old", "--profile", "new")
    same = run(two, *compare, "--all-bytes")
    terminal.manifest(terminal.rows(3))
    run(two, "push", manifest, "--delete", "--max-delete", "5", "--profile", "old")
    other = run(two, *compare)

    assert same == (0, same[1])
    assert "4 named, 4 there" in same[1]
    assert other[0] == 10
    assert "3 named, 4 there" in other[1]


def test_a_key_of_the_environment_is_not_sent_to_a_second_resource(two: Path) -> None:
    compare = ("verify", "--source", "copy", "--from-profile", "bare", "--profile", "old", "--json")
    code, out = run(two, *compare, CVSYNC_TRAINING_KEY="local-training-key")

    assert code == 2
    assert "profile bare says nothing of a key" in out


def test_what_is_wrong_with_the_endpoint_of_a_second_profile_is_said_of_it(two: Path) -> None:
    with two.open("a") as file:
        file.write('[profile.odd]\nendpoint = "odd.test"\n[profile.none]\nproject = "shelf"\n')
    for name, why in (("odd", "'odd.test' is neither `local` nor"), ("none", "is missing")):
        compare = ("verify", "--source", "copy", "--from-profile", name, "--profile", "old", "--json")
        code, out = run(two, *compare)

        assert (code, f"profile {name}: endpoint {why}" in out) == (2, True)


def test_a_project_that_the_environment_says_instead_of_the_profile_is_told(two: Path) -> None:
    code, out = run(two, "tag", "ls", "--profile", "old", "--json", CVSYNC_PROJECT="another")

    assert (code, "project is another, as the environment says, and not profile old" in out) == (7, True)


def test_two_profiles_of_one_local_emulator_share_it(tmp_path: Path) -> None:
    (tmp_path / "cvsync.toml").write_text(
        "".join(
            f'[profile.{name}]\nendpoint = "local"\nlocal_data = "data"\nstate_dir = "state"\n'
            for name in ("a", "b")
        )
    )
    compare = ("verify", "-p", "shelf", "--source", "shelf", "--from-profile", "b", "--profile", "a")

    assert run(tmp_path / "cvsync.toml", *compare)[0] == 7  # no such project, but no lock stood in the way


def test_a_project_is_copied_from_one_profile_to_another(two: Path, terminal: Terminal) -> None:
    manifest = terminal.manifest(terminal.rows(4))
    run(two, "push", manifest, "--create-project", "--profile", "old")

    copied = run(two, "migrate", "--from", "old", "shelf", "--to", "new", "copy", "--create-project")
    again = run(two, "migrate", "--from", "old", "shelf", "--to", "new", "copy")

    assert copied == (0, "2 tags created, 4 images created, 4 labels added\n")
    assert again == (0, "nothing to do\n")


def test_a_project_is_copied_from_the_resource_that_is_meant_anyway(two: Path, terminal: Terminal) -> None:
    """Where only the target's is named."""
    manifest = terminal.manifest(terminal.rows(4))
    run(two, "push", manifest, "--create-project", "--profile", "old")

    copied = run(two, "migrate", "shelf", "--to", "new", "copy", "--create-project", "--profile", "old")

    assert copied == (0, "2 tags created, 4 images created, 4 labels added\n")


def test_an_option_that_is_of_neither_resource_is_refused(two: Path) -> None:
    both = ("migrate", "--from", "old", "shelf", "--to", "new", "copy")

    for option in (("--api-version", "v3.0"), ("--endpoint", "https://other.test")):
        with pytest.raises(UsageError, match=f"{option[0]} has no effect beside --from and --to"):
            run(two, *both, *option)


def test_a_version_beside_the_profile_that_says_it_is_refused(two: Path) -> None:
    source = ("--from", "old", "--from-api-version", "v3.0")
    code, out = run(two, "migrate", *source, "shelf", "--to", "new", "copy", "--json")

    assert (code, "the profile says api_version" in out) == (2, True)


def test_a_source_is_named_once_and_by_a_profile_that_there_is(two: Path) -> None:
    twice = ("--from-profile", "old", "--from-endpoint", "https://old.test")
    code, out = run(two, "verify", "--source", "x", *twice, "--profile", "new", "--json")

    assert (code, "give one" in out) == (2, True)
    with pytest.raises(SettingsError, match="did you mean 'new'"):
        run(two, "verify", "m.csv", "--profile", "knew")
