"""Everything that can be chosen about an emulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Quirks:
    """Behaviours that no source settles; each default is the harder one for a client. inferred."""

    duplicate_fails_batch: bool = True
    """An `OKDuplicate` makes `isBatchSuccessful` false (and the answer 207 from v3.3)."""
    merge_duplicate_labels: bool = True
    """Tags and regions sent with a duplicate are added to the existing image."""
    merge_identical_boxes: bool = True
    """A duplicate's box is added even if the image has the very same box."""
    merge_metadata: bool = False
    """UpdateImageMetadata adds to an image's pairs instead of replacing them."""
    duplicate_metadata: bool = False
    """The metadata of a batch is written to duplicates too."""
    import_metadata: bool = False
    """Copying a project copies the metadata of its images."""
    box_tolerance: float = 1e-6
    """How far a box may stand out of its image before it is refused."""
    pascal_case_leaks: bool = True
    """recorded: v2.0 training and v2.0/v2.1 tag updates answer in PascalCase."""


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    """Where an emulator keeps its state and how it behaves."""

    data: Path
    """The folder of the state: one SQLite file, and the bytes of images and models."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    tps: float | None = None
    """Calls a second of each class (reads, writes, training, prediction); None: no cap."""
    tps_kind: Literal["bucket", "window"] = "bucket"
    """A token bucket with a burst of one second, or a fixed window of one second."""
    latency: float = 0.0
    """Median service time in seconds, lognormal."""
    quota: Literal["S0", "F0", "none"] = "S0"
    files: Path | None = None
    """A folder to serve under /files/."""
    fetch: bool = True
    """False: no URL is downloaded, its text stands for the bytes."""
    link_lifetime: float = 24 * 3600.0  # recorded: every SAS link since v2.0
    """Seconds that the link of an image stays valid."""
    import_seconds: float = 1.0
    """How long an imported project says `Importing`. recorded: 8-14 s for ten images."""
    fetch_timeout: float = 30.0
    """Seconds for one download. The service's own figure is unknown."""
    seed: int = 0
    training_key: str = field(default="local-training-key", repr=False)
    prediction_key: str = field(default="local-prediction-key", repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    """Also accepted, as `Authorization: Bearer`."""
    train_in_process: bool = True
    """Fit models in a process of their own; False: in a thread, which starts faster."""
    relative_links: bool = False
    """spec: a resource in a virtual network answers relative links, to be read by GetArtifact."""
    quirks: Quirks = Quirks()
