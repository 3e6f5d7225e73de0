"""What happened in a run of a job, kept in the state folder: `STATE/jobs/JOB-FILE/RUN.json`.

It is written when the job begins and after each step, so that a run that was killed is in the history too,
without an exit code. FILE is a digest of the path of `cvsync.toml`: jobs of one name in two files are two.
The reports of the latest ``KEPT`` runs of a job stay. The next run renames a damaged one to ``RUN.damaged``,
which stays for as long as those of its age.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from cvsync.errors import SettingsError
from cvsync.events import Event
from cvsync.odd_names import dump_json
from cvsync.plan.plan import Extent
from cvsync.run.private import make_folder
from cvsync.whole import PRIVATE, open_whole

MOST = 100  # refused rows, warnings and exports in a report; more are counted
_ASIDE = ".damaged"
KEPT = 100  # reports of a job: of a nightly one, those of a quarter of a year
_LAST = ("plan_summary", "held", "totals", "train", "judge", "publish", "evaluated", "verified")
_EACH = ("warning", "export", "iteration_removed")
_AS_IT_WAS = ("images_there", "images_gone", "bytes_fetched")  # what a pull found, and how large it was
_AT_WORK = ("Exporting", "Training")  # what the service is still at; its end will be told


@dataclass
class StepRecord:
    """What a step did."""

    verb: str
    started: str
    project: str | None = None
    seconds: float = 0.0
    exit_code: int | None = None
    reason: str | None = None
    run_id: str | None = None
    """The run in the ledger, which `cvsync undo` takes."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The last event of a name, and all of those of which each counts."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    refused_count: int = 0
    quota: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of images and of tags: how many there are, the limit of the tier, and what is left."""

    def __call__(self, event: Event) -> None:
        """Take an event of the step."""
        facts: dict[str, Any] = dict(event.facts)
        if event.name == "run_start":
            self.project = self.project or facts["project"]
        elif event.name == "run_end":
            self.reason = facts.get("reason")
        elif event.name == "item_refused":
            self.refused_count += 1
            if len(self.refused) < MOST:
                self.refused.append(facts)
        elif event.name in _LAST:
            self.run_id = facts.pop("run_id", self.run_id)
            self.facts[event.name] = facts
        elif event.name in _EACH and facts.get("status") not in _AT_WORK:
            found = self.facts.setdefault(event.name, [])
            if len(found) < MOST:
                found.append(facts)


@dataclass
class JobRecord:
    """What a run of a job did."""

    job: str
    run_id: str
    started: str
    file: str | None = None
    """The `cvsync.toml` that says what the job is; None: an older cvsync, which did not tell, wrote this."""
    ended: str | None = None
    exit_code: int | None = None
    """None: it is at work, or was killed."""
    reason: str | None = None
    steps: list[StepRecord] = field(default_factory=list)
    model_before: dict[str, Any] | None = None
    """What the model was like in the latest run before that judged one; as the event ``judge`` says it."""

    @property
    def model(self) -> dict[str, Any] | None:
        """What the model was like that the run judged last."""
        return next((s.facts["judge"] for s in reversed(self.steps) if "judge" in s.facts), None)

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it has not ended."""
        if self.ended is None:
            return None
        return (datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.started)).total_seconds()

    @property
    def changed(self) -> int:
        """How much all steps changed."""
        totals = [changes(step.facts.get("totals", {})) for step in self.steps]
        return sum(n for of_step in totals for name, n in of_step.items() if not name.endswith("refused"))

    @property
    def refused_count(self) -> int:
        """How much was refused."""
        return sum(step.refused_count for step in self.steps)

    def save(self, folder: Path) -> Path:
        """Write it down whole, or not at all."""
        path = folder / f"{self.run_id}.json"
        write_private(path, dump_json(asdict(self), option=orjson.OPT_INDENT_2))
        return path

    @classmethod
    def load(cls, path: Path) -> JobRecord:
        """Read one that was saved, by whatever version.

        Raises:
            SettingsError: What it says is not what a report says.
            OSError: It cannot be read.
        """
        try:
            content = _known(cls, orjson.loads(path.read_bytes()))
            content["steps"] = [StepRecord(**_known(StepRecord, step)) for step in content["steps"]]
            record = cls(**content)
            # Whoever lists it asks for these, and should not be who finds out.
            _ = datetime.fromisoformat(record.started), record.seconds, record.changed, record.refused_count
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SettingsError(f"{path}: it is no report of a job") from error
        return record


def _known(kind: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what another version of cvsync tells besides."""
    return {of.name: content[of.name] for of in fields(kind) if of.name in content}


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole, for its owner only: messages may tell of what is private."""
    make_folder(path.parent)
    with open_whole(path, mode=PRIVATE) as file:
        file.write(content)


def jobs_folder(state: Path, job: str, file: Path) -> Path:
    """Give where a job of a `cvsync.toml` keeps its lock and its reports."""
    return state / "jobs" / f"{job}-{hashlib.sha256(bytes(file)).hexdigest()[:8]}"


def history(folder: Path, unreadable: Callable[[str], object] = lambda _: None) -> list[JobRecord]:
    """Give the runs of the job that has this folder, the latest first; a few kilobytes each.

    Args:
        folder: Need not be there.
        unreadable: Is told which report, or that the folder, cannot be read, and why; the others are given.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".json"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        unreadable(f"{folder}: {error.strerror}")
        return []
    found = []
    for path in paths:
        try:
            found.append(JobRecord.load(path))
        except FileNotFoundError:
            continue  # a run of the job has just removed it
        except OSError as error:
            unreadable(f"{path}: {error.strerror}")
        except SettingsError as error:
            unreadable(str(error))
    return sorted(found, key=lambda record: record.started, reverse=True)


def set_damaged_aside(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Rename what is no report, so that it is told once; give its name before and now."""
    for path in sorted(folder.glob("*.json")):
        try:
            JobRecord.load(path)
        except SettingsError:
            yield path, path.replace(path.with_suffix(_ASIDE))
        except OSError:
            continue  # it may be whole, and be read by another run


def remove(folder: Path, records: Sequence[JobRecord]) -> None:
    """Remove all that the oldest runs of a job left in its folder, damaged reports of their age too."""
    for record in records:
        for path in folder.glob(f"*{record.run_id}.*"):
            path.unlink()
    latest = max((record.run_id for record in records), default="")
    for path in folder.glob(f"*{_ASIDE}"):
        if path.stem < latest:
            path.unlink()
            path.with_suffix(".md").unlink(missing_ok=True)


def now() -> str:
    """Give the time as it stands in reports."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def room(facts: Mapping[str, Any], most: Extent | None) -> dict[str, dict[str, int]]:
    """Give how many images and tags a project holds after a step, of how many, and what is left.

    Args:
        facts: What the step told.
        most: The limits; None: there are none.
    """
    held, plan = facts.get("held"), facts.get("plan_summary")
    if most is None or plan is None:
        return {}
    limits = {"images": most.images, "tags": most.tags}
    there = held or {noun: plan[f"{noun}_before"] for noun in limits}
    return {
        noun: {"there": there[noun], "limit": limit, "left": limit - there[noun]}
        for noun, limit in limits.items()
    }


def changes(totals: Mapping[str, Any]) -> dict[str, int]:
    """Give what a step changed, of its totals."""
    return {name: n for name, n in totals.items() if isinstance(n, int) and n and name not in _AS_IT_WAS}
