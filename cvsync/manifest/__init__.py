"""Files <-> Labels."""

from cvsync.manifest.formats import FORMATS
from cvsync.manifest.holds import Loss
from cvsync.manifest.problems import Oddity, Problem, Problems
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rejects import rejects_suffix, write_rejects
from cvsync.manifest.writer import Written, write

__all__ = [
    "FORMATS", "Box", "Loss", "Manifest", "Oddity", "Problem", "Problems", "Reading", "Units", "Written",
    "read", "rejects_suffix", "write", "write_rejects",
]  # fmt: skip
