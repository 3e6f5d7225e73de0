"""Where the image of each row is, and the key that it has by that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from cvsync.manifest.files import check_files
from cvsync.manifest.finder import Finder
from cvsync.manifest.identity import path_keys, signature_end, url_keys
from cvsync.manifest.links import IS_PLACE, IS_URL, check_endings, check_urls
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.texts import Texts, first_of


class Where(NamedTuple):
    """Where the images of the rows are."""

    key: Texts
    made: Texts | None
    """What the keys would be if they were made from the places; None: they are."""
    url: Texts
    path: Texts


def locate(finder: Finder, texts: dict[str, Texts], reading: Reading, common: Path) -> Where:
    """Say where the images of rows are, and mark the rows that do not say it.

    Args:
        finder: Of the rows.
        texts: Their ``key``, ``url`` and ``path``, without blanks around them.
        reading: How they are to be understood.
        common: The folder of all files of the manifest, absolute.
    """
    rows, url, path = finder.rows, texts["url"], texts["path"]
    finder.mark(
        "E002", "url" if "url" in rows.table.column_names else "path", np.flatnonzero(url.null & path.null)
    )
    check_urls(url, finder.mark, any_storage=reading.any_storage)
    _check_signatures(finder, url, reading)
    keys = [url_keys(url)]
    if not path.is_empty:
        _check_paths(finder, path, url, reading)
        of_path = keys_of_paths(path, rows, reading, common)
        keys.append(of_path)
        out = of_path.rows(of_path.matches(r"^/|^[A-Za-z]:/"))
        finder.mark("W007", "path", out[(url.null & texts["key"].null)[out]])
        folder = start_of_paths(rows, reading)
        if reading.images:
            path = path.changed(np.ones(len(path.values), bool), lambda p: (folder / p).as_posix())
        if reading.check_files:
            check_files(path, url, finder.mark, folder=folder)
    made = first_of(keys)
    if texts["key"].is_empty:
        return Where(made, None, url, path)
    return Where(first_of([texts["key"], made]), made, url, path)


def _check_signatures(finder: Finder, url: Texts, reading: Reading) -> None:
    if reading.now is None:
        return
    signed = url.matches(r"\?")
    ends = [signature_end(u) for u in url.values.filter(pa.array(signed)).to_pylist()]
    signed[signed] = [end is not None and end < reading.now for end in ends]
    finder.mark("W019", "url", url.rows(signed))


def _check_paths(finder: Finder, path: Texts, url: Texts, reading: Reading) -> None:
    finder.mark("E039", "path", path.rows(path.matches(IS_URL)))
    if not finder.rows.is_local and reading.images is None:
        finder.mark("E048", "path", np.flatnonzero(~path.null & url.null))
    check_endings(path, "path", finder.mark)


def start_of_paths(rows: Rows, reading: Reading) -> Path:
    """Give the folder where the paths of a file start, absolute."""
    return reading.images.absolute() if reading.images else Path(rows.folder)


def keys_of_paths(paths: Texts, rows: Rows, reading: Reading, common: Path) -> Texts:
    """Give the keys of paths in a file: as seen from the folder of all files, or from that of the images."""
    folder = start_of_paths(rows, reading)
    return path_keys(paths, folder=folder, common=folder if reading.images else common)


def by_content(rows: Rows) -> Rows:
    """Take a column of another name than ``url`` or ``path`` for what all of its cells are."""
    for name, other in (("url", "path"), ("path", "url")):
        is_alias = rows.names.get(name, name).casefold() != name and other not in rows.table.column_names
        if name not in rows.table.column_names or not is_alias:
            continue
        texts = Texts.of(rows.table.column(name))
        is_url = texts.matches(IS_PLACE)
        if len(is_url) and (not is_url.any() if name == "url" else is_url.all()):
            return _renamed(rows, name, other)
    return rows


def _renamed(rows: Rows, name: str, other: str) -> Rows:
    names = [other if column == name else column for column in rows.table.column_names]
    written = rows.written
    return replace(
        rows,
        table=rows.table.rename_columns(names),
        names={**rows.names, other: rows.names[name]},
        written=written and (lambda: written().rename_columns(names)),
    )
