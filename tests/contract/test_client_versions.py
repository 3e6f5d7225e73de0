"""What the client asks of each version, held against the specifications."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

import orjson
import published
import pytest

from cvsync.api.client import Client
from cvsync.api.transport import Request
from cvsync.api.versions import PREDICTION_VERSIONS
from cvsync.errors import TransportError, UnsupportedError
from cvsync.predictions import PredictionQueryToken, SuggestionQueryToken
from cvsync.settings import API_VERSIONS

pytestmark = pytest.mark.skipif(
    not published.FOLDER.is_dir(), reason="needs ../shared/api, not beside this folder"
)
ID = "00000000-0000-0000-0000-000000000001"


class NotSentError(Exception):
    """What `Recorder` raises instead of an answer."""


class Recorder:
    """A transport that goes nowhere."""

    request: Request

    async def send(self, request: Request) -> Any:
        self.request = request
        raise NotSentError


@dataclass
class Saying:
    """A transport that answers everything alike."""

    value: Any

    async def send(self, request: Request) -> Any:
        return self.value


NEEDED: dict[str, Any] = {
    "project_id": ID, "tag_id": ID, "domain_id": ID, "iteration_id": ID, "image_id": ID, "name": "x",
    "changes": {}, "token": "t", "path": "/p", "image_ids": [ID], "tag_ids": [ID], "metadata": {},
    "tags": [], "regions": [], "region_ids": [ID], "platform": "ONNX", "publish_name": "x",
    "prediction_id": "y", "image": b"", "url": "u", "prediction_ids": [ID], "images": (),
}  # fmt: skip
INSTEAD: dict[str, dict[str, Any]] = {
    "create_images_from_data": {"images": b""},
    "query_predictions": {"query": PredictionQueryToken()},
    "query_suggested_images": {"query": SuggestionQueryToken()},
}
SPELLED = {"type_": "type", "filter_": "$filter"}


def operations(*documents: tuple[str, str]) -> dict[str, Any]:
    return {n: o for d in documents for n, o in published.specification(*d).operations.items()}


def names_of(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if "name" in parameter}


def method_of(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def calls_of(method: str, newest: dict[str, Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """Arguments without any option, and with each one of the query; before them its name in the query."""
    parameters = inspect.signature(getattr(Client, method)).parameters.values()
    needed = NEEDED | INSTEAD.get(method, {})
    given = {p.name: needed[p.name] for p in parameters if p.default is p.empty and p.name in needed}
    options = {
        p.name: re.sub(r"_(.)", lambda m: m[1].upper(), p.name) for p in parameters if p.name not in given
    }
    spelled = {option: SPELLED.get(option, name) for option, name in options.items()}
    known = names_of(newest)
    return [(None, given)] + [(name, given | {o: "x"}) for o, name in spelled.items() if name in known]


@pytest.mark.parametrize("version", API_VERSIONS)
async def test_what_a_version_takes_is_sent_and_nothing_else(version: str) -> None:
    """Each method with each of its options, held against what the specification of the version names."""
    prediction = PREDICTION_VERSIONS.get(version, "v3.1")
    known = operations(("training", version), ("prediction", prediction))
    every = operations(("prediction", "v2.0"), ("prediction", "v3.1"), ("training", "v3.4-preview"))
    transport = Recorder()
    client = Client(transport, api_version=version)
    for name, newest in every.items():
        method = method_of(name)
        takes = names_of(known.get(name, {}))
        for option, arguments in calls_of(method, newest):
            is_known = name in known and (option is None or option in takes)
            with pytest.raises(NotSentError if is_known else UnsupportedError):
                await getattr(client, method)(**arguments)
            if is_known:
                assert transport.request.operation == name
                sent = {sent for sent, _ in transport.request.params}
                assert sent <= takes
                assert option is None or option in sent


# Published answers that are not as the specification beside them has them, and what the client says of each.
COUNT, DOMAIN = "it is a text, not a whole number", "type is missing"
WRONG = {
    "GetImagePerformanceCount": (COUNT, "recorded as a bare integer, CONTRACT 2"),
    "GetTaggedImageCount": (COUNT, "recorded as a bare integer, CONTRACT 2"),
    "GetUntaggedImageCount": (COUNT, "recorded as a bare integer, CONTRACT 2"),
    "GetDomain": (DOMAIN, "of v2.x only; recorded with a type, CONTRACT 5"),
    "GetDomains": (f"[0].{DOMAIN}", "of v2.x only; recorded with a type, CONTRACT 5"),
}


@pytest.mark.parametrize("version", API_VERSIONS)
async def test_published_answers_are_read(version: str) -> None:
    """The client is as strict as the specifications, and no stricter than the service is known to be."""
    prediction = PREDICTION_VERSIONS.get(version, "v3.1")
    folders = [published.FOLDER / "examples" / f for f in (f"training-{version}", f"prediction-{prediction}")]
    misread, read = {}, 0
    for path in (path for folder in folders for path in folder.glob("*.json")):
        answers = orjson.loads(path.read_bytes())["responses"]
        method = method_of(path.stem)
        for answer in (answer for status, answer in answers.items() if status.startswith("2")):
            client = Client(Saying(answer.get("body")), api_version=version)
            try:
                await getattr(client, method)(**calls_of(method, {})[0][1])
                read += 1
            except TransportError as error:
                misread[path.stem] = str(error).rpartition(": ")[2]

    expected = {name: said for name, (said, _) in WRONG.items() if "Domain" not in name or version < "v3.0"}
    assert misread == expected
    assert read >= 40
