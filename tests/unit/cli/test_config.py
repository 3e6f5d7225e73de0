from __future__ import annotations

from pathlib import Path

import pytest

from cvsync.cli.config import load_config, nearest
from cvsync.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cvsync.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_is_the_named_one_or_in_the_folder_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "user")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    with pytest.raises(SettingsError, match=r"no cvsync.toml: looked for cvsync.toml or .*user"):
        load_config(None)
    users = write(tmp_path / "user", "")
    assert load_config(None).path == users
    here = write(tmp_path / "here", "")
    assert load_config(None).path == here
    named = write(tmp_path / "named", "[profile.a]\n[job.b]\n")
    assert (load_config(named).profiles, load_config(named).jobs) == ({"a": {}}, {"b": {}})
    with pytest.raises(SettingsError, match="No such file"):
        load_config(tmp_path / "none.toml")


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "\ufeff[profile.a]\r\ntps = 1\r\n")).profiles == {"a": {"tps": 1}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profil.a]\n", r"unknown table \[profil\]; did you mean 'profile'"),
        ("endpoint = 1\n", r"unknown table \[endpoint\]; there are job, profile"),
        ("profile = 1\n", r"write \[profile.NAME\]"),
        ("[job]\nsteps = []\n", r"write \[job.NAME\]"),
        ("[", "is no TOML"),
    ],
)
def test_file_of_another_form_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        load_config(write(tmp_path, text))


def test_name_that_is_not_there_is_answered_by_the_nearest(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "[profile.shelf]\n[job.nightly]\n"))

    with pytest.raises(SettingsError, match=r"no \[profile.shell\]; did you mean 'shelf'"):
        config.profile("shell")
    with pytest.raises(SettingsError, match=r"no \[job.weekly2\]; there are nightly"):
        config.job("weekly2")
    assert nearest("x", []) == "there are none"


def test_a_link_to_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "cvsync.toml").write_text("")
    (tmp_path / "cvsync.toml").symlink_to(tmp_path / "..data" / "cvsync.toml")

    assert load_config(tmp_path / "cvsync.toml").path == tmp_path / "cvsync.toml"
