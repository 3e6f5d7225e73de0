# ruff: noqa: E501 - the table reads best with one operation a line
"""Every operation of the API: its name in the specification, its path, since when, and who answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cvsync.emulator.call import Call, Reply
from cvsync.emulator.handlers import (
    copying,
    creating,
    images,
    iterations,
    labels,
    predicting,
    projects,
    suggesting,
    tags,
)

Version = tuple[int, int]
Handler = Callable[[Call], Awaitable[Reply]]
TRAINING_VERSIONS: dict[str, Version] = {
    "v2.0": (2, 0), "v2.1": (2, 1), "v2.2": (2, 2), "v3.0": (3, 0), "v3.1": (3, 1), "v3.2": (3, 2),
    "v3.3": (3, 3), "v3.4-preview": (3, 4),
}  # fmt: skip
PREDICTION_VERSIONS: dict[str, Version] = {"v1.1": (1, 1), "v2.0": (2, 0), "v3.0": (3, 0), "v3.1": (3, 1)}


@dataclass(frozen=True)
class Route:
    operation: str
    method: str
    pattern: str
    handler: Handler
    since: Version = (2, 0)
    until: Version = (9, 9)
    is_prediction: bool = False

    @property
    def rate_class(self) -> str:
        """Which cap counts a call. docs: training, predictions and the rest have caps of their own."""
        if self.is_prediction or self.operation.startswith("QuickTest"):
            return "prediction"
        if self.operation == "TrainProject":
            return "train"
        return "reads" if self.method == "GET" else "writes"


_P = "projects/{projectId}"
_T = f"{_P}/tags/{{tagId}}"
_I = f"{_P}/iterations/{{iterationId}}"
ROUTES = (
    Route("GetDomains", "GET", "domains", projects.get_domains),
    Route("GetDomain", "GET", "domains/{domainId}", projects.get_domain),
    Route("GetProjects", "GET", "projects", projects.get_projects),
    Route("CreateProject", "POST", "projects", projects.create_project),
    Route("GetProject", "GET", _P, projects.get_project),
    Route("UpdateProject", "PATCH", _P, projects.update_project),
    Route("DeleteProject", "DELETE", _P, projects.delete_project),
    Route("GetTags", "GET", f"{_P}/tags", tags.get_tags),
    Route("CreateTag", "POST", f"{_P}/tags", tags.create_tag),
    Route("GetTag", "GET", _T, tags.get_tag),
    Route("UpdateTag", "PATCH", _T, tags.update_tag),
    Route("DeleteTag", "DELETE", _T, tags.delete_tag),
    Route("GetImages", "GET", f"{_P}/images", images.get_images, since=(3, 3)),
    Route("GetImageCount", "GET", f"{_P}/images/count", images.get_image_count, since=(3, 3)),
    Route("GetTaggedImages", "GET", f"{_P}/images/tagged", images.get_tagged_images),
    Route("GetUntaggedImages", "GET", f"{_P}/images/untagged", images.get_untagged_images),
    Route("GetTaggedImageCount", "GET", f"{_P}/images/tagged/count", images.get_tagged_image_count),
    Route("GetUntaggedImageCount", "GET", f"{_P}/images/untagged/count", images.get_untagged_image_count),
    Route("GetImagesByIds", "GET", f"{_P}/images/id", images.get_images_by_ids),
    Route("DeleteImages", "DELETE", f"{_P}/images", images.delete_images),
    Route("UpdateImageMetadata", "POST", f"{_P}/images/metadata", images.update_image_metadata, since=(3, 3)),
    Route("CreateImagesFromData", "POST", f"{_P}/images", creating.create_images_from_data),
    Route("CreateImagesFromFiles", "POST", f"{_P}/images/files", creating.create_images_from_files),
    Route("CreateImagesFromUrls", "POST", f"{_P}/images/urls", creating.create_images_from_urls),
    Route("CreateImagesFromPredictions", "POST", f"{_P}/images/predictions", creating.create_images_from_predictions),
    Route("CreateImageTags", "POST", f"{_P}/images/tags", labels.create_image_tags),
    Route("DeleteImageTags", "DELETE", f"{_P}/images/tags", labels.delete_image_tags),
    Route("CreateImageRegions", "POST", f"{_P}/images/regions", labels.create_image_regions),
    Route("DeleteImageRegions", "DELETE", f"{_P}/images/regions", labels.delete_image_regions),
    Route("GetImageRegionProposals", "POST", "{projectId}/images/{imageId}/regionproposals", suggesting.get_image_region_proposals, until=(2, 2)),
    Route("GetImageRegionProposals", "POST", f"{_P}/images/{{imageId}}/regionproposals", suggesting.get_image_region_proposals, since=(3, 0)),
    Route("TrainProject", "POST", f"{_P}/train", iterations.train_project),
    Route("GetIterations", "GET", f"{_P}/iterations", iterations.get_iterations),
    Route("GetIteration", "GET", _I, iterations.get_iteration),
    Route("UpdateIteration", "PATCH", _I, iterations.update_iteration),
    Route("DeleteIteration", "DELETE", _I, iterations.delete_iteration),
    Route("PublishIteration", "POST", f"{_I}/publish", iterations.publish_iteration, since=(3, 0)),
    Route("UnpublishIteration", "DELETE", f"{_I}/publish", iterations.unpublish_iteration, since=(3, 0)),
    Route("GetIterationPerformance", "GET", f"{_I}/performance", iterations.get_iteration_performance),
    Route("GetImagePerformances", "GET", f"{_I}/performance/images", iterations.get_image_performances),
    Route("GetImagePerformanceCount", "GET", f"{_I}/performance/images/count", iterations.get_image_performance_count),
    Route("ExportIteration", "POST", f"{_I}/export", iterations.export_iteration),
    Route("GetExports", "GET", f"{_I}/export", iterations.get_exports),
    Route("QuickTestImageUrl", "POST", f"{_P}/quicktest/url", predicting.quick_test_image_url),
    Route("QuickTestImage", "POST", f"{_P}/quicktest/image", predicting.quick_test_image),
    Route("QueryPredictions", "POST", f"{_P}/predictions/query", predicting.query_predictions),
    Route("DeletePrediction", "DELETE", f"{_P}/predictions", predicting.delete_prediction),
    Route("SuggestTagsAndRegions", "POST", f"{_P}/tagsandregions/suggestions", suggesting.suggest_tags_and_regions, since=(3, 1)),
    Route("QuerySuggestedImages", "POST", f"{_P}/images/suggested", suggesting.query_suggested_images, since=(3, 1)),
    Route("QuerySuggestedImageCount", "POST", f"{_P}/images/suggested/count", suggesting.query_suggested_image_count, since=(3, 1)),
    Route("ExportProject", "GET", f"{_P}/export", copying.export_project, since=(3, 2)),
    Route("ImportProject", "POST", "projects/import", copying.import_project, since=(3, 2)),
    Route("GetArtifact", "GET", f"{_P}/artifacts", copying.get_artifact, since=(3, 3)),
    *(
        Route(f"{verb}Image{url}{store}", "POST", f"{path}/{url.lower() or 'image'}{'/nostore' if store else ''}",
              predicting.predict_image_url if url else predicting.predict_image,
              since=since, until=until, is_prediction=True)
        for verb, path, since, until in (
            ("Predict", "{projectId}", (1, 1), (2, 0)),
            ("Classify", "{projectId}/classify/iterations/{publishedName}", (3, 0), (9, 9)),
            ("Detect", "{projectId}/detect/iterations/{publishedName}", (3, 0), (9, 9)),
        )
        for url in ("Url", "")
        for store in ("", "WithNoStore")
    ),
)  # fmt: skip
OPERATIONS = frozenset(route.operation for route in ROUTES)


@dataclass(frozen=True)
class Match:
    route: Route
    version: Version
    version_text: str
    path: dict[str, str]


def _compiled(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern), re.IGNORECASE)


_TABLE: dict[tuple[bool, str, int], list[tuple[re.Pattern[str], Route]]] = {}
for _route in ROUTES:
    _key = (_route.is_prediction, _route.method, _route.pattern.count("/"))
    _TABLE.setdefault(_key, []).append((_compiled(_route), _route))


def match(method: str, path: str) -> Match | None:
    """Find the operation of a path; letters match whatever their case, as the docs' own examples need."""
    parts = path.strip("/").split("/", 3)
    if len(parts) < 4 or parts[0].lower() != "customvision":
        return None
    text, kind, rest = parts[1].lower(), parts[2].lower(), parts[3].rstrip("/")
    versions = {"training": TRAINING_VERSIONS, "prediction": PREDICTION_VERSIONS}.get(kind, {})
    version = versions.get(text)
    if version is None:
        return None
    for pattern, route in _TABLE.get((kind == "prediction", method, rest.count("/")), ()):
        found = pattern.fullmatch(rest)
        if found and route.since <= version <= route.until:
            return Match(route, version, text, found.groupdict())
    return None


def is_old(path: str) -> bool:
    """A path of a training API v1.x, which is known but not modelled."""
    return re.match(r"/customvision/v1\.\d/training/", path, re.IGNORECASE) is not None
