from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cvsync.cli.common import Common, common_options, split_common
from cvsync.cli.keys import KeyNames, prediction_key, training_key
from cvsync.cli.profiles import load_profile, settable
from cvsync.errors import SettingsError

SHELF = """
[profile.shelf]
endpoint = "https://shelf.test"
project = "shelf"
training_key_env = "SHELF_KEY"
prediction-key-file = "keys/prediction"
tps = 5
deadline = "3600"
json = true
settle_grace = 2.5
state-dir = "state"

[profile.other]
endpoint = "https://other.test"
api_version = "v2.2"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("CVSYNC_", "VISION_"))]:
        monkeypatch.delenv(name)
    return write(tmp_path, SHELF)


def write(folder: Path, text: str) -> Path:
    (folder / "cvsync.toml").write_text(text)
    return folder / "cvsync.toml"


def common(*arguments: str, **environment: str) -> Common:
    """What a command is given."""

    @click.command()
    @common_options
    def command(**options: Any) -> Common:
        made, own = split_common(options)
        assert own == {}
        return made

    result = CliRunner().invoke(command, arguments, env=environment, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    made = result.return_value
    assert isinstance(made, Common)
    return made


def test_profile_gives_values_in_their_types_and_whole_paths(config: Path) -> None:
    profile = load_profile(config, "shelf")

    assert profile.values == {
        "endpoint": "https://shelf.test", "project": "shelf", "tps": 5.0, "deadline": 3600.0, "json": True,
        "settle_grace": 2.5, "state_dir": config.parent / "state",
    }  # fmt: skip
    assert profile.keys == KeyNames(
        "shelf", training_key_env="SHELF_KEY", prediction_key_file=config.parent / "keys" / "prediction"
    )


@pytest.mark.parametrize(
    ("name", "default", "values"),
    [
        ("project", None, ("a", "b", "c")),
        ("endpoint", None, ("https://a.test", "https://b.test", "local")),
        ("auth", "key", ("azure", "key", "azure")),
        ("api_version", "v3.3", ("v2.0", "v2.1", "v2.2")),
        ("state_dir", None, (Path("/a"), Path("/b"), Path("/c"))),
        ("local_data", None, (Path("/a"), Path("/b"), Path("/c"))),
        ("concurrency", 16, (1, 2, 3)),
        ("tps", None, (1.0, 2.0, 3.0)),
        ("tps_max", None, (1.0, 2.0, 3.0)),
        ("max_outage", 1800.0, (0.0, 1.0, 2.0)),
        ("deadline", None, (1.0, 2.0, 3.0)),
        ("lock_timeout", 0.0, (1.0, 2.0, 3.0)),
    ],
)
def test_option_comes_before_environment_before_file_before_default(
    name: str, default: object, values: tuple[object, ...], config: Path
) -> None:
    in_file, in_environment, as_option = map(str, values)
    config.write_text(f"[profile.x]\n{name} = {in_file!r}\n")
    option, place = f"--{name.replace('_', '-')}", ("--config", str(config), "--profile", "x")
    variable = {f"CVSYNC_{name.upper()}": in_environment}

    found = [
        common(),
        common(*place),
        common(*place, **variable),
        common(*place, option, as_option, **variable),
    ]

    assert [getattr(made, name) for made in found] == [default, *values]


@pytest.mark.parametrize("name", ["json", "quiet", "verbose"])
def test_a_flag_of_the_file_is_taken_back_by_the_environment(name: str, config: Path) -> None:
    config.write_text(f"[profile.x]\n{name} = true\n")
    place = ("--config", str(config), "--profile", "x")

    assert getattr(common(*place), name) is True
    assert getattr(common(*place, **{f"CVSYNC_{name.upper()}": "0"}), name) is False
    assert getattr(common(f"--{name}"), name) is True


def test_every_common_option_can_be_set_by_a_profile() -> None:
    assert common_names() - {"config", "profile"} <= settable().keys()


def common_names() -> set[str]:
    @click.command()
    @common_options
    def command(**options: Any) -> None: ...

    return {str(parameter.name) for parameter in command.params}


def test_the_two_that_choose_come_in_any_order_and_from_the_environment(config: Path) -> None:
    one = common("--profile", "shelf", "--config", str(config))
    other = common("--config", str(config), "--profile", "shelf")
    third = common(CVSYNC_PROFILE="shelf", CVSYNC_CONFIG=str(config))

    assert one == other == third
    assert one.project == "shelf"
    assert common("--config", str(config)).project is None
    with pytest.raises(click.UsageError, match="does not exist"):
        common("--config", str(config.parent / "none.toml"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('training_key = "canary"', "a key has no place in a file"),
        ('Prediction-Key = "canary"', "a key has no place in a file"),
        ('key = "canary"', "a key has no place in a file"),
        ('api_token = "canary"', "a key has no place in a file"),
        (f'training_key_env = "{"canary" * 6}"', "a key has no place in a file"),
        (f'prediction_key_file = "{"canary" * 6}"', "a key has no place in a file"),
        ('endpiont = "https://x.test"', "endpiont: unknown name; did you mean 'endpoint'"),
        ('training_key_evn = "X"', "unknown name; did you mean 'training_key_env'"),
        ("training_key_env = 5", "name a variable"),
        ('training_key_file = ""', "name a file"),
        ('profile = "x"', "unknown name"),
        ("delete = true", "unknown name"),
        ('concurrency = "many"', "profile.x.concurrency: 'many' is not a valid integer"),
        ("concurrency = 0", "profile.x.concurrency: 0 is not in the range"),
        ('auth = "kye"', "profile.x.auth: 'kye' is not one of"),
        ("deadline = 06:30:00", "is neither a number of seconds nor a time"),
    ],
)
def test_what_a_profile_may_not_hold_is_named_and_never_shown(line: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        load_profile(write(tmp_path, f"[profile.x]\n{line}\n"), "x")

    assert "cvsync.toml: profile.x." in str(raised.value)
    assert "canary" not in str(raised.value)


def test_keys_come_from_the_environment_or_else_from_where_the_profile_says(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = common("--config", str(config), "--profile", "shelf")
    (config.parent / "keys").mkdir()
    (config.parent / "keys" / "prediction").write_text("of a file\n")

    with pytest.raises(SettingsError, match="profile shelf takes its key from SHELF_KEY, which is not set"):
        training_key(made.keys)
    monkeypatch.setenv("SHELF_KEY", "of a variable")
    assert (training_key(made.keys), prediction_key(made.keys)) == ("of a variable", "of a file")
    monkeypatch.setenv("CVSYNC_TRAINING_KEY", "of the environment")
    assert training_key(made.keys) == "of the environment"


def test_what_the_environment_says_instead_of_a_profile_is_told(config: Path) -> None:
    place = ("--config", str(config), "--profile", "shelf")

    assert common(*place, CVSYNC_PROJECT="other", CVSYNC_ENDPOINT="").overruled == ("project",)
    assert common(*place, CVSYNC_PROJECT="shelf").overruled == ()
    assert common(*place, "-p", "other").overruled == ()
    assert common(*place).overruled == common(CVSYNC_PROJECT="other").overruled == ()


def test_second_resource_is_its_profile_and_nothing_that_is_said_of_the_first(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVSYNC_TRAINING_KEY", "of the first")
    first = common("--config", str(config), "-e", "https://first.test", "-p", "one", "--tps", "3", "-q")

    second = first.at("other")

    assert (second.endpoint, second.project, second.api_version) == ("https://other.test", None, "v2.2")
    assert (second.tps, second.quiet, second.state_dir) == (3, True, first.state_dir)
    shelf = first.at("shelf")
    assert (shelf.tps, shelf.deadline, shelf.state_dir, shelf.json) == (3, None, first.state_dir, False)
    with pytest.raises(SettingsError, match="profile other says nothing of a key"):
        training_key(second.keys)
    with pytest.raises(SettingsError, match="did you mean 'other'"):
        first.at("othr")
