"""Files <-> Labels."""

from cvsync.manifest.again import recall, remember
from cvsync.manifest.formats import FORMATS, Format
from cvsync.manifest.holds import Loss
from cvsync.manifest.names import Name, absolute, is_remote, shown
from cvsync.manifest.problems import Oddity, Problem, Problems
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rejects import rejects_suffix, write_refused, write_rejects
from cvsync.manifest.writer import (
    Written,
    can_hold_all,
    format_of,
    others_beside,
    parts_beside,
    refuse_unfit,
    stream_format,
    write,
    write_beside,
    write_to,
)

__all__ = [
    "FORMATS", "Box", "Format", "Loss", "Manifest", "Name", "Oddity", "Problem", "Problems", "Reading",
    "Units", "Written", "absolute", "can_hold_all", "format_of", "is_remote", "others_beside", "parts_beside",
    "read", "recall", "refuse_unfit", "rejects_suffix", "remember", "shown", "stream_format", "write",
    "write_beside", "write_refused", "write_rejects", "write_to",
]  # fmt: skip
