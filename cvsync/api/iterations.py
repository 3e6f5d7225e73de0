"""Training, iterations and exports."""

from __future__ import annotations

from typing import Any

from cvsync.api.call import Caller
from cvsync.api.versions import TRAIN_OPTIONS_SINCE
from cvsync.api.wire import decode, decode_all
from cvsync.model import Export, Iteration


class IterationCalls(Caller):
    """Operations on trained models."""

    async def train_project(
        self,
        project_id: str,
        *,
        training_type: str | None = None,
        reserved_budget_in_hours: int | None = None,
        force_train: bool | None = None,
    ) -> Iteration:
        """Begin a training; to call this twice may train twice.

        Args:
            project_id: What to train.
            training_type: ``Regular`` or ``Advanced`` (v3.0 and later, as the other options).
            reserved_budget_in_hours: For an advanced training.
            force_train: Train even if nothing changed.
        """
        params = {
            "trainingType": training_type,
            "reservedBudgetInHours": reserved_budget_in_hours,
            "forceTrain": force_train,
        }
        for name, value in params.items():
            self._since(TRAIN_OPTIONS_SINCE, name, value)
        path = f"projects/{project_id}/train"
        return decode(Iteration, await self._call("TrainProject", "POST", path, params=params))

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
