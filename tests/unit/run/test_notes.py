from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cvsync.run.ledger import Ledger

NAMES = st.sampled_from(["training", "trained", "wide ä"])
VALUES = (
    st.none()
    | st.integers(-100, 100)
    | st.text()
    | st.lists(st.text())
    | st.dictionaries(st.text(), st.text())
)


@given(steps=st.lists(st.tuples(NAMES, VALUES | st.just("drop")), max_size=6))
@settings(max_examples=25)  # it waits for a disk that others use too
def test_notes_are_a_mapping_on_disk(tmp_path_factory: Any, steps: list[Any]) -> None:
    path, wanted = tmp_path_factory.mktemp("notes") / "ledger.sqlite", {}
    for name, value in steps:
        ledger = Ledger.open(path, "here")
        if value == "drop":
            assert ledger.notes.pop(name, None) == wanted.pop(name, None)
        else:
            ledger.notes[name] = wanted[name] = value
        ledger.close()

    ledger = Ledger.open(path, "here")
    assert dict(ledger.notes) == wanted
    assert len(ledger.notes) == len(wanted)
    ledger.close()


def test_notes_do_not_touch_the_ledgers_own_facts(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", "here")
    ledger.notes["destination"] = "there"
    ledger.close()

    ledger = Ledger.open(tmp_path / "ledger.sqlite", "here")  # which it would not be, were it told otherwise

    assert dict(ledger.notes) == {"destination": "there"}
    ledger.close()
