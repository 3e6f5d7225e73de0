"""What makes two rows the same image: URLs without signatures, paths in one spelling."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import unquote

_AZURE = frozenset(  # docs: the query fields of account, service and user-delegation SAS
    {"sv", "ss", "srt", "sp", "st", "se", "spr", "sig", "sr", "si", "sip", "skoid", "sktid", "skt", "ske"}
    | {"sks", "skv", "saoid", "suoid", "scid", "sdd", "ses", "rscc", "rscd", "rsce", "rscl", "rsct"}
)
_CLOUDFRONT = frozenset({"Signature", "Key-Pair-Id", "Expires", "Policy", "Hash-Algorithm"})


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
