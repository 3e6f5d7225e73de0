"""What a project is to be made equal to, and within which bounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from cvsync.flows.project import NewProject
from cvsync.manifest import Name, Reading, shown
from cvsync.plan import Prune
from cvsync.plan.adopt import Unmanaged
from cvsync.plan.drift import OnDrift
from cvsync.plan.guard import DeleteGuard
from cvsync.plan.quota import Tier
from cvsync.plan.scope import TagScope


@dataclass(frozen=True, kw_only=True)
class Aim(ABC):
    """Which project is to be made equal to something, and within which bounds."""

    project: str
    """Name or id."""
    create: NewProject | None = None
    """How to make the project if it does not exist; None: it must."""
    prune: Prune = Prune.KEEP
    guard: DeleteGuard = field(default_factory=DeleteGuard)
    on_drift: OnDrift = OnDrift.MANIFEST
    scope: TagScope = field(default_factory=TagScope)
    renames: Mapping[str, str] = field(default_factory=dict)
    """Tags that get another name: old -> new."""
    unmanaged: Unmanaged = Unmanaged.LEAVE
    tier: Tier = Tier.S0
    strict: bool = False
    """Refuse everything if one row is bad."""

    @property
    @abstractmethod
    def reference(self) -> str:
        """What it is to be made equal to, for messages."""

    @property
    def deletes_despite_errors(self) -> bool:
        """Whether images go even though something was refused."""
        return False


@dataclass(frozen=True, kw_only=True)
class PlanRequest(Aim):
    """What a project is to be made equal to: manifests."""

    manifests: tuple[Name, ...]
    """Files, folders, globs, URIs of storage, or ``-`` for stdin."""
    reading: Reading = field(default_factory=Reading)
    """How to understand the manifests, where they do not say it themselves."""

    @property
    def reference(self) -> str:
        """The manifests' names."""
        return ", ".join(map(shown, self.manifests))
