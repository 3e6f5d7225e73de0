"""What the statements of the ledger's tables have in common."""

from __future__ import annotations

from collections.abc import Iterable

import orjson


def as_json(items: Iterable[str]) -> str:
    """Write keys or ids as SQLite's ``json_each`` reads them."""
    return orjson.dumps([*items]).decode()
