from __future__ import annotations

from pathlib import Path

import pytest

from cvsync.errors import LockedError
from cvsync.run.lock import hold_lock


def test_lock_names_its_holder(tmp_path: Path) -> None:
    with hold_lock(tmp_path, run_id="first"), pytest.raises(LockedError, match="run first, process"):
        hold_lock(tmp_path, run_id="second").__enter__()

    with hold_lock(tmp_path, run_id="third"):
        assert "third" in (tmp_path / "holder").read_text()
