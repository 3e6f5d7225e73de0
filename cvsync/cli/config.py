"""`cvsync.toml`: the file of profiles and jobs.

[profile.shop]                        a resource, by the names of the common options
endpoint = "https://shop.cognitiveservices.azure.com"
project = "shelf"
training_key_env = "SHOP_KEY"         where its key stands; a key itself is refused

[job.nightly]                         steps in order, each a verb with its options
profile = "shop"
steps = [{ push = { manifests = "manifest.csv" } }, { verify = { manifests = "manifest.csv" } }]

Paths in it begin at its own folder. It is searched for in this order: `--config`, `CVSYNC_CONFIG`,
`./cvsync.toml`, the user's folder of settings.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvsync.errors import SettingsError

NAME = "cvsync.toml"
_TABLES = ("profile", "job")

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """What the file holds, as written."""

    path: Path
    profiles: Mapping[str, Table] = field(default_factory=dict)
    jobs: Mapping[str, Table] = field(default_factory=dict)

    def profile(self, name: str) -> Table:
        """Give a profile by its name.

        Raises:
            SettingsError: There is none of this name.
        """
        return self._named("profile", self.profiles, name)

    def job(self, name: str) -> Table:
        """Give a job by its name.

        Raises:
            SettingsError: There is none of this name.
        """
        return self._named("job", self.jobs, name)

    def _named(self, kind: str, tables: Mapping[str, Table], name: str) -> Table:
        if name not in tables:
            raise SettingsError(f"{self.path}: there is no [{kind}.{name}]; {nearest(name, tables)}")
        return tables[name]


def load_config(given: Path | None) -> Config:
    """Find the file and read it.

    Raises:
        SettingsError: It is not there, is no TOML, or has tables of other names.
    """
    path = given or next((place for place in _places() if place.is_file()), None)
    if path is None:
        looked = " or ".join(map(str, _places()))
        raise SettingsError(f"no {NAME}: looked for {looked}; --config FILE names another")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    return _read(path, content)


def _places() -> tuple[Path, ...]:
    from platformdirs import user_config_path

    return Path(NAME), user_config_path("cvsync", appauthor=False) / NAME


def _read(path: Path, content: Table) -> Config:
    for name in content:
        if name not in _TABLES:
            raise SettingsError(f"{path}: unknown table [{name}]; {nearest(name, _TABLES)}")
    profiles, jobs = (content.get(kind, {}) for kind in _TABLES)
    for kind, tables in zip(_TABLES, (profiles, jobs), strict=True):
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SettingsError(f"{path}: write [{kind}.NAME], a table for each {kind}")
    # A link is not followed: that of a Kubernetes config map goes another way after each change of it.
    return Config(path.parent.resolve() / path.name, profiles, jobs)


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or which there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "there are none"
