from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from cvsync.odd_names import as_text, dump_json, is_odd

ODD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(("name", "text"), [("café", "café"), (ODD, r"caf\udce9"), (Path(ODD), r"caf\udce9")])
def test_bytes_that_are_no_text_are_escaped(name: str | Path, text: str) -> None:
    assert as_text(name) == text
    assert is_odd(str(name)) == (text != "café")


def test_json_holds_odd_names_wherever_they_stand() -> None:
    value = {"path": Path(ODD), ODD: [ODD, "café", 1, None], "more": ({"deep": ODD},)}

    found = orjson.loads(dump_json(value))

    assert found == {
        "path": r"caf\udce9", r"caf\udce9": [r"caf\udce9", "café", 1, None], "more": [{"deep": r"caf\udce9"}],
    }  # fmt: skip
