"""What can be seen of a URL without asking for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.manifest.texts import Mask, Positions, Texts, byte_at, heads_of

Mark = Callable[[str, str, Positions], None]

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_STORAGE = frozenset(
    {"gs", "s3", "s3a", "s3n", "abfs", "abfss", "adl", "azureml", "wasb", "wasbs", "hdfs", "dbfs", "oci"}
)
IS_URL = r"^[A-Za-z][A-Za-z0-9+.-]+://"
IS_PLACE = r"^\s*[A-Za-z][A-Za-z0-9+.-]+:/"  # a URL, or what was to be one
_CONTROL = r"[\x00-\x1f\x7f]"
_HOST = re.compile(r"(?i)https?://(?:[^/?#:\s\[]|\[[0-9a-f:.]+\])")  # in brackets an address of IPv6
_MAY_START_A_HOST = np.array([chr(byte) not in "\0/?#: [" for byte in range(256)])
_TAKEN = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
_OTHER = (  # kinds of file that are surely none of those; anything else may well be one
    r"(?i)\.(webp|tiff?|heic|heif|avif|svgz?|jp2|psd|ico|raw|cr2|nef|dng|pdf|eps|mp4|mov|avi|mkv|txt|csv|tsv"
    r"|jsonl?|xml|ya?ml|zip|gz|html?|docx?|xlsx?|parquet)$"
)


def check_urls(urls: Texts, mark: Mark, *, any_storage: bool) -> None:
    """Mark the rows whose URL the service cannot fetch.

    Args:
        urls: As written, without blanks around them.
        mark: Is told codes, ``url`` and rows.
        any_storage: Take other schemes than http and https.
    """
    if urls.is_empty:
        return
    odd = ~urls.tell(_names_a_host)
    if odd.any():
        at = np.flatnonzero(odd)
        codes = np.full(len(odd), "", object)
        codes[at] = [
            _why(url, any_storage=any_storage) or "" for url in urls.values.take(pa.array(at)).to_pylist()
        ]
        for code in {*codes[at].tolist()} - {""}:
            mark(code, "url", urls.rows(codes == code))
    low, high = urls.span
    if low <= ord(" ") or high >= 0x7F:
        control = urls.matches(_CONTROL)
        mark("E008", "url", urls.rows(control))
        mark("W006", "url", urls.rows(~control & urls.matches(" ")))
    check_endings(urls, "url", mark)


def check_endings(places: Texts, column: str, mark: Mark) -> None:
    """Mark the rows whose URL or path ends like a file that is no image for the service."""
    is_url = column == "url"
    has_query = is_url and places.contains("?")
    mark("W008", column, places.rows(places.tell(partial(_ends_oddly, is_url=is_url, has_query=has_query))))


def _ends_oddly(names: pa.StringArray, *, is_url: bool, has_query: bool) -> Mask:
    if has_query:
        names = heads_of(names)
    left = np.ones(len(names), bool)
    for ending in _TAKEN:
        if left.any():
            left &= ~np.asarray(pc.ends_with(names, ending))
    if left.any():
        rest = names.filter(pa.array(left))
        if is_url:
            rest = pc.replace_substring_regex(rest, r"#.*$", "")
        left[left] = np.asarray(pc.match_substring_regex(rest, _OTHER))
    return left


def _names_a_host(urls: pa.StringArray) -> Mask:
    length = np.zeros(len(urls), np.int32)
    for start in ("https://", "http://"):
        if not length.all():
            length[np.asarray(pc.starts_with(urls, start))] = len(start)
    return np.asarray((length > 0) & _MAY_START_A_HOST[byte_at(urls, length)])


def _why(url: str, *, any_storage: bool) -> str | None:
    """Give the code of what is wrong with a URL that is not plainly right."""
    match = _SCHEME.match(url)
    scheme = match[1].lower() if match else ""
    if scheme in ("http", "https"):
        return None if _HOST.match(url) else "E005"
    if not scheme:
        return "E038"
    if any_storage and url[len(scheme) :].startswith("://"):
        return None
    if scheme == "file":
        return "E006"
    return "E007" if scheme in _STORAGE else "E004"
