"""Where keys come from: the environment, or a file that it names; never an option."""

from __future__ import annotations

import os
from pathlib import Path

from cvsync.errors import SettingsError

SOURCE = ("CVSYNC_FROM_TRAINING_KEY",)
TRAINING = ("CVSYNC_TRAINING_KEY", "VISION_TRAINING_KEY", "TRAININGKEY")
PREDICTION = ("CVSYNC_PREDICTION_KEY", "VISION_PREDICTION_KEY", "PREDICTIONKEY")


def training_key(names: tuple[str, ...] = TRAINING) -> str:
    """Give the key that everything but predicting takes, from the first variable that is set.

    Raises:
        SettingsError: There is none, or its file cannot be read.
    """
    key = _find(names)
    if key is None:
        raise SettingsError(f"no training key: set {names[0]}, or {names[0]}_FILE to a file with it")
    return key


def prediction_key() -> str | None:
    """Give the key of the prediction endpoint; None: there is none, and only predicting needs it.

    Raises:
        SettingsError: Its file cannot be read.
    """
    return _find(PREDICTION)


def _find(names: tuple[str, ...]) -> str | None:
    file_variable = f"{names[0]}_FILE"
    file = os.environ.get(file_variable)
    if file:
        return _read(Path(file), file_variable)
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _read(file: Path, told_by: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise SettingsError(f"{told_by} {file}: {reason}") from error
