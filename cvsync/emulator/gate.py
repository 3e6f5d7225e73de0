"""What every call of the API passes: route, key, rate cap, faults; and the one place that answers."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
import struct
import time
import uuid
from email.utils import formatdate
from typing import Any

import orjson
from aiohttp import web

from cvsync.emulator import routes
from cvsync.emulator.call import Call, Reply
from cvsync.emulator.counters import Counters
from cvsync.emulator.errors import GatewayFault, NotModelled, ServiceFault
from cvsync.emulator.faults import Fault, Faults
from cvsync.emulator.routes import Match
from cvsync.emulator.shaping import Shaping
from cvsync.emulator.site import Site

log = logging.getLogger("cvsync.emulator")
_NO_LINGER = struct.pack("ii", 1, 0)  # closing then sends a TCP reset
_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Gate:
    """The way in. Counts what it sees."""

    def __init__(self, site: Site) -> None:
        settings = site.settings
        self.site = site
        self.quirks = settings.quirks
        self.faults = Faults()
        self.faults.order(list(settings.faults), routes.OPERATIONS)
        self.counters = Counters()
        self.shaping = Shaping(settings.tps, settings.tps_kind, settings.latency, settings.seed)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        found = routes.match(request.method, request.path)
        if found is None or (self.quirks.v2_is_gone and found.version < (3, 0)):
            return self._refuse(_stranger(request))
        self.counters.begin()
        status: int | str = "reset"
        try:
            response = await self._pass(request, found)
            if response is None:
                return _aborted(request)
            status = response.status
            return response
        finally:
            self.counters.end(found.route.operation, found.version_text, status)

    async def _pass(self, request: web.Request, found: Match) -> web.StreamResponse | None:
        """Answer one call; None: the connection is to be reset."""
        try:
            _check_length(request)
            self._check_key(request, found)
            wait = self.shaping.admit(found.route.rate_class)
            if wait:
                raise GatewayFault(429, self._throttle_message(found, wait), retry_after=wait)
        except GatewayFault as refusal:
            return self._refuse(refusal)
        fault, shuffle = self.faults.pick(found.route.operation)
        if fault is not None and fault.kind in ("status", "html"):
            return _answer_fault(fault)
        if fault is not None and fault.kind == "reset_before":
            return None
        await self._serve()
        call = Call(request, self.site, found.route, found.version, found.path)
        call.partial = fault if fault is not None and fault.kind == "partial" else None
        call.shuffled = shuffle
        response = await self._work(call)
        return await _spoil(request, response, fault)

    def _check_key(self, request: web.Request, found: Match) -> None:
        """recorded: one key a resource; a training key is wrong on prediction. Entra tokens: docs."""
        settings = self.site.settings
        is_prediction = found.route.is_prediction
        header = "Prediction-Key" if is_prediction else "Training-Key"
        key = settings.prediction_key if is_prediction else settings.training_key
        given = request.headers.get(header) or request.headers.get("Ocp-Apim-Subscription-Key") or ""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if _is_equal(given, key):
            return
        accepted = settings.bearer_token if scheme.lower() == "bearer" else None
        if accepted and _is_equal(token.strip(), accepted):
            return
        raise GatewayFault(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a"
            " valid key for an active subscription and use a correct regional API endpoint for your"
            " resource.",
        )

    def _throttle_message(self, found: Match, wait: int) -> str:
        api = "Prediction" if found.route.is_prediction else "Training"
        tier = "F0" if self.site.settings.quota == "F0" else "S0"
        return (  # issue: the gateway's words, met on other services of its family
            f"Requests to the {found.route.operation} Operation under Custom Vision {api} API"
            f" ({found.version_text}) have exceeded call rate limit of your current CustomVision.{api} {tier}"
            f" pricing tier. Please retry after {wait} second{'s' if wait > 1 else ''}."
        )

    async def _serve(self) -> None:
        seconds = self.shaping.service_time()
        if seconds:
            await asyncio.sleep(seconds)

    async def _work(self, call: Call) -> web.Response:
        """Let the handler answer, and turn what it raises into the service's own form."""
        try:
            reply = await call.route.handler(call)
        except ServiceFault as refusal:
            reply = Reply(refusal.body(call.version), refusal.status)
        except GatewayFault as refusal:
            return self._refuse(refusal)
        except (ConnectionError, web.RequestPayloadError):  # as a rule, nobody is left to read it
            reply = Reply(ServiceFault("BadRequest", "The body cannot be read").body(call.version), 400)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(GatewayFault(413, "Request Entity Too Large"))
        except UnicodeError:
            reply = Reply(ServiceFault("BadRequest", "Broken text").body(call.version), 400)
        except Exception:
            log.exception("%s failed", call.route.operation)
            fault = ServiceFault("ErrorUnknown", "The emulator failed; its log says how", status=500)
            reply = Reply(fault.body(call.version), fault.status)
        return write(reply, call.version)

    def _refuse(self, fault: GatewayFault) -> web.Response:
        response = write(Reply(fault.body(self.quirks.gateway_form), fault.status), (2, 0))
        if fault.retry_after is not None and self.quirks.retry_after != "none":
            is_date = self.quirks.retry_after == "date"
            moment = formatdate(time.time() + fault.retry_after, usegmt=True)
            response.headers["Retry-After"] = moment if is_date else str(fault.retry_after)
        return response


def _check_length(request: web.Request) -> None:
    """docs: a POST without a body says so by `Content-Length: 0`, as curl does with `-d ''`."""
    is_told = "Content-Length" in request.headers or "Transfer-Encoding" in request.headers
    if request.method in ("POST", "PATCH") and not is_told:
        raise GatewayFault(411, "Length Required")


def _is_equal(given: str, secret: str) -> bool:
    # A header may hold bytes that are no UTF-8; they must not end in an exception.
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def write(reply: Reply, version: tuple[int, int]) -> web.Response:
    """Write an answer. recorded: compact JSON, and these headers on almost every one."""
    request_id = str(uuid.uuid4())
    headers = {
        "apim-request-id": request_id,
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
        "x-content-type-options": "nosniff",
    }
    if version >= (3, 2):
        headers["Request-Id"] = request_id
    if isinstance(reply.value, web.Response):
        reply.value.headers.update(headers)
        return reply.value
    if reply.status in (202, 204):
        return web.Response(status=reply.status, headers=headers)
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(body=orjson.dumps(reply.value), status=reply.status, headers=headers)


def _stranger(request: web.Request) -> GatewayFault:
    if routes.is_old(request.path):
        return NotModelled("training API versions before v2.0")
    return GatewayFault(404, "Resource not found")


def _answer_fault(fault: Fault) -> web.Response:
    if fault.kind == "html":
        return web.Response(text=_HTML.format(fault.status), status=fault.status, content_type="text/html")
    body: Any = fault.body
    if body is None:
        body = GatewayFault(fault.status, "Injected fault").body()
    if isinstance(body, str):
        response = web.Response(text=body, status=fault.status, content_type="text/plain")
    else:
        response = write(Reply(body, fault.status), (2, 0))
    if fault.retry_after is not None:
        wait = fault.retry_after
        response.headers["Retry-After"] = wait if isinstance(wait, str) else f"{wait:g}"
    return response


async def _spoil(
    request: web.Request, response: web.Response, fault: Fault | None
) -> web.StreamResponse | None:
    """The faults that strike after the work is done."""
    if fault is None:
        return response
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "reset_after":
        return None
    elif fault.kind == "truncate":
        return await _truncated(request, response)
    return response


async def _truncated(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Promise the whole answer, send half of it and hang up."""
    whole = response.body if isinstance(response.body, bytes) else b""
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = max(len(whole), 2)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def _aborted(request: web.Request) -> web.Response:
    """Reset the connection for real."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    return web.Response(status=500)
