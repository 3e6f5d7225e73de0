from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cvsync.cli import keys
from cvsync.cli.keys import KeyNames
from cvsync.errors import SettingsError

KINDS = [(keys.training_key, "TRAINING", "TRAININGKEY"), (keys.prediction_key, "PREDICTION", "PREDICTIONKEY")]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*keys.TRAINING, *keys.PREDICTION):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@pytest.mark.parametrize(("find", "word", "old"), KINDS)
def test_a_file_comes_before_a_variable_and_that_before_older_names(
    find: Callable[[KeyNames], str], word: str, old: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("of a file\n")
    found = []

    for name, value in (
        (old, "of an old name"),
        (f"VISION_{word}_KEY", "of a fallback"),
        (f"CVSYNC_{word}_KEY", "of a variable"),
        (f"CVSYNC_{word}_KEY_FILE", str(tmp_path / "key")),
    ):
        monkeypatch.setenv(name, value)
        found.append(find(KeyNames()))

    assert found == ["of an old name", "of a fallback", "of a variable", "of a file"]


@pytest.mark.parametrize(
    "content", ["the key\r\n".encode("utf-16"), b"\xef\xbb\xbfthe key\r\n", b" the key\n"]
)
def test_a_file_is_as_any_system_writes_it(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("CVSYNC_TRAINING_KEY_FILE", str(tmp_path / "key"))

    assert keys.training_key(KeyNames()) == "the key"


def test_the_line_end_of_a_variable_is_no_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSYNC_TRAINING_KEY", "the key\r\n")

    assert keys.training_key(KeyNames()) == "the key"


def test_only_the_training_key_must_be_there() -> None:
    assert keys.prediction_key(KeyNames()) is None
    with pytest.raises(SettingsError, match="CVSYNC_TRAINING_KEY_FILE"):
        keys.training_key(KeyNames())


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"\x80", "is no text"), (b"\xff\xfe\n\0", "is empty")]
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("CVSYNC_TRAINING_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsError, match=f"CVSYNC_TRAINING_KEY_FILE .*key: {reason}"):
        keys.training_key(KeyNames())


@pytest.mark.parametrize("length", [32, 84, 300])
def test_a_key_in_the_place_of_its_file_is_not_shown(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ("canary" * length)[:length]
    monkeypatch.setenv("CVSYNC_TRAINING_KEY_FILE", key)

    with pytest.raises(SettingsError, match=r"^CVSYNC_TRAINING_KEY_FILE names no file") as raised:
        keys.training_key(KeyNames())

    assert "canary" not in str(raised.value)
    assert raised.value.__suppress_context__
