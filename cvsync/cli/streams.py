"""The three streams of the process, as any command may rely on them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def repair() -> None:
    """Open what whoever started this has closed, and let any text be written.

    A number that is free would go to the next file that is opened, and what is meant for stderr into it.
    Where stdout is no terminal, it is UTF-8, whatever the system writes elsewhere: tags are of any language,
    and JSON is never anything else.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (for good)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
