from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.errors import LockedError, SettingsError
from cvsync.run.ledger import Ledger
from cvsync.run.lock import hold_lock

STEPS = st.lists(
    st.tuples(st.sampled_from("sd"), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=20
)


def open_ledger(folder: Path, destination: str = "here") -> Ledger:
    return Ledger.open(folder / "ledger.sqlite", destination=destination)


def known(ledger: Ledger) -> dict[str, str]:
    return {row["key"]: row["image_id"] for row in ledger.known().table.to_pylist()}


@given(steps=STEPS)
def test_ledger_knows_what_was_confirmed_and_forgets_what_was_deleted(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    folder, wanted = tmp_path_factory.mktemp("ledger"), {}
    ledger = open_ledger(folder)
    for what, key, image in steps:
        batch = ledger.intend("run", "create image", [key])
        if what == "s":
            ledger.conclude(batch, stored={key: image})
            wanted[key] = image
        else:
            ledger.conclude(batch, deleted=[image])
            wanted = {k: i for k, i in wanted.items() if i != image}
    ledger.close()

    reopened = open_ledger(folder)

    assert known(reopened) == wanted
    assert reopened.in_doubt() == 0
    reopened.close()


def test_request_without_an_answer_is_in_doubt(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)

    ledger.intend("run", "create image", ["a"])

    assert ledger.in_doubt() == 1
    ledger.close()


def test_ledger_is_private_and_of_one_destination(tmp_path: Path) -> None:
    open_ledger(tmp_path / "state").close()

    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "ledger.sqlite").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="is the ledger of here, not of there"):
        open_ledger(tmp_path / "state", "there")


def test_ledger_of_a_newer_cvsync_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(SettingsError, match="newer cvsync"):
        open_ledger(tmp_path)


def test_lock_names_its_holder(tmp_path: Path) -> None:
    with hold_lock(tmp_path, run_id="first"), pytest.raises(LockedError, match="run first, process"):
        hold_lock(tmp_path, run_id="second").__enter__()

    with hold_lock(tmp_path, run_id="third"):
        assert "third" in (tmp_path / "holder").read_text()
