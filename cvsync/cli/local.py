"""`--endpoint local`: the emulator inside this process, with the manifests' folder mounted."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsync.errors import SettingsError

if TYPE_CHECKING:
    from cvsync.flows.carry import Files
    from cvsync.manifest import Name

NEEDS = "this needs cvsync's `local` extra: pip install 'cvsync[local]'"


@dataclass(frozen=True)
class LocalResource:
    """An emulator that serves."""

    url: str
    training_key: str = field(repr=False)
    prediction_key: str = field(repr=False)
    files: Files | None
    """The folder that it serves, with the URL of that."""


@asynccontextmanager
async def local_emulator(data: Path, manifests: Sequence[Name]) -> AsyncIterator[LocalResource]:
    """Run the emulator for as long as the block lasts.

    Raises:
        LockedError: Another process has this data folder.
        SettingsError: What lies in it is not what this version of the emulator reads.
    """
    from cvsync.run.lock import hold_lock

    try:
        from cvsync.emulator import Emulator, EmulatorSettings, SchemaError
    except ImportError as error:
        raise SettingsError(NEEDS) from error
    folder = common_folder(manifests)
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_lock(data, run_id="emulator", what=str(data)))
        settings = replace(EmulatorSettings(data=data, files=folder), **keys())
        try:
            emulator = await stack.enter_async_context(Emulator(settings))
        except SchemaError as error:
            raise SettingsError(str(error)) from error
        files = (folder, f"{emulator.url}/files") if folder else None
        yield LocalResource(emulator.url, settings.training_key, settings.prediction_key, files)


def keys() -> dict[str, Any]:
    """Give the emulator's keys as the environment says; it has defaults of its own."""
    names = {
        "training_key": "CVSYNC_EMULATOR_TRAINING_KEY",
        "prediction_key": "CVSYNC_EMULATOR_PREDICTION_KEY",
    }
    return {field: os.environ[name] for field, name in names.items() if os.environ.get(name)}


def common_folder(manifests: Sequence[Name]) -> Path | None:
    """Give the folder that holds all manifests of this machine."""
    from cvsync.manifest import is_remote

    folders = [Path(name).resolve().parent for name in manifests if not is_remote(name)]
    return Path(os.path.commonpath(folders)) if folders else None
