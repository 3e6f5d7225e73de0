"""What models say and how well: frozen values, named as the service names them; units as in ``model.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cvsync.model import ImageTag, Region


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """Where something was seen."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One thing that a model saw."""

    probability: float
    tag_id: str
    tag_name: str | None = None
    tag_type: str | None = None
    bounding_box: BoundingBox | None = None
    """None: a classification."""


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What an iteration says of one picture."""

    id: str
    project: str | None = None
    iteration: str | None = None
    created: datetime | None = None
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredImagePrediction:
    """A prediction that the service kept, with links to the picture."""

    id: str
    project: str | None = None
    iteration: str | None = None
    domain: str | None = None
    created: datetime | None = None
    predictions: tuple[Prediction, ...] = ()
    resized_image_uri: str | None = field(default=None, repr=False)
    original_image_uri: str | None = field(default=None, repr=False)
    thumbnail_uri: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PredictionQueryTag:
    """A condition on stored predictions."""

    id: str
    min_threshold: float = 0.0
    max_threshold: float = 1.0


@dataclass(frozen=True, slots=True)
class PredictionQueryToken:
    """Which stored predictions; an answer's token asks for its next page."""

    order_by: str | None = None
    """``Newest``, ``Oldest`` or ``Suggested``."""
    max_count: int | None = None
    tags: tuple[PredictionQueryTag, ...] = ()
    iteration_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    application: str | None = None
    session: str | None = None
    continuation: str | None = None
    """None in an answer: there is no further page."""


@dataclass(frozen=True, slots=True)
class PredictionQueryResult:
    """A page of stored predictions."""

    token: PredictionQueryToken
    results: tuple[StoredImagePrediction, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What an iteration would label an untagged image with."""

    id: str
    project: str | None = None
    iteration: str | None = None
    domain: str | None = None
    created: datetime | None = None
    prediction_uncertainty: float = 0.0
    predictions: tuple[Prediction, ...] = ()
    width: int = 0
    height: int = 0
    resized_image_uri: str | None = field(default=None, repr=False)
    original_image_uri: str | None = field(default=None, repr=False)
    thumbnail_uri: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SuggestionQueryToken:
    """Which suggestions; an answer's token asks for its next page."""

    tag_ids: tuple[str, ...] = ()
    threshold: float = 0.0
    max_count: int | None = None
    sort_by: str | None = None
    """``UncertaintyAscending`` or ``UncertaintyDescending``."""
    session: str | None = None
    continuation: str | None = None


@dataclass(frozen=True, slots=True)
class SuggestionQueryResult:
    """A page of suggestions."""

    token: SuggestionQueryToken
    results: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class TagPerformance:
    """How well an iteration knows one tag, on images that it did not learn from."""

    id: str
    name: str
    precision: float | None = None
    precision_std_deviation: float = 0.0
    recall: float | None = None
    recall_std_deviation: float = 0.0
    average_precision: float | None = None


@dataclass(frozen=True, slots=True)
class IterationPerformance:
    """How good an iteration is, on images that it did not learn from."""

    precision: float | None = None
    precision_std_deviation: float = 0.0
    recall: float | None = None
    recall_std_deviation: float = 0.0
    average_precision: float | None = None
    per_tag_performance: tuple[TagPerformance, ...] = ()


@dataclass(frozen=True, slots=True)
class ImagePerformance:
    """What an iteration says of one of its own test images, beside the labels."""

    id: str
    created: datetime | None = None
    width: int = 0
    height: int = 0
    image_uri: str | None = field(default=None, repr=False)
    thumbnail_uri: str | None = field(default=None, repr=False)
    tags: tuple[ImageTag, ...] = ()
    regions: tuple[Region, ...] = ()
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionProposal:
    """A place in an image where something may be."""

    confidence: float
    bounding_box: BoundingBox


@dataclass(frozen=True, slots=True)
class ImageRegionProposal:
    """The places of one image."""

    image_id: str
    project_id: str | None = None
    proposals: tuple[RegionProposal, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectExport:
    """A token with which a copy of a project can be made."""

    token: str = field(repr=False)
    iteration_count: int = 0
    image_count: int = 0
    tag_count: int = 0
    region_count: int = 0
    estimated_import_time_in_ms: int = 0


@dataclass(frozen=True, slots=True)
class MetadataOutcome:
    """What became of the metadata of one image."""

    image_id: str
    status: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetadataSummary:
    """The answer to changed metadata."""

    is_batch_successful: bool
    images: tuple[MetadataOutcome, ...] = ()
