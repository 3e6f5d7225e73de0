"""Small frozen values for what is in flight, named as the service names them.

Units, here and everywhere: regions are (left, top, width, height) as fractions 0..1 of the image from its
top-left corner, single precision as the service stores them; times are seconds; sizes are bytes; timestamps
are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cvsync.lean import lean_dataclass


class ProjectType(StrEnum):
    """What a project learns."""

    MULTICLASS = "multiclass"  # one tag an image
    MULTILABEL = "multilabel"  # any number of tags an image
    DETECTION = "detection"  # boxes with tags

    @property
    def domain_type(self) -> str:
        """The service's word for the kind of domain that such a project needs."""
        return "ObjectDetection" if self is ProjectType.DETECTION else "Classification"


@dataclass(frozen=True, slots=True)
class ModelInformation:
    """How large the exported models of a domain are."""

    estimated_model_size_in_megabytes: int
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """A base model that a project starts from."""

    id: str
    name: str
    type: str
    exportable: bool
    enabled: bool = True
    exportable_platforms: tuple[str, ...] = ()
    model_information: ModelInformation | None = None


@dataclass(frozen=True, slots=True)
class ImageProcessing:
    """What a training does to its images."""

    augmentation_methods: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """How a project trains."""

    domain_id: str | None = None
    classification_type: str | None = None
    target_export_platforms: tuple[str, ...] = ()
    use_negative_set: bool | None = None
    detection_parameters: str | None = None
    image_processing_settings: ImageProcessing | None = None
    export_model_container_uri: str | None = field(default=None, repr=False)  # may be signed
    notification_queue_uri: str | None = field(default=None, repr=False)  # may be signed


@dataclass(frozen=True, slots=True)
class Project:
    """One project of a resource."""

    id: str
    name: str
    description: str | None = None
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    created: datetime | None = None
    last_modified: datetime | None = None
    thumbnail_uri: str | None = field(default=None, repr=False)  # signed
    dr_mode_enabled: bool | None = None
    status: str | None = None


NEGATIVE, REGULAR = "Negative", "Regular"
"""The types of tags that can be asked for."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that images or regions carry."""

    id: str
    name: str
    description: str | None = None
    type: str | None = None
    """``Regular``, ``Negative`` or ``GeneralProduct``; None before v2.2."""
    image_count: int = 0


@lean_dataclass(frozen=True, slots=True)
class ImageTag:
    """A whole-image tag of a stored image."""

    tag_id: str
    tag_name: str | None = None
    created: datetime | None = None


@lean_dataclass(frozen=True, slots=True)
class Region:
    """A box of a stored image."""

    tag_id: str
    left: float
    top: float
    width: float
    height: float
    region_id: str | None = None
    tag_name: str | None = None
    created: datetime | None = None


@lean_dataclass(frozen=True, slots=True)
class Image:
    """A stored image; its links are signed and live for a day."""

    id: str
    created: datetime | None = None
    width: int = 0
    height: int = 0
    original_image_uri: str | None = field(default=None, repr=False)
    resized_image_uri: str | None = field(default=None, repr=False)
    thumbnail_uri: str | None = field(default=None, repr=False)
    tags: tuple[ImageTag, ...] = ()
    regions: tuple[Region, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@lean_dataclass(frozen=True, slots=True)
class ImageOutcome:
    """What became of one image of a create batch."""

    source_url: str
    """What was sent: the URL, the file's name or the prediction's id."""
    status: str
    """``OK``, ``OKDuplicate`` or an ``Error…`` of the service; the list is open."""
    image: Image | None


@dataclass(frozen=True, slots=True)
class BaseModel:
    """An iteration that another training starts from."""

    project_id: str
    iteration_id: str


@dataclass(frozen=True, slots=True)
class Iteration:
    """One trained model of a project."""

    id: str
    name: str
    status: str
    created: datetime | None = None
    last_modified: datetime | None = None
    trained_at: datetime | None = None
    project_id: str | None = None
    exportable: bool = False
    exportable_to: tuple[str, ...] = ()
    domain_id: str | None = None
    classification_type: str | None = None
    training_type: str | None = None
    reserved_budget_in_hours: int = 0
    training_time_in_minutes: int = 0
    publish_name: str | None = None
    original_publish_resource_id: str | None = None
    is_default: bool | None = None
    """v2.x only: whether predictions use it."""
    custom_base_model_info: BaseModel | None = None
    training_error_details: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """One exported form of an iteration."""

    platform: str
    status: str
    """``Exporting``, ``Failed`` or ``Done``."""
    download_uri: str | None = field(default=None, repr=False)  # signed
    flavor: str | None = None
    newer_version_available: bool | None = None
