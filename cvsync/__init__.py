"""Keep Azure Custom Vision projects equal to manifests.

The public names are loaded on first use, so that ``import cvsync`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvsync.api.client import Client, open_client
    from cvsync.errors import CvsyncError
    from cvsync.events import Event
    from cvsync.flows.aim import PlanRequest
    from cvsync.flows.apply import apply_plan
    from cvsync.flows.carry import Report
    from cvsync.flows.evaluate import EvaluateRequest, Evaluation, evaluate
    from cvsync.flows.migrate import MigrateRequest, migrate
    from cvsync.flows.models import ModelChoice
    from cvsync.flows.pictures import find_pictures
    from cvsync.flows.plan import make_plan
    from cvsync.flows.predict import PredictRequest, predict
    from cvsync.flows.pull import PullReport, PullRequest, pull
    from cvsync.flows.push import PushRequest, push
    from cvsync.flows.release import ReleaseRequest, release_project
    from cvsync.flows.service import Service, open_service
    from cvsync.labels import Labels
    from cvsync.manifest import Manifest, Reading, read, write
    from cvsync.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "Client": "cvsync.api.client",
    "CvsyncError": "cvsync.errors",
    "EvaluateRequest": "cvsync.flows.evaluate",
    "Evaluation": "cvsync.flows.evaluate",
    "Event": "cvsync.events",
    "Labels": "cvsync.labels",
    "Manifest": "cvsync.manifest",
    "MigrateRequest": "cvsync.flows.migrate",
    "ModelChoice": "cvsync.flows.models",
    "PlanRequest": "cvsync.flows.aim",
    "PredictRequest": "cvsync.flows.predict",
    "PullReport": "cvsync.flows.pull",
    "PullRequest": "cvsync.flows.pull",
    "PushRequest": "cvsync.flows.push",
    "Reading": "cvsync.manifest",
    "ReleaseRequest": "cvsync.flows.release",
    "Report": "cvsync.flows.carry",
    "Service": "cvsync.flows.service",
    "Settings": "cvsync.settings",
    "apply_plan": "cvsync.flows.apply",
    "evaluate": "cvsync.flows.evaluate",
    "find_pictures": "cvsync.flows.pictures",
    "make_plan": "cvsync.flows.plan",
    "migrate": "cvsync.flows.migrate",
    "open_client": "cvsync.api.client",
    "open_service": "cvsync.flows.service",
    "predict": "cvsync.flows.predict",
    "pull": "cvsync.flows.pull",
    "push": "cvsync.flows.push",
    "read": "cvsync.manifest",
    "release_project": "cvsync.flows.release",
    "write": "cvsync.manifest",
}

__all__ = [
    "Client", "CvsyncError", "EvaluateRequest", "Evaluation", "Event", "Labels", "Manifest",
    "MigrateRequest", "ModelChoice", "PlanRequest", "PredictRequest", "PullReport",
    "PullRequest", "PushRequest", "Reading",
    "ReleaseRequest", "Report", "Service", "Settings", "__version__", "apply_plan", "evaluate",
    "find_pictures", "make_plan", "migrate", "open_client", "open_service", "predict", "pull", "push", "read",
    "release_project", "write",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cvsync' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
