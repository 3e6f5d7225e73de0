"""What makes two rows the same image: URLs without signatures, paths in one spelling."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.manifest.texts import Texts

_AZURE = frozenset(  # docs: the query fields of account, service and user-delegation SAS
    {"sv", "ss", "srt", "sp", "st", "se", "spr", "sig", "sr", "si", "sip", "skoid", "sktid", "skt", "ske"}
    | {"sks", "skv", "saoid", "suoid", "scid", "sdd", "ses", "rscc", "rscd", "rsce", "rscl", "rsct"}
)
_CLOUDFRONT = frozenset({"Signature", "Key-Pair-Id", "Expires", "Policy", "Hash-Algorithm"})


def _nothing_but(names: str, one: str, other: str) -> str:
    """Give a regular expression of URLs whose query has certain names only, two of them surely."""
    any_, first, second = (f"(?:{part})=[^&#]*" for part in (names, one, other))
    both = f"(?:{first}&(?:{any_}&)*{second}|{second}&(?:{any_}&)*{first})"
    return rf"^[^?#]*\?(?:{any_}&)*{both}(?:&{any_})*$"


_SIGNATURES = (
    _nothing_but("|".join(sorted(_AZURE)), "sig", "sv|se"),
    _nothing_but("X-Amz-[A-Za-z-]+", "X-Amz-Signature", "X-Amz-[A-Za-z-]+"),
    _nothing_but("X-Goog-[A-Za-z-]+", "X-Goog-Signature", "X-Goog-[A-Za-z-]+"),
    _nothing_but("|".join(sorted(_CLOUDFRONT)), "Signature", "Key-Pair-Id"),
)
_ODD_PATH = r"^/|//|(^|/)\.\.?(/|$)|\\|/$|^[A-Za-z]:"  # whatever a path in its plainest form has not


def url_keys(urls: Texts) -> Texts:
    """Give the key of each URL."""
    if not urls.contains("?"):
        return urls
    left = urls.matches(r"\?")
    keys = urls.values
    for signature in _SIGNATURES:
        if not left.any():
            break
        pure = urls.matches(signature) & left
        if pure.any():
            keys = urls.heads if pure.all() else pc.if_else(pa.array(pure), urls.heads, keys)
            left &= ~pure
    if left.any():
        changed = [url_key(url) for url in keys.filter(pa.array(left)).to_pylist()]
        keys = pc.replace_with_mask(keys, pa.array(left), pa.array(changed, pa.string()))
    return urls if keys is urls.values else urls.mapped(keys)


def path_keys(paths: Texts, *, folder: Path, common: Path) -> Texts:
    """Give the key of each path; folders as ``path_key`` has them."""
    odd = paths.matches(_ODD_PATH)
    keys = paths.values
    if folder != common:
        below = path_key("", folder=folder, common=common)
        keys = pc.binary_join_element_wise(below, keys, "/")
    if odd.any():
        changed = [
            path_key(p, folder=folder, common=common) for p in paths.values.filter(pa.array(odd)).to_pylist()
        ]
        keys = pc.replace_with_mask(keys, pa.array(odd), pa.array(changed, pa.string()))
    return paths if keys is paths.values else paths.mapped(keys)


def signature_end(url: str) -> datetime | None:
    """Say when a URL's signature ends; None where it has none, or does not say."""
    query = url.partition("?")[2].partition("#")[0]
    values = dict(parse_qsl(query, keep_blank_values=True))
    names = [*values]
    signed = [name for name in names if _is_signature(name, names)]
    try:
        if "se" in signed:
            end = datetime.fromisoformat(values["se"])
            return end if end.tzinfo else end.replace(tzinfo=UTC)
        if "Expires" in signed:
            return datetime.fromtimestamp(int(values["Expires"]), UTC)
        for vendor in ("X-Amz", "X-Goog"):
            if f"{vendor}-Date" in signed:
                start = datetime.strptime(values[f"{vendor}-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return start + timedelta(seconds=int(values[f"{vendor}-Expires"]))
    except (KeyError, ValueError, OverflowError, OSError):
        pass  # it is the service's to judge
    return None


def url_key(url: str) -> str:
    """Give a URL without its signature.

    Only a whole recognised set goes, never a parameter by its name alone: a lone ``Expires`` may well say
    which image is meant. All else stays as written.
    """
    head, mark, rest = url.partition("?")
    if not mark:
        return url
    query, hash_, fragment = rest.partition("#")
    parts = query.split("&")
    names = [unquote(part.partition("=")[0]) for part in parts]
    kept = [part for part, name in zip(parts, names, strict=True) if not _is_signature(name, names)]
    if len(kept) == len(parts):
        return url
    return head + ("?" + "&".join(kept) if kept else "") + hash_ + fragment


def _is_signature(name: str, names: list[str]) -> bool:
    if name.startswith("X-Amz-"):
        return "X-Amz-Signature" in names
    if name.startswith("X-Goog-"):
        return "X-Goog-Signature" in names
    if name in _CLOUDFRONT:
        return "Signature" in names and "Key-Pair-Id" in names
    return name in _AZURE and "sig" in names and ("sv" in names or "se" in names)


def path_key(path: str, *, folder: Path, common: Path) -> str:
    """Give a path as it is seen from the manifests' common folder, with forward slashes.

    Args:
        path: As written, relative to the manifest's folder or absolute.
        folder: Of its manifest, absolute.
        common: Of all manifests, absolute.
    """
    plain = path.replace("\\", "/") if "\\" in path else path
    full = posixpath.normpath(posixpath.join(folder.as_posix(), plain))
    root = common.as_posix().rstrip("/") + "/"
    return full.removeprefix(root)
