"""The client beside the published specifications: every operation and every field."""

from __future__ import annotations

import dataclasses
import re
from typing import get_type_hints

import published
import pytest

from cvsync.api.client import Client
from cvsync.api.images import CreateSummary
from cvsync.api.labels import RegionSummary, TagSummary
from cvsync.model import (
    BaseModel,
    Domain,
    Export,
    Image,
    ImageOutcome,
    ImageProcessing,
    Iteration,
    ModelInformation,
    Project,
    ProjectSettings,
    Region,
    Tag,
)
from cvsync.predictions import (
    ImagePerformance,
    ImagePrediction,
    ImageRegionProposal,
    IterationPerformance,
    MetadataOutcome,
    MetadataSummary,
    Prediction,
    PredictionQueryResult,
    PredictionQueryToken,
    ProjectExport,
    StoredImagePrediction,
    Suggestion,
    SuggestionQueryResult,
    SuggestionQueryToken,
    TagPerformance,
)


@pytest.mark.parametrize(
    ("kind", "version"),
    [("training", v) for v in published.TRAINING_VERSIONS] + [("prediction", v) for v in ("v2.0", "v3.1")],
)
def test_every_published_operation_has_a_method(kind: str, version: str) -> None:
    snake = [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in published.operations(kind, version)]

    assert snake
    assert [name for name in snake if not hasattr(Client, name)] == []


VALUES: dict[str, type] = {
    "ImageCreateSummary": CreateSummary, "ImageCreateResult": ImageOutcome, "ImageRegion": Region,
    "ImageTagCreateSummary": TagSummary, "ImageRegionCreateSummary": RegionSummary,
    "ImageMetadataUpdateSummary": MetadataSummary, "ImageMetadataUpdateEntry": MetadataOutcome,
    "SuggestedTagAndRegion": Suggestion, "StoredSuggestedTagAndRegion": Suggestion,
    "SuggestedTagAndRegionQueryToken": SuggestionQueryToken, "CustomBaseModelInfo": BaseModel,
    "SuggestedTagAndRegionQuery": SuggestionQueryResult, "ImageProcessingSettings": ImageProcessing,
} | {
    kind.__name__: kind
    for kind in (
        Domain, Export, Image, ImagePerformance, ImagePrediction, ImageRegionProposal, Iteration,
        IterationPerformance, ModelInformation, Prediction, PredictionQueryResult, PredictionQueryToken,
        Project, ProjectExport, ProjectSettings, StoredImagePrediction, Tag, TagPerformance,
    )
}  # fmt: skip


@pytest.mark.parametrize("version", published.TRAINING_VERSIONS)
def test_every_published_field_is_read(version: str) -> None:
    published.operations("training", version)
    definitions = published.specification("training", version).document["definitions"]
    missing = {
        (name, field)
        for name, kind in VALUES.items()
        for field in definitions.get(name, {}).get("properties", {})
        if field != "imageUri" and field.lower() not in {f.replace("_", "") for f in get_type_hints(kind)}
    }

    assert missing == set()
    assert all(dataclasses.is_dataclass(kind) for kind in VALUES.values())
