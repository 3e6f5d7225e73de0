"""What an endpoint may be, wherever it is given."""

from __future__ import annotations

import re

from cvsync.errors import SettingsError

_URL = re.compile(r"(https?)://([^/?#]+)(.*)", re.IGNORECASE)
_BEHIND_HOST = re.compile(r"/customvision(?:/|$)|[?#]", re.IGNORECASE)


def endpoint_url(option: str, text: str, *, or_local: bool = False) -> str:
    """Take an endpoint as it was typed, or as a line of a file holds it.

    Args:
        option: Which says it.
        text: What it says; blanks around it, as a line end of Windows, are no part of it.
        or_local: Whether the option takes ``local`` too.

    Raises:
        SettingsError: It is no endpoint, or more than one: a user and a password, or what stands behind the
            host in the portal's URLs of single operations.
    """
    url = text.strip()
    found = _URL.fullmatch(url)
    if found is None or any(letter.isspace() or not letter.isprintable() for letter in url):
        what = "neither `local` nor an http(s) URL" if or_local else "no http(s) URL"
        raise SettingsError(f"{option} {url!r} is {what}")
    scheme, host, behind = found.groups()
    base = f"{scheme.lower()}://{host.rpartition('@')[2]}{_BEHIND_HOST.split(behind, maxsplit=1)[0]}"
    if base != f"{scheme.lower()}://{host}{behind}":
        raise SettingsError(f"{option} is more than the resource's endpoint; give {base} alone")
    return base
