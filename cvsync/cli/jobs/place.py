"""Where a job runs: in the folder of its file, from which paths in the file begin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import click

from cvsync.cli.config import Config
from cvsync.cli.keys import FILES
from cvsync.cli.profiles import settable


@contextmanager
def in_folder_of(file: Config) -> Iterator[None]:
    """Be in the folder of a file while the block lasts; paths of the environment go where they went before.

    Otherwise a relative state folder would be another one than that of the same verb on its own: with a
    ledger and a lock of its own.
    """
    said = {name: os.environ[name] for name in _variables() if os.environ.get(name)}
    os.environ.update({name: str(Path(path).absolute()) for name, path in said.items()})
    try:
        with chdir(file.path.parent):
            yield
    finally:
        os.environ.update(said)


def _variables() -> Iterator[str]:
    """Give the variables that hold a path."""
    yield from FILES
    for option in settable().values():
        if isinstance(option.type, click.Path) and option.envvar:
            yield from [option.envvar] if isinstance(option.envvar, str) else option.envvar
