"""Blobs in parts, and only while they are what the reader knows already. docs: Get Blob of the storage."""

from __future__ import annotations

import hashlib

from aiohttp import web

from cvsync.emulator import pictures


def blob(request: web.Request, content: bytes) -> web.Response:
    """Answer with a blob, as much of it as the request asks for.

    What stands behind a path never changes, so the path is all that an ETag has to tell apart.
    """
    tag = f'"0x{hashlib.blake2b(request.path.encode(), digest_size=8).hexdigest().upper()}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    asked = request.headers
    if "If-Match" in asked and not _names(asked["If-Match"], tag):
        return error(412, "ConditionNotMet", "The condition of the request's headers is not met.")
    if "If-None-Match" in asked and _names(asked["If-None-Match"], tag):
        return web.Response(status=304, headers=headers)
    kind = pictures.content_type(content)
    if "Range" not in asked:
        return web.Response(body=content, content_type=kind, headers=headers)
    return _part(request, content, kind, headers)


def _names(condition: str, tag: str) -> bool:
    return condition.strip() == "*" or tag in (one.strip() for one in condition.split(","))


def _part(request: web.Request, content: bytes, kind: str, headers: dict[str, str]) -> web.Response:
    """The bytes that `Range` asks for; all of them if it cannot be read, as HTTP has it."""
    whole = len(content)
    try:
        start, end, _ = request.http_range.indices(whole)
    except ValueError:
        return web.Response(body=content, content_type=kind, headers=headers)
    if start >= end:
        refusal = error(416, "InvalidRange", "The range specified is invalid for the current size.")
        refusal.headers["Content-Range"] = f"bytes */{whole}"
        return refusal
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{whole}"
    return web.Response(status=206, body=content[start:end], content_type=kind, headers=headers)


def error(status: int, code: str, message: str) -> web.Response:
    """The storage account's form of an error."""
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.Response(
        text=f'<?xml version="1.0" encoding="utf-8"?>{text}', status=status, content_type="application/xml",
        headers={"x-ms-error-code": code},
    )  # fmt: skip
