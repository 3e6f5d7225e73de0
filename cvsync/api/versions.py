"""What differs between the versions of the API."""

from __future__ import annotations

from functools import cache

from cvsync.errors import SettingsError, UnsupportedError
from cvsync.settings import API_VERSIONS

SINCE = {  # operations that the oldest version lacks; spec
    "GetImages": "v3.3",
    "GetImageCount": "v3.3",
    "UpdateImageMetadata": "v3.3",
    "GetArtifact": "v3.3",
    "ExportProject": "v3.2",
    "ImportProject": "v3.2",
    "SuggestTagsAndRegions": "v3.1",
    "QuerySuggestedImages": "v3.1",
    "QuerySuggestedImageCount": "v3.1",
    "PublishIteration": "v3.0",
    "UnpublishIteration": "v3.0",
    "ClassifyImage": "v3.0",
    "ClassifyImageWithNoStore": "v3.0",
    "ClassifyImageUrl": "v3.0",
    "ClassifyImageUrlWithNoStore": "v3.0",
    "DetectImage": "v3.0",
    "DetectImageWithNoStore": "v3.0",
    "DetectImageUrl": "v3.0",
    "DetectImageUrlWithNoStore": "v3.0",
}
UNTIL = {  # operations that later versions replaced; spec
    "PredictImage": "v2.2",
    "PredictImageWithNoStore": "v2.2",
    "PredictImageUrl": "v2.2",
    "PredictImageUrlWithNoStore": "v2.2",
}
CLASSIFICATION_TYPE_SINCE = "v2.1"  # spec: CreateProject
TAG_TYPE_SINCE = "v2.2"  # spec: CreateTag
DELETE_ALL_SINCE = "v3.1"  # spec: DeleteImages
METADATA_SINCE = "v3.3"  # spec: image metadata
TRAIN_OPTIONS_SINCE = "v3.0"  # spec: TrainProject
SELECTED_TAGS_SINCE = "v3.2"  # spec: TrainProject, selectedTags
BASE_MODEL_SINCE = "v3.4-preview"  # spec: TrainProject, customBaseModelInfo
OVERWRITE_SINCE = "v3.3"  # spec: PublishIteration
IMPORT_NAME_SINCE = "v3.3"  # spec: ImportProject
HOOKS_SINCE = "v3.4-preview"  # spec: CreateProject, exportModelContainerUri and notificationQueueUri
TARGET_PLATFORMS_SINCE = "v3.0"  # spec: CreateProject
STORE_SINCE = "v3.1"  # spec: quick tests, store
PROPOSALS_MOVED_IN = "v3.0"  # spec: GetImageRegionProposals went below /projects
CLASSIFIER_AP_SINCE = "v3.0"  # recorded: performance of classifications, averagePrecision
PREDICTION_VERSIONS = {"v2.0": "v2.0", "v2.1": "v2.0", "v2.2": "v2.0", "v3.0": "v3.0"}  # the others: v3.1


def check_version(version: str) -> None:
    """Refuse a version that does not exist."""
    if version not in API_VERSIONS:
        raise SettingsError(f"--api-version {version!r} is none of {', '.join(API_VERSIONS)}")


@cache
def is_at_least(version: str, since: str) -> bool:
    """Tell whether a version is another or a later one."""
    return API_VERSIONS.index(version) >= API_VERSIONS.index(since)


def training_base(version: str) -> str:
    """Give the path before every training operation; v2.x writes Training with a capital."""
    return f"/customvision/{version}/{'training' if is_at_least(version, 'v3.0') else 'Training'}"


def prediction_base(version: str) -> str:
    """Give the path before every prediction operation of the prediction API that goes with a version."""
    number = PREDICTION_VERSIONS.get(version, "v3.1")
    return f"/customvision/{number}/{'Prediction' if number == 'v2.0' else 'prediction'}"


def require_operation(version: str, operation: str) -> None:
    """Refuse an operation that a version lacks, before any call.

    Raises:
        UnsupportedError: The version lacks it.
    """
    since = SINCE.get(operation, API_VERSIONS[0])
    if not is_at_least(version, since):
        raise UnsupportedError(f"{operation} needs --api-version {since} or later; this is {version}")
    until = UNTIL.get(operation, API_VERSIONS[-1])
    if not is_at_least(until, version):
        raise UnsupportedError(f"{operation} ended with --api-version {until}; this is {version}")
