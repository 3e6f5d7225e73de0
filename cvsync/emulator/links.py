"""Signed links that expire, shaped like the storage account's own.

http://host:port/i-<project>/i-<image>?sv=…&sr=b&sig=…&se=<end>&sp=r
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from urllib.parse import quote

_SERVICE_VERSION = "2017-04-17"  # recorded: `sv` of 2018
_CLOCK_FORM = "%Y-%m-%dT%H:%M:%SZ"
_QUOTED = str.maketrans({sign: quote(sign, safe="") for sign in "+/="})  # all that base64 has to quote


class Links:
    """Signs paths and checks them; the secret lives with the state, so links survive a restart."""

    def __init__(
        self, base: str, secret: bytes, lifetime: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.base = base
        self.secret = secret
        self.lifetime = lifetime
        self.clock = clock

    def expiry(self) -> str:
        """The end of a link made now; one answer shares it."""
        return time.strftime(_CLOCK_FORM, time.gmtime(self.clock() + self.lifetime))

    def make(self, path: str, expiry: str) -> str:
        """Sign a path such as `/i-…/i-…`; where it is served stands before that."""
        signature = self._sign(path, expiry).translate(_QUOTED)
        ends = expiry.replace(":", "%3A")
        return f"{path}?sv={_SERVICE_VERSION}&sr=b&sig={signature}&se={ends}&sp=r"

    def is_genuine(self, path: str, signature: str, expiry: str) -> bool:
        return hmac.compare_digest(self._sign(path, expiry).encode(), signature.encode(errors="replace"))

    def is_over(self, expiry: str) -> bool:
        return time.strftime(_CLOCK_FORM, time.gmtime(self.clock())) > expiry

    def _sign(self, path: str, expiry: str) -> str:
        digest = hmac.digest(self.secret, f"{path}\n{expiry}".encode(errors="replace"), "sha256")
        return base64.b64encode(digest).decode()
