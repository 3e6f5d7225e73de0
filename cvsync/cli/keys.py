"""Where keys come from: the environment, a file that it names, or what a profile names; never an option."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cvsync.errors import SettingsError

SOURCE = ("CVSYNC_FROM_TRAINING_KEY",)
TRAINING = ("CVSYNC_TRAINING_KEY", "VISION_TRAINING_KEY", "TRAININGKEY")
PREDICTION = ("CVSYNC_PREDICTION_KEY", "VISION_PREDICTION_KEY", "PREDICTIONKEY")
FILES = tuple(f"{names[0]}_FILE" for names in (SOURCE, TRAINING, PREDICTION))
"""Variables with the path of a file that has the key."""

LIKE_A_KEY = re.compile(r"[0-9A-Za-z]{32,}")
"""Keys look so; names of variables and files hardly ever."""


@dataclass(frozen=True)
class KeyNames:
    """Where the keys of a resource stand: in variables, or else where its profile says."""

    profile: str | None = None
    training_key_file: Path | None = None
    training_key_env: str | None = None
    prediction_key_file: Path | None = None
    prediction_key_env: str | None = None
    training: tuple[str, ...] = TRAINING
    """Variables; the first that is set has the key. The first of all may also name a file, with ``_FILE``."""
    prediction: tuple[str, ...] = PREDICTION
    is_training_needed: bool = True
    """False: where there is no training key, an empty one will do."""

    @property
    def is_said(self) -> bool:
        """Whether anything but the usual variables is named."""
        files = (self.training_key_file, self.prediction_key_file)
        return any((*files, self.training_key_env, self.prediction_key_env))


def training_key(names: KeyNames) -> str:
    """Give the key that everything but predicting takes.

    Raises:
        SettingsError: There is none, or its file cannot be read.
    """
    key = _find(names.training, names, names.training_key_file, names.training_key_env)
    if key is not None:
        return key
    if not names.is_training_needed:
        return ""
    if not names.training:
        raise SettingsError(
            f"profile {names.profile} says nothing of a key: give it training_key_file or training_key_env"
        )
    variable = names.training[0]
    raise SettingsError(f"no training key: set {variable}, or {variable}_FILE to a file with it")


def prediction_key(names: KeyNames) -> str | None:
    """Give the key of the prediction endpoint; None: there is none, and only predicting needs it.

    Raises:
        SettingsError: Its file cannot be read.
    """
    return _find(names.prediction, names, names.prediction_key_file, names.prediction_key_env)


def _find(variables: tuple[str, ...], names: KeyNames, file: Path | None, variable: str | None) -> str | None:
    key = _of_environment(variables)
    if key is not None:
        return key
    if file is not None:
        return _read(file, f"profile {names.profile}:")
    if variable is not None:
        if not os.environ.get(variable):
            raise SettingsError(f"profile {names.profile} takes its key from {variable}, which is not set")
        return os.environ[variable].strip()
    return None


def _of_environment(variables: tuple[str, ...]) -> str | None:
    for file_variable in (f"{name}_FILE" for name in variables[:1]):
        if os.environ.get(file_variable):
            return _read(Path(os.environ[file_variable]), file_variable)
    # What makes a variable of a file, as of a secret, often takes its last line end along.
    return next((key for name in variables if (key := os.environ.get(name, "").strip())), None)


def _read(file: Path, told_by: str) -> str:
    try:
        content = file.read_bytes()
        # Windows PowerShell writes UTF-16, and other programs of Windows a mark before UTF-8.
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        key = content.decode("utf-16" if is_wide else "utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        if LIKE_A_KEY.fullmatch(file.name.strip()):  # and would be shown, as a file that is not there
            raise SettingsError(f"{told_by} names no file that can be read, but looks like a key") from None
        reason = getattr(error, "strerror", None) or "is no text"
        raise SettingsError(f"{told_by} {file}: {reason}") from error
    if not key:
        raise SettingsError(f"{told_by} {file}: is empty")
    return key
