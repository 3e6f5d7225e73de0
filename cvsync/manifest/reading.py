"""Reading: what a person says about a manifest that it does not say itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Box(StrEnum):
    """What the four numbers of a box are."""

    LTWH = "ltwh"  # left, top, width, height
    XYXY = "xyxy"  # left, top, right, bottom
    CXCYWH = "cxcywh"  # centre across, centre down, width, height


class Units(StrEnum):
    """What they are counted in."""

    FRACTION = "fraction"  # 0 to 1 of the image
    PIXEL = "pixel"  # of the image, whose size must be known
    PERCENT = "percent"  # 0 to 100 of the image

    @property
    def plural(self) -> str:
        """The word for several of them."""
        return self.value if self is Units.PERCENT else f"{self.value}s"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read manifests; what is left open is told by the files."""

    format: str | None = None
    """A name of ``formats.FORMATS``."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> the file's name of its column."""
    box: Box | None = None
    units: Units | None = None
    probe_size: bool = False
    """Read the sizes of images from their files, where boxes in pixels need them."""
    images: Path | None = None
    """The folder where paths start; None: the manifest's own."""
    negative: str | None = None
    """The name of the Negative tag."""
    metadata: tuple[str, ...] = ()
    """Columns to carry along as image metadata."""
    check_files: bool = False
    """Look whether the files of paths are there."""
    now: datetime | None = None
    """The time at which signatures must hold; None: they are not looked at."""
    any_storage: bool = False
    """Take URLs that the service could not fetch, such as ``gs:``; for manifests that only change format."""
