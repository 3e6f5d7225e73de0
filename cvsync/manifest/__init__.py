"""Files <-> Labels."""

from cvsync.manifest.formats import FORMATS
from cvsync.manifest.holds import Loss
from cvsync.manifest.places import Name, is_remote, shown
from cvsync.manifest.problems import Oddity, Problem, Problems
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rejects import rejects_suffix, write_rejects
from cvsync.manifest.writer import Written, write

__all__ = [
    "FORMATS", "Box", "Loss", "Manifest", "Name", "Oddity", "Problem", "Problems", "Reading", "Units",
    "Written", "is_remote", "read", "rejects_suffix", "shown", "write", "write_rejects",
]  # fmt: skip
