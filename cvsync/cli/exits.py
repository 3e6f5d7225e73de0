"""Errors -> exit codes; the table stands in the README."""

from __future__ import annotations

import errno

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
    OverdueError,
    PlanError,
    ServiceError,
    SettingsError,
    TrainingError,
    TransportError,
    UnsupportedError,
)

OK = 0
UNEXPECTED = 1
USAGE = 2
REFUSED = 3
MANIFEST = 4
LATER = 5
GUARD = 6
NOT_FOUND = 7
LOCKED = 8
MODEL = 9
DIFFERENT = 10
INTERRUPTED = 130
TERMINATED = 143
_CODES: tuple[tuple[type[CvsyncError], int], ...] = (  # the first that fits
    (SettingsError, USAGE),
    (UnsupportedError, USAGE),
    (ManifestError, MANIFEST),
    (TransportError, LATER),
    (OverdueError, LATER),
    (GuardError, GUARD),
    (PlanError, GUARD),
    (MissingProjectError, NOT_FOUND),
    (MissingTagError, NOT_FOUND),
    (MissingIterationError, NOT_FOUND),
    (AuthError, NOT_FOUND),
    (NotFoundError, NOT_FOUND),
    (LockedError, LOCKED),
    (TrainingError, MODEL),
)
_QUOTAS = (  # the service's codes for what cvsync itself refuses where it knows of the limit
    "BadRequestExceedProjectLimit", "BadRequestExceedTagPerProjectLimit",
    "BadRequestExceedIterationPerProjectLimit", "BadRequestExceededQuota",
)  # fmt: skip


def exit_code(error: BaseException) -> int:
    """Give the exit code of an error; ``UNEXPECTED`` for what cvsync did not raise on purpose."""
    if isinstance(error, ServiceError) and error.code in _QUOTAS:
        return GUARD
    if isinstance(error, ServiceError) and error.is_transient:
        return LATER
    if not isinstance(error, CvsyncError) and explain(error):
        return LATER if is_full(error) else USAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)


def explain(error: BaseException) -> str | None:
    """Say what an error means; None: nobody expected it, and its traceback tells more.

    Files may be out of reach anywhere, so what the system says is made a reason here, not in each place.
    """
    if isinstance(error, CvsyncError):
        return str(error)
    if is_full(error):
        return "the disk is full; make room and run again"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return None


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that there is no room on the disk."""
    import sqlite3

    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
