"""Everything that can be chosen about an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints


class QuirkError(ValueError):
    """A quirk that there is not, or a value that it cannot have; the message says what there is."""


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
    bad_box_refuses_batch: bool = False
    """A box outside its image refuses the batch (400) instead of that image."""
    classification_ignores_boxes: bool = False
    """Boxes sent to a classification project are dropped instead of refusing the batch; their tags stay."""
    multiclass_replaces_tag: bool = False
    """A second tag takes the place of a Multiclass image's first, instead of coming back as `exceeded`."""
    large_take_is_cut: bool = False
    """`take` over 256 answers 256 images instead of 400."""
    max_name_length: int = 0
    """Longest name of a project or a tag; 0: no limit."""
    exif_rotation: bool = False
    """Images are turned upright as their EXIF says: sizes are those after it."""
    v2_is_gone: bool = False
    """v2.x, announced as deprecated in 2019, answers 404."""
    gateway_form: Literal["error", "statusCode", "code"] = "error"
    """How 401, 404 and 429 of the gateway read: `{"error":{…}}`, or flat with one of these names."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    """What `Retry-After` of a 429 holds."""
    pascal_case_leaks: bool = True
    """recorded: v2.0 training and v2.0/v2.1 tag updates answer in PascalCase."""

    @classmethod
    def read(cls, texts: Iterable[str]) -> Quirks:
        """Read `NAME=VALUE` texts, as a command line has them."""
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            name = name.strip().replace("-", "_")
            if name not in kinds:
                raise QuirkError(f"no quirk {name!r}; there are {', '.join(f.name for f in fields(cls))}")
            values[name] = _quirk_value(kinds[name], name, value.strip())
        return cls(**values)


_FLAGS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def _quirk_value(kind: Any, name: str, text: str) -> Any:
    choices = _FLAGS if kind is bool else {choice: choice for choice in get_args(kind)}
    if choices:
        if text not in choices:
            raise QuirkError(f"{name} is one of {', '.join(choices)}")
        return choices[text]
    try:
        return kind(text)
    except ValueError:
        raise QuirkError(f"{name} is a number") from None


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
    faults: tuple[Mapping[str, Any], ...] = ()
    """Failures in force from the start, as `POST /_emulator/faults` takes them."""
