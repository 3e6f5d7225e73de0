"""Training, iterations and exports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cvsync.api.call import Caller, at_most
from cvsync.api.versions import (
    BASE_MODEL_SINCE,
    OVERWRITE_SINCE,
    SELECTED_TAGS_SINCE,
    TRAIN_OPTIONS_SINCE,
)
from cvsync.api.wire import decode, decode_all, encode
from cvsync.limits import MAX_PAGE, MAX_TAG_FILTER
from cvsync.model import BaseModel, Export, Iteration
from cvsync.predictions import ImagePerformance, IterationPerformance


class IterationCalls(Caller):
    """Operations on trained models."""

    async def train_project(
        self,
        project_id: str,
        *,
        training_type: str | None = None,
        reserved_budget_in_hours: int | None = None,
        force_train: bool | None = None,
        notification_email_address: str | None = None,
        selected_tags: Sequence[str] | None = None,
        base_model: BaseModel | None = None,
    ) -> Iteration:
        """Begin a training; to call this twice may train twice.

        Args:
            project_id: What to train.
            training_type: ``Regular`` or ``Advanced`` (v3.0 and later, as the other options).
            reserved_budget_in_hours: For an advanced training.
            force_train: Train even if nothing changed.
            notification_email_address: Is told of the end of an advanced training.
            selected_tags: Ids of the only tags to learn (v3.2 and later).
            base_model: The iteration to start from (v3.4-preview).
        """
        params = {
            "trainingType": training_type,
            "reservedBudgetInHours": reserved_budget_in_hours,
            "forceTrain": force_train,
            "notificationEmailAddress": notification_email_address,
        }
        for name, value in params.items():
            self._since(TRAIN_OPTIONS_SINCE, name, value)
        path = f"projects/{project_id}/train"
        chosen = self._since(SELECTED_TAGS_SINCE, "selected_tags", selected_tags)
        base = self._since(BASE_MODEL_SINCE, "base_model", base_model)
        body = ({"selectedTags": list(chosen)} if chosen else {}) | (
            {"customBaseModelInfo": encode(base)} if base else {}
        )
        answer = await self._call("TrainProject", "POST", path, params=params, json=body or None)
        return decode(Iteration, answer)

    async def get_iterations(self, project_id: str) -> tuple[Iteration, ...]:
        """List the iterations of a project."""
        path = f"projects/{project_id}/iterations"
        return decode_all(Iteration, await self._call("GetIterations", "GET", path))

    async def get_iteration(self, project_id: str, iteration_id: str) -> Iteration:
        """Read one iteration."""
        path = f"projects/{project_id}/iterations/{iteration_id}"
        return decode(Iteration, await self._call("GetIteration", "GET", path))

    async def update_iteration(
        self, project_id: str, iteration_id: str, changes: dict[str, Any]
    ) -> Iteration:
        """Change an iteration: ``name``, and ``isDefault`` in v2.x."""
        path = f"projects/{project_id}/iterations/{iteration_id}"
        return decode(Iteration, await self._call("UpdateIteration", "PATCH", path, json=changes))

    async def delete_iteration(self, project_id: str, iteration_id: str) -> None:
        """Delete an iteration; a published one is refused."""
        await self._call("DeleteIteration", "DELETE", f"projects/{project_id}/iterations/{iteration_id}")

    async def export_iteration(
        self, project_id: str, iteration_id: str, platform: str, *, flavor: str | None = None
    ) -> Export:
        """Begin an export; poll ``get_exports`` for its end."""
        path = f"projects/{project_id}/iterations/{iteration_id}/export"
        params = {"platform": platform, "flavor": flavor}
        return decode(Export, await self._call("ExportIteration", "POST", path, params=params))

    async def get_exports(self, project_id: str, iteration_id: str) -> tuple[Export, ...]:
        """List the exports of an iteration, with links where they are done."""
        path = f"projects/{project_id}/iterations/{iteration_id}/export"
        return decode_all(Export, await self._call("GetExports", "GET", path))

    async def publish_iteration(
        self,
        project_id: str,
        iteration_id: str,
        publish_name: str,
        prediction_id: str,
        *,
        overwrite: bool | None = None,
    ) -> bool:
        """Let a prediction resource, named by its resource id, answer with an iteration (v3.0 and later).

        ``overwrite`` (v3.3 and later) takes the name from the iteration that has it.
        """
        replaces = self._since(OVERWRITE_SINCE, "overwrite", overwrite)
        params = {"publishName": publish_name, "predictionId": prediction_id, "overwrite": replaces}
        path = f"projects/{project_id}/iterations/{iteration_id}/publish"
        return decode(bool, await self._call("PublishIteration", "POST", path, params=params))

    async def unpublish_iteration(self, project_id: str, iteration_id: str) -> None:
        """Take an iteration back from its prediction resource (v3.0 and later)."""
        path = f"projects/{project_id}/iterations/{iteration_id}/publish"
        await self._call("UnpublishIteration", "DELETE", path)

    async def get_iteration_performance(
        self,
        project_id: str,
        iteration_id: str,
        *,
        threshold: float | None = None,
        overlap_threshold: float | None = None,
    ) -> IterationPerformance:
        """Ask how good an iteration is; predictions below ``threshold`` do not count."""
        params = {"threshold": threshold, "overlapThreshold": overlap_threshold}
        path = f"projects/{project_id}/iterations/{iteration_id}/performance"
        answer = await self._call("GetIterationPerformance", "GET", path, params=params)
        return decode(IterationPerformance, answer)

    async def get_image_performances(
        self,
        project_id: str,
        iteration_id: str,
        *,
        tag_ids: Sequence[str] | None = None,
        order_by: str | None = None,
        take: int = MAX_PAGE,
        skip: int = 0,
    ) -> tuple[ImagePerformance, ...]:
        """Read a page of an iteration's test images, with what it says of them."""
        at_most(MAX_TAG_FILTER, tag_ids, "tags to filter by")
        params = {"tagIds": tag_ids, "orderBy": order_by, "take": take, "skip": skip}
        path = f"projects/{project_id}/iterations/{iteration_id}/performance/images"
        answer = await self._call("GetImagePerformances", "GET", path, params=params)
        return decode_all(ImagePerformance, answer)

    async def get_image_performance_count(
        self, project_id: str, iteration_id: str, *, tag_ids: Sequence[str] | None = None
    ) -> int:
        """Count an iteration's test images; with one of any number of tags."""
        path = f"projects/{project_id}/iterations/{iteration_id}/performance/images/count"
        params = {"tagIds": tag_ids}
        return decode(int, await self._call("GetImagePerformanceCount", "GET", path, params=params))
