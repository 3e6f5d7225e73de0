"""The three streams of the process, as any command may rely on them."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def repair() -> None:
    """Open what whoever started this has closed, let any text be written, and let a reader go away.

    A number that is free would go to the next file that is opened, and what is meant for stderr into it.
    Where stdout is no terminal, it is UTF-8, whatever the system writes elsewhere: tags are of any language,
    and JSON is never anything else.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (for good)
        elif mode == "w" and isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            setattr(sys, name, _lasting(stream, _MESSAGES if name == "stderr" else _RESULTS))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


class _LastingFile(io.FileIO):
    """A file whose reader may go away, as `head` does: what is written from then on is dropped.

    What a command does is not what it tells. It does its work to the end, and its exit code, one of the
    table, says what became of that; a code for the reader's end would take its place. A full disk takes
    messages away in the same way; that results are lost is for the exit code to say.
    """

    dropped: frozenset[int]
    """The errors that do not count."""
    has_reader = True
    """Whether somebody may read on, as far as writing has shown."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or drop what nobody will read."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self.dropped:
                raise
            self.has_reader = self.has_reader and error.errno != errno.EPIPE
            return memoryview(data).nbytes


def has_reader() -> bool:
    """Tell whether results may still be read: a command that makes nothing else has no more to do if not."""
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return not isinstance(raw, _LastingFile) or raw.has_reader


_RESULTS = frozenset({errno.EPIPE})
_MESSAGES = _RESULTS | {errno.ENOSPC, errno.EDQUOT}


def _lasting(stream: io.TextIOWrapper, dropped: frozenset[int]) -> io.TextIOWrapper:
    """Write to the same file through one that outlasts its reader."""
    raw = _LastingFile(stream.fileno(), "w", closefd=False)
    raw.dropped = dropped
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
