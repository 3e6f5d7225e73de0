from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from cvsync.api.connections import Connections, is_loopback
from cvsync.api.transport import AiohttpTransport, Request, timeout_of
from cvsync.errors import AuthError, NotFoundError, ServiceError, ThrottledError, TransportError
from cvsync.settings import Settings

SETTINGS = Settings(endpoint="https://resource.test/", training_key="canary-key")
REQUEST = Request("GetProjects", "GET", "/customvision/v3.3/training/projects")
URL = "https://resource.test" + REQUEST.path


async def send(answers: Any, **answer: Any) -> Any:
    answers.get(URL, response_class=answers.response, **answer)
    async with Connections() as connections:
        return await AiohttpTransport(SETTINGS, connections).send(REQUEST)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, '{"code":"BadRequestTagName","message":"m"}', ServiceError, "BadRequestTagName"),
        (400, '{"Code":"BadRequestTagName","Message":"m"}', ServiceError, "BadRequestTagName"),
        (404, '{"error":{"code":"404","message":"m"}}', NotFoundError, "404"),
        (401, '{"statusCode":401,"message":"m"}', AuthError, "401"),
        (
            403,
            '{"code":"ForbiddenUserInsufficientCapability"}',
            AuthError,
            "ForbiddenUserInsufficientCapability",
        ),
        (429, '{"error":{"code":"429","message":"m"}}', ThrottledError, "429"),
        (302, "", ServiceError, "302"),
        (502, "<html>bad gateway</html>", ServiceError, "502"),
    ],
)
async def test_every_form_of_error_is_read(
    answers: Any, status: int, body: str, kind: type[ServiceError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        await send(answers, status=status, body=body)

    assert (caught.value.status, caught.value.code) == (status, code)
    assert "canary" not in f"{caught.value!r} {caught.value}"


async def test_signatures_are_not_told_on(answers: Any) -> None:
    said = "Cannot download 'https://h.test/1.jpg?sv=2023&sig=secret', nor 'https://h.test/2.jpg'. Gone?"

    with pytest.raises(ServiceError) as caught:
        await send(answers, status=400, payload={"code": "BadRequestImageUrl", "message": said})

    assert caught.value.message == said.replace("?sv=2023&sig=secret", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), ("inf", None), ("nan", None), (None, None)],
)
async def test_retry_after_is_read_in_seconds(answers: Any, text: str | None, seconds: float | None) -> None:
    with pytest.raises(ThrottledError) as caught:
        await send(answers, status=429, headers={"Retry-After": text} if text else {})

    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000"])
async def test_retry_after_may_be_a_date_that_is_over(answers: Any, zone: str) -> None:
    with pytest.raises(ThrottledError) as caught:
        await send(answers, status=429, headers={"Retry-After": f"Wed, 21 Oct 2015 07:28:00 {zone}"})

    assert caught.value.retry_after == 0


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientPayloadError("cut"), True),
        (TimeoutError(), True),
        (aiohttp.ConnectionTimeoutError(), False),
    ],
)
async def test_failed_connection_says_whether_the_request_left(
    answers: Any, error: Exception, *, sent: bool
) -> None:
    with pytest.raises(TransportError) as caught:
        await send(answers, exception=error)

    assert caught.value.sent is sent
    assert caught.value.__cause__ is error


async def test_answer_that_is_no_json_is_no_answer(answers: Any) -> None:
    with pytest.raises(TransportError, match="no JSON"):
        await send(answers, status=200, body="<html></html>")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("a.test", False), ("", False)],
)
def test_loopback_is_known(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_key_is_in_no_repr() -> None:
    assert "canary" not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("operation", "method", "seconds"),
    [
        ("GetImageCount", "GET", 15),
        ("GetTags", "GET", 30),
        ("CreateImageTags", "POST", 60),
        ("CreateImagesFromUrls", "POST", 120),
        ("CreateImagesFromFiles", "POST", 120),
    ],
)
def test_each_kind_of_call_has_its_time(operation: str, method: str, seconds: float) -> None:
    timeout = timeout_of(Request(operation, method, "/x"), SETTINGS.timeout)

    assert (timeout.total, timeout.sock_connect) == (seconds, 10)
    assert timeout_of(Request(operation, method, "/x"), 5.0).total == 5
