"""The small model that training fits and export writes: patches, windows, and a linear head."""

from cvsync.emulator.learn.data import Box, Candidate, Example, Kind
from cvsync.emulator.learn.fit import Trained, fit
from cvsync.emulator.learn.measure import Performance, Score, performance
from cvsync.emulator.learn.model import Model

__all__ = [
    "Box", "Candidate", "Example", "Kind", "Model", "Performance", "Score", "Trained", "fit", "performance",
]  # fmt: skip
