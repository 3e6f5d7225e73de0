"""The published specifications, as judges of what the emulator answers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "api"
TRAINING_VERSIONS = ("v2.0", "v2.1", "v2.2", "v3.0", "v3.1", "v3.2", "v3.3", "v3.4-preview")
PREDICTION_VERSIONS = ("v1.1", "v2.0", "v3.0", "v3.1")
Schema = dict[str, Any]

# Fields that the specification of some version says are never null, and that are null all the same.
NULLS = {
    ("ImageTag", "tagName"): "create answers name no tag (CONTRACT 8, recorded)",
    ("ImageRegion", "tagName"): "create answers name no tag (CONTRACT 8, recorded)",
    ("ImageRegionCreateResult", "tagName"): "answers to new regions name no tag (CONTRACT 10, recorded)",
    ("ImageCreateResult", "image"): "a failed entry has no image (CONTRACT 2, issue)",
    ("Iteration", "publishName"): "until it is published (CONTRACT 2, recorded)",
    ("Iteration", "originalPublishResourceId"): "until it is published (CONTRACT 2, recorded)",
    ("PredictionQueryToken", "continuation"): "there is no further page (CONTRACT 17, recorded)",
    ("PredictionQueryToken", "application"): "nothing was asked for (CONTRACT 2, recorded)",
    ("SuggestedTagAndRegionQueryToken", "continuation"): "there is no further page (CONTRACT 16, recorded)",
    ("ProjectSettings", "detectionParameters"): "null or empty (CONTRACT 6, recorded)",
    ("Export", "downloadUri"): "until the export is done (CONTRACT 14, recorded)",
    ("Project", "thumbnailUri"): "until there is an image (CONTRACT 6, recorded)",
    ("Tag", "description"): "null when left out (CONTRACT 2, recorded)",
}
# Fields that answers have before the specification of their version names them.
EXTRAS = {
    ("ProjectSettings", "classificationType"): "in v2.0 already (CONTRACT 6, recorded)",
    ("ProjectSettings", "useNegativeSet"): "in v2.0 already (CONTRACT 6, recorded)",
    ("ProjectSettings", "detectionParameters"): "in v2.0 already (CONTRACT 6, recorded)",
}
# Values that no enum names.
VALUES = {
    "IVS": ("CoreML", "a platform of the detection domain [S1] (CONTRACT 5, recorded)"),
    "ErrorInvalidRegion": ("ErrorRegionLimitExceed", "a box outside its image (CONTRACT 8, issue)"),
}
# Answers of these whose names are in PascalCase, and the last version of that.
LEAKS = {
    "TrainProject": ("v2.0", "CONTRACT 2, recorded"),
    "UpdateTag": ("v2.1", "CONTRACT 2, recorded"),
}
# Refusals that come from the gateway before the service, in its own form (CONTRACT 3); 501 is the emulator's.
GATEWAY_STATUSES = (401, 404, 413, 429, 501)
_FLAT: Schema = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"pattern": r"^\d{3}$"}, "message": {"type": "string"}},
    "additionalProperties": False,
}
_OLDER: Schema = {
    "type": "object",
    "required": ["statusCode", "message"],
    "properties": {"statusCode": {"type": "integer"}, "message": {"type": "string"}},
    "additionalProperties": False,
}
_NESTED: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _FLAT},
    "additionalProperties": False,
}
_GATEWAY: Schema = {
    "if": {"required": ["error"]},
    "then": _NESTED,
    "else": {"if": {"required": ["statusCode"]}, "then": _OLDER, "else": _FLAT},
}
# v2.x publishes no form of errors; these are the two that clients met (CONTRACT 3, issue).
_UNPUBLISHED_ERROR: Schema = {
    "anyOf": [
        {
            "required": names,
            "properties": {name: {"type": "string"} for name in names},
            "additionalProperties": False,
        }
        for names in (["code", "message"], ["Code", "Message"])
    ]
}
_NAIVE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?"
_FORMATS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    # RFC 3339 wants a zone; the service leaves it out in many places (CONTRACT 2, recorded).
    "date-time": re.compile(_NAIVE + "Z?"),
}
_CHECKER = jsonschema.FormatChecker(formats=())
for _name, _pattern in _FORMATS.items():
    _CHECKER.checks(_name)(lambda value, p=_pattern: not isinstance(value, str) or p.fullmatch(value))


class Specification:
    """One published document."""

    def __init__(self, name: str) -> None:
        self.document = orjson.loads((FOLDER / f"{name}.json").read_bytes())
        self.version = name.partition("-")[2]
        self.operations: dict[str, Schema] = {
            operation["operationId"]: operation
            for methods in self.document["paths"].values()
            for operation in methods.values()
        }
        self._definitions = {
            name: self._strict(schema, name) for name, schema in self.document["definitions"].items()
        }
        self._judges: dict[tuple[str, int], jsonschema.Draft7Validator] = {}

    def problems(self, operation: str, status: int, content: bytes | None) -> list[str]:
        """What is wrong with an answer."""
        if status in GATEWAY_STATUSES and _is_of_gateway(content):
            return problems_of_gateway(status, content)
        responses = self.operations[operation]["responses"]
        declared = responses.get("default" if status >= 400 else str(status))
        if declared is None and status < 400:
            return [f"{operation} {self.version} never answers {status}"]
        schema = _UNPUBLISHED_ERROR if declared is None else declared.get("schema")
        if schema is None or not content:
            wrong = bool(schema) != bool(content)
            return [f"{operation} {self.version} {status} and its body: {content!r}"] if wrong else []
        value = orjson.loads(content)
        if status < 400 and self.version <= LEAKS.get(operation, ("",))[0]:
            value = {name[:1].lower() + name[1:]: item for name, item in value.items()}
        found = _problem(self._judge(operation, status, schema), value)
        return [f"{operation} {self.version} {status} {found}"] if found else []

    def _judge(self, operation: str, status: int, schema: Schema) -> jsonschema.Draft7Validator:
        if (operation, status) not in self._judges:
            whole = schema if schema is _UNPUBLISHED_ERROR else self._strict(schema | {"x-nullable": False})
            self._judges[operation, status] = _judge(whole | {"definitions": self._definitions})
        return self._judges[operation, status]

    def _strict(self, schema: Schema, name: str = "") -> Schema:
        """A JSON schema that knows `x-nullable`, and allows no field that is not named."""
        if "$ref" in schema:
            return _nullable({"$ref": schema["$ref"]}) if _may_be_null(schema) else {"$ref": schema["$ref"]}
        kept = ("type", "enum", "required", "maxItems", "format")
        made = {key: schema[key] for key in kept if key in schema}
        for value, (beside, _) in VALUES.items():
            if beside in made.get("enum", ()):
                made["enum"] = [*made["enum"], value]
        if "properties" in schema:
            made["properties"] = {
                field: _nullable(self._strict(inner)) if (name, field) in NULLS else self._strict(inner)
                for field, inner in schema["properties"].items()
            }
            for owner, field in EXTRAS:
                if owner == name:
                    made["properties"].setdefault(field, {})
            made["additionalProperties"] = False
        if isinstance(schema.get("additionalProperties"), dict):
            made["additionalProperties"] = self._strict(schema["additionalProperties"])
        if "items" in schema:
            made["items"] = self._strict(schema["items"])
        # A definition itself is never null; whoever refers to it says whether it may be.
        return _nullable(made) if not name and _may_be_null(schema) else made


def _may_be_null(schema: Schema) -> bool:
    """Whether a field may be null: the specifications mark those that may not."""
    return schema.get("x-nullable") is not False


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _judge(schema: Schema) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(schema, format_checker=_CHECKER)


def _problem(judge: jsonschema.Draft7Validator, value: Any) -> str | None:
    if judge.is_valid(value):  # first, as there is no error as a rule and looking for the best one is slow
        return None
    error = jsonschema.exceptions.best_match(judge.iter_errors(value))
    return f"at {'/'.join(map(str, error.absolute_path)) or 'the top'}: {error.message[:300]}"


_GATEWAY_JUDGE = _judge(_GATEWAY)


def _is_of_gateway(content: bytes | None) -> bool:
    value = orjson.loads(content) if content else None
    return isinstance(value, dict) and "error" in value


def problems_of_gateway(status: int, content: bytes | None) -> list[str]:
    """What is wrong with a refusal of the gateway."""
    found = _problem(_GATEWAY_JUDGE, orjson.loads(content or b"null"))
    return [f"the gateway's {status} {found}"] if found else []


@cache
def specification(kind: str, version: str) -> Specification:
    """The document of `training` or `prediction` in one version."""
    return Specification(f"{kind}-{version}")


def operations(kind: str, version: str) -> set[str]:
    """The ids of a version's operations; the test is skipped where the specifications are not at hand."""
    if not FOLDER.is_dir():
        pytest.skip("needs ../shared/api, which is not beside this folder")
    return set(specification(kind, version).operations)


def versions_of(kind: str) -> tuple[str, ...]:
    return TRAINING_VERSIONS if kind == "training" else PREDICTION_VERSIONS


def version_text(kind: str, version: tuple[int, int]) -> str:
    """`v3.3` for (3, 3)."""
    start = f"v{version[0]}.{version[1]}"
    return next(text for text in versions_of(kind) if text.startswith(start))
