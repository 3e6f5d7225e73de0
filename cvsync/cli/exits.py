"""Errors -> exit codes; the table stands in the README."""

from __future__ import annotations

from cvsync.errors import (
    AuthError,
    CvsyncError,
    GuardError,
    LockedError,
    ManifestError,
    MissingIterationError,
    MissingProjectError,
    MissingTagError,
    NotFoundError,
    PlanError,
    ServiceError,
    SettingsError,
    TrainingError,
    TransportError,
    UnsupportedError,
)

OK = 0
UNEXPECTED = 1
REFUSED = 3
LATER = 5
MANIFEST = 4
DIFFERENT = 10
INTERRUPTED = 130
TERMINATED = 143
_CODES: tuple[tuple[type[CvsyncError], int], ...] = (  # the first that fits
    (SettingsError, 2),
    (UnsupportedError, 2),
    (ManifestError, 4),
    (TransportError, 5),
    (GuardError, 6),
    (PlanError, 6),
    (MissingProjectError, 7),
    (MissingTagError, 7),
    (MissingIterationError, 7),
    (AuthError, 7),
    (NotFoundError, 7),
    (LockedError, 8),
    (TrainingError, 9),
)


def exit_code(error: BaseException) -> int:
    """Give the exit code of an error; ``UNEXPECTED`` for what cvsync did not raise on purpose."""
    if isinstance(error, ServiceError) and error.is_transient:
        return 5
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)
