"""What a failure means for the call, the batch or the image that met it: one table.

Rows are keyed by what was answered: an HTTP status, an error code, the status of one image of a create batch
or of a metadata update, or the exception where nothing was answered. A code says more than a status, and a
status that the table does not list goes by its hundred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum

from cvsync.errors import CvsyncError, ServiceError, SettingsError, TransportError, UnsupportedError


class Failure(StrEnum):
    """What to do about it."""

    FATAL = "fatal"  # no call of this run can succeed: stop
    THROTTLE = "throttle"  # nothing was done: pacing only, no attempt is spent
    TRANSIENT = "transient"  # may succeed if tried again
    AMBIGUOUS = "ambiguous"  # may have been carried out: settle it, or try again where twice does no harm
    WHOLE_BATCH = "whole-batch refusal"  # refused for something in it: halve it
    ITEM_TRANSIENT = "item transient"  # this image may succeed in a later batch
    ITEM_PERMANENT = "item permanent"  # this image is refused for good


class Source(Enum):
    """Where an answer stands."""

    STATUS = "HTTP status"
    CODE = "CustomVisionError.code"
    IMAGE = "ImageCreateResult.status"
    METADATA = "ImageMetadataUpdateEntry.status"
    EXCEPTION = "exception"


class _NotSent:
    """A TransportError of a request that did not leave."""


class _Lost:
    """A TransportError of a request that left."""


def _rows(
    source: Source, failure: Failure, names: str | Iterable[object]
) -> dict[tuple[Source, object], Failure]:
    listed = names.split() if isinstance(names, str) else names
    return {(source, name): failure for name in listed}


_CODE, _IMAGE = Source.CODE, Source.IMAGE

TABLE: Mapping[tuple[Source, object], Failure] = {
    **_rows(Source.STATUS, Failure.FATAL, (401, 402, 403, 404, 405, 415, 501, 505)),
    **_rows(Source.STATUS, Failure.WHOLE_BATCH, (400, 409, 413, 414, 422, 431)),
    **_rows(Source.STATUS, Failure.TRANSIENT, (408, 500, 502, 503)),
    **_rows(Source.STATUS, Failure.AMBIGUOUS, (504,)),
    **_rows(Source.STATUS, Failure.THROTTLE, (429,)),
    **_rows(Source.EXCEPTION, Failure.TRANSIENT, (_NotSent,)),
    **_rows(Source.EXCEPTION, Failure.AMBIGUOUS, (_Lost,)),
    **_rows(Source.EXCEPTION, Failure.FATAL, (SettingsError, UnsupportedError)),
    **_rows(_IMAGE, Failure.FATAL, "ErrorLimitExceed"),  # the project is full
    **_rows(_IMAGE, Failure.ITEM_TRANSIENT, "ErrorSource ErrorStorage ErrorUnknown"),
    **_rows(
        _IMAGE, Failure.ITEM_PERMANENT,
        "ErrorImageFormat ErrorImageSize ErrorTagLimitExceed ErrorRegionLimitExceed ErrorImageDimensions "
        "ErrorNegativeAndRegularTagOnSameImage ErrorInvalidTag ErrorInvalidRegion",
    ),
    **_rows(Source.METADATA, Failure.ITEM_TRANSIENT, "ErrorUnknown"),
    **_rows(Source.METADATA, Failure.ITEM_PERMANENT, "ErrorImageNotFound ErrorLimitExceed"),
    **_rows(
        _CODE, Failure.FATAL,
        "BadRequestExceedProjectLimit BadRequestExceedIterationPerProjectLimit BadRequestExceededQuota "
        "BadRequestExceedTagPerProjectLimit BadRequestSubscriptionApi BadRequestNotLimitedTrial "
        "BadRequestCustomerManagedKeyRevoked BadRequestWorkspaceCannotBeModified UnsupportedMediaType "
        "Forbidden ForbiddenUser ForbiddenUserResource ForbiddenUserSignupDisabled ForbiddenInvalid "
        "ForbiddenUserSignupAllowanceExceeded ForbiddenUserDoesNotExist ForbiddenUserDisabled "
        "ForbiddenUserInsufficientCapability ForbiddenDRModeEnabled NotFound NotFoundProject "
        "NotFoundApimSubscription NotFoundInvalid",
    ),
    **_rows(
        _CODE, Failure.TRANSIENT,
        "ErrorUnknown ErrorInvalid ErrorIterationCopyFailed ErrorPreparePerformanceMigrationFailed "
        "ErrorProjectTrainingRequestFailed ErrorProjectImportRequestFailed ErrorProjectExportRequestFailed "
        "ErrorFeaturizationServiceUnavailable ErrorFeaturizationQueueTimeout ErrorPrediction "
        "ErrorFeaturizationAugmentationUnavailable ErrorFeaturizationAugmentationError "
        "ErrorPredictionServiceUnavailable ErrorPredictionModelNotCached ErrorPredictionStorage "
        "ErrorRegionProposal",
    ),
    **_rows(_CODE, Failure.AMBIGUOUS, "ErrorServerTimeOut"),
    # The rest refuse this request, and would refuse it again. One image, tag or region of a batch may be why.
    **_rows(
        _CODE, Failure.WHOLE_BATCH,
        "BadRequest BadRequestInvalid BadRequestExceededBatchSize BadRequestNotSupported "
        "BadRequestInvalidIds BadRequestProjectName BadRequestProjectNameNotUnique "
        "BadRequestProjectDescription BadRequestProjectUnknownDomain BadRequestProjectUnknownClassification "
        "BadRequestProjectDuplicated BadRequestProjectUnsupportedDomainTypeChange "
        "BadRequestProjectUnsupportedExportPlatform BadRequestProjectImagePreprocessingSettings "
        "BadRequestIterationName BadRequestIterationNameNotUnique BadRequestIterationDescription "
        "BadRequestIterationIsNotTrained BadRequestIterationValidationFailed "
        "BadRequestWorkspaceNotDeletable BadRequestTagName BadRequestTagNameNotUnique "
        "BadRequestTagDescription BadRequestTagType BadRequestMultipleNegativeTag "
        "BadRequestMultipleGeneralProductTag BadRequestImageTags BadRequestImageRegions "
        "BadRequestNegativeAndRegularTagOnSameImage BadRequestUnsupportedDomain "
        "BadRequestRequiredParamIsNull BadRequestIterationIsPublished BadRequestInvalidPublishName "
        "BadRequestInvalidPublishTarget BadRequestUnpublishFailed BadRequestIterationNotPublished "
        "BadRequestExceedTagPerImageLimit BadRequestCannotMigrateProjectWithName BadRequestImageBatch "
        "BadRequestImageStream BadRequestImageUrl BadRequestImageFormat BadRequestImageSizeBytes "
        "BadRequestImageDimensions BadRequestImageAspectRatio BadRequestImageExceededCount "
        "BadRequestTrainingNotNeeded BadRequestTrainingValidationFailed "
        "BadRequestTrainingNotNeededButTrainingPipelineUpdated "
        "BadRequestClassificationTrainingValidationFailed "
        "BadRequestMultiClassClassificationTrainingValidationFailed "
        "BadRequestMultiLabelClassificationTrainingValidationFailed "
        "BadRequestDetectionTrainingValidationFailed BadRequestTrainingAlreadyInProgress "
        "BadRequestDetectionTrainingNotAllowNegativeTag BadRequestInvalidEmailAddress "
        "BadRequestRetiredDomainNotSupportedForTraining BadRequestDomainNotSupportedForAdvancedTraining "
        "BadRequestExportPlatformNotSupportedForAdvancedTraining "
        "BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining "
        "BadRequestCustomBaseModelIterationStatusNotCompleted BadRequestCustomBaseModelDomainNotCompatible "
        "BadRequestCustomBaseModelArchitectureRetired BadRequestExportValidationFailed "
        "BadRequestExportAlreadyInProgress BadRequestPredictionIdsMissing "
        "BadRequestPredictionIdsExceededCount BadRequestPredictionTagsExceededCount "
        "BadRequestPredictionResultsExceededCount BadRequestPredictionInvalidApplicationName "
        "BadRequestPredictionInvalidQueryParameters BadRequestInvalidImportToken "
        "BadRequestExportWhileTraining BadRequestImageMetadataKey BadRequestImageMetadataValue "
        "BadRequestOperationNotSupported BadRequestInvalidArtifactUri BadRequestInvalidUri "
        "NotFoundProjectDefaultIteration NotFoundIteration NotFoundIterationPerformance NotFoundTag "
        "NotFoundImage NotFoundDomain Conflict ConflictInvalid ErrorProjectInvalidWorkspace "
        "ErrorProjectInvalidPipelineConfiguration ErrorProjectInvalidDomain "
        "ErrorFeaturizationInvalidFeaturizer ErrorFeaturizationUnrecognizedJob ErrorExporterInvalidPlatform "
        "ErrorExporterInvalidFeaturizer ErrorExporterInvalidClassifier ErrorPredictionModelNotFound "
        "ErrorUnknownBaseModel",
    ),
}  # fmt: skip

_BY_HUNDRED = {3: Failure.FATAL, 4: Failure.WHOLE_BATCH, 5: Failure.TRANSIENT}
_QUOTA = re.compile(r"\bquota\b", re.IGNORECASE)  # docs: "Out of call volume quota"
CREATED, DUPLICATE = "OK", "OKDuplicate"  # of an image that the project has


def classify(error: CvsyncError) -> Failure:
    """Say what the failure of a call means."""
    if isinstance(error, TransportError):
        return TABLE[Source.EXCEPTION, _Lost if error.sent else _NotSent]
    if not isinstance(error, ServiceError):
        return TABLE.get((Source.EXCEPTION, type(error)), Failure.FATAL)
    by_status = TABLE.get((Source.STATUS, error.status)) or _BY_HUNDRED.get(
        error.status // 100, Failure.FATAL
    )
    if by_status is Failure.THROTTLE:
        return by_status  # whatever it says besides
    if error.status < 500 and _QUOTA.search(error.message):
        return Failure.FATAL
    return TABLE.get((Source.CODE, error.code), by_status)


def classify_image(status: str) -> Failure | None:
    """Say what the status of one image of a create batch means; None: it is stored.

    A status that no specification lists, as the service adds some, refuses the image.
    """
    if status in (CREATED, DUPLICATE):
        return None
    return TABLE.get((Source.IMAGE, status), Failure.ITEM_PERMANENT)


def classify_metadata(status: str) -> Failure | None:
    """Say what the status of one image of a metadata update means; None: it has the metadata."""
    return None if status == "OK" else TABLE.get((Source.METADATA, status), Failure.ITEM_PERMANENT)
