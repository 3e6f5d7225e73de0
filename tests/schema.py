"""The published schema of events, and a look whether events keep to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA: dict[str, Any] = json.loads((files("cvsync") / "events.schema.json").read_text(encoding="utf-8"))
LINES = Draft202012Validator(SCHEMA)
EVENTS = {
    # Strict: a fact that the schema does not list is a mistake here, though none for a reader of events.
    name: Draft202012Validator({"additionalProperties": False} | definition)
    for name, definition in SCHEMA["$defs"].items()
}


def check_event(name: str, facts: Mapping[str, object]) -> None:
    """Fail if an event is not as the schema says."""
    assert name in EVENTS, f"the schema lists no event {name!r}"
    plain = json.loads(json.dumps(dict(facts), default=str))
    errors = [error.message for error in EVENTS[name].iter_errors(plain)]
    assert not errors, f"{name}: {'; '.join(errors)}"


def check_line(line: str) -> dict[str, Any]:
    """Fail if a line of ``--json`` is not as the schema says; give what it holds."""
    value: dict[str, Any] = json.loads(line)
    LINES.validate(value)
    check_event(value["ev"], {n: v for n, v in value.items() if n not in SCHEMA["properties"]})
    return value
