"""What ends a command has a code and a reason, whoever raised it."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from cvsync.cli import exits
from cvsync.errors import ServiceError, SettingsError


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (SettingsError("no key"), 2, "no key"),
        (PermissionError(errno.EACCES, "Permission denied", "state/x"), 2, "state/x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "the disk is full; make room and run again"),
        (OSError(errno.EIO, "Input/output error"), 1, None),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, None),
        (ValueError("a bug"), 1, None),
    ],
)
def test_errors_of_files_have_a_reason_and_bugs_their_traceback(
    error: Exception, code: int, reason: str | None
) -> None:
    assert (exits.exit_code(error), exits.explain(error)) == (code, reason)


def test_a_database_on_a_full_disk_is_a_full_disk(tmp_path: Path) -> None:
    db = sqlite3.connect(os.fspath(tmp_path / "x.sqlite"))
    db.execute("PRAGMA max_page_count = 2")
    db.execute("CREATE TABLE t (x BLOB)")

    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("INSERT INTO t VALUES (zeroblob(100000))")

    db.close()
    assert exits.exit_code(caught.value) == 5


@pytest.mark.parametrize(
    ("status", "code", "exit_"),
    [
        (400, "BadRequestExceedProjectLimit", 6),
        (400, "BadRequestExceedTagPerProjectLimit", 6),
        (400, "BadRequestExceedIterationPerProjectLimit", 6),
        (400, "BadRequestExceededQuota", 6),
        (400, "BadRequest", 1),
        (503, "503", 5),
    ],
)
def test_a_quota_of_the_service_is_no_unexpected_error(status: int, code: str, exit_: int) -> None:
    assert exits.exit_code(ServiceError("CreateTag", status, code, "")) == exit_
