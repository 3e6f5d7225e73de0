"""Files <-> Labels."""

from cvsync.manifest.problems import Problem
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.rejects import write_rejects

__all__ = ["Manifest", "Problem", "read", "write_rejects"]
