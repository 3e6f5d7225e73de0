"""Files <-> Labels."""

from cvsync.manifest.problems import Problem, Problems
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rejects import rejects_suffix, write_rejects

__all__ = [
    "Box",
    "Manifest",
    "Problem",
    "Problems",
    "Reading",
    "Units",
    "read",
    "rejects_suffix",
    "write_rejects",
]
