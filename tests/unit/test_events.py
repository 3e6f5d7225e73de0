from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator, ValidationError
from schema import EVENTS, LINES, SCHEMA, check_event, check_line

from cvsync.events import Event, as_line, without_query

MOMENT = datetime(2026, 11, 25, 1, 2, 3, 456_789, UTC)


def line(event: Event) -> str:
    return json.dumps(as_line(event, moment=MOMENT, run="r", destination="https://x.test"))


def test_schema_is_one_and_names_each_event_once() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    names = sorted(SCHEMA["$defs"])

    assert SCHEMA["properties"]["ev"]["enum"] == names
    assert [rule["then"]["$ref"] for rule in SCHEMA["allOf"]] == [f"#/$defs/{name}" for name in names]
    assert all(definition["description"] for definition in EVENTS_OF_SCHEMA.values())


EVENTS_OF_SCHEMA = SCHEMA["$defs"]


def test_line_says_what_when_and_of_which_run() -> None:
    found = check_line(line(Event("batch_done", {"kind": "create image", "items": 64})))

    assert found == {
        "v": 1, "ts": "2026-11-25T01:02:03.456+00:00", "lvl": "info", "ev": "batch_done", "run": "r",
        "dest": "https://x.test", "kind": "create image", "items": 64,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (Event("batch_in_doubt"), "warning"),
        (Event("run_end", {"exit_code": 0}), "info"),
        (Event("run_end", {"exit_code": 5, "reason": "no answer"}), "error"),
    ],
)
def test_level_says_how_much_it_matters(event: Event, level: str) -> None:
    assert event.level == level


@pytest.mark.parametrize(
    "facts", [{"kind": "create image"}, {"kind": "create image", "items": -1}, {"kind": "hop", "items": 1}]
)
def test_schema_refuses_what_is_wrong(facts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LINES.validate(json.loads(line(Event("batch_done", facts))))


def test_every_event_that_any_test_makes_is_checked() -> None:
    """The check itself is `_events_keep_to_the_schema` of tests/conftest.py."""
    with pytest.raises(AssertionError, match="no event 'hop'"):
        check_event("hop", {})
    with pytest.raises(AssertionError, match="unlisted"):
        check_event("batch_done", {"kind": "create image", "items": 1, "unlisted": 2})
    assert len(EVENTS) > 20


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.test/a?sig=secret#part", "https://x.test/a"),
        ("images/a?b.png", "images/a?b.png"),
        ("https://me:secret@x.test/@a?b", "https://x.test/@a"),
        ("http://[half/x.jpg?sig=secret", "http://[half/x.jpg"),
    ],
)
def test_signatures_are_not_shown(url: str, shown: str) -> None:
    assert without_query(url) == shown
