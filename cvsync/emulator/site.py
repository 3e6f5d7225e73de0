"""All that handlers work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvsync.emulator.blobs import Blobs
from cvsync.emulator.fetch import Fetcher
from cvsync.emulator.links import Links
from cvsync.emulator.quotas import QUOTAS, Quota
from cvsync.emulator.settings import EmulatorSettings
from cvsync.emulator.store.schema import Store

if TYPE_CHECKING:
    from cvsync.emulator.exporting import Exporter
    from cvsync.emulator.hooks import Hooks
    from cvsync.emulator.importing import Importer
    from cvsync.emulator.training import Trainer


@dataclass
class Site:
    settings: EmulatorSettings
    store: Store
    blobs: Blobs
    fetcher: Fetcher
    links: Links
    hooks: Hooks = field(init=False)
    trainer: Trainer = field(init=False)
    exporter: Exporter = field(init=False)
    importer: Importer = field(init=False)

    @property
    def quota(self) -> Quota:
        return QUOTAS[self.settings.quota]
