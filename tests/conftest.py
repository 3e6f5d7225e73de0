"""Fixtures of every test, named after the thing they give."""

from emulator_fixtures import (
    emulator,
    emulator_api,
    emulator_session,
    make_picture,
    quick_learner,
    start_api,
    start_emulator,
)

__all__ = [
    "emulator",
    "emulator_api",
    "emulator_session",
    "make_picture",
    "quick_learner",
    "start_api",
    "start_emulator",
]
