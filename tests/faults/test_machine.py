"""Random histories: rows come and go, pushes crash and meet faults, others edit the project."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from look import all_images
from make import write_csv

from cvsync import PushRequest, Report, Settings, open_service, push
from cvsync.api.client import open_client
from cvsync.api.images import UrlEntry
from cvsync.api.retry import RetryPolicy
from cvsync.emulator import Emulator, EmulatorSettings
from cvsync.errors import GuardError
from cvsync.flows.project import NewProject
from cvsync.model import Image, ProjectType, Region
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard
from cvsync.run.failpoints import arm
from cvsync.run.ledger import Ledger
from cvsync.run.settings import RunSettings

KEYS = st.sampled_from([f"https://pictures.test/{n}" for n in range(12)])
LABELS = st.lists(
    st.tuples(st.sampled_from(["fork", "spoon", "knife"]), st.sampled_from([0.1, 0.2, 0.3])),
    max_size=3, unique=True,
)  # fmt: skip
OPERATIONS = st.sampled_from(
    ["CreateImagesFromUrls", "CreateImageRegions", "DeleteImageRegions", "DeleteImages", "CreateTag"]
)
FAULTS = st.sampled_from(
    [{"kind": "reset_before"}, {"kind": "reset_after"}, {"kind": "truncate"}, {"kind": "html"},
     {"kind": "status", "status": 429, "retry_after": 0}, {"kind": "status", "status": 500}]
)  # fmt: skip
MOST_DELETED = 2
STRANGER = "https://pictures.test/of-somebody-else"


class CrashError(BaseException):
    pass


def crash() -> None:
    raise CrashError


class History(RuleBasedStateMachine):
    """A manifest, a project, a ledger, and what may happen to them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.emulator = Emulator(
            EmulatorSettings(data=self.folder / "service", fetch=False, train_in_process=False)
        )
        self.runner.run(self.emulator.__aenter__())
        self.manifest: dict[str, set[tuple[str, float]]] = {"https://pictures.test/0": {("fork", 0.1)}}
        self.is_pushed = False
        self.has_stranger = False
        self.ever_known: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.emulator.__aexit__(None, None, None))
            self.runner.close()
            shutil.rmtree(self.folder)

    # The manifest.

    @rule(key=KEYS, labels=LABELS)
    def write_rows(self, key: str, labels: list[tuple[str, float]]) -> None:
        """Add an image, or label it anew."""
        self.manifest[key] = set(labels)
        self.is_pushed = False

    @precondition(lambda self: len(self.manifest) > 1)
    @rule(data=st.data())
    def drop_rows(self, data: st.DataObject) -> None:
        del self.manifest[data.draw(st.sampled_from(sorted(self.manifest)))]
        self.is_pushed = False

    # Pushes.

    @rule(delete=st.booleans())
    def push(self, delete: bool) -> None:
        try:
            report = self._push(delete=delete)
        except GuardError:
            assert delete
            return
        assert report.is_complete
        assert report.counts["images_deleted"] <= MOST_DELETED
        self._check_pushed(deleted=delete)
        self.is_pushed = True

    @rule(step=st.integers(1, 40), delete=st.booleans())
    def push_and_crash(self, step: int, delete: bool) -> None:
        arm(f"any:{step}", crash)
        try:
            self._push(delete=delete)
        except (CrashError, BaseExceptionGroup, GuardError) as error:
            assert "Crash" in repr(error) or isinstance(error, GuardError)
        finally:
            arm(None)

    @rule(operation=OPERATIONS, fault=FAULTS, skip=st.integers(0, 1), delete=st.booleans())
    def push_with_fault(self, operation: str, fault: dict[str, Any], skip: int, delete: bool) -> None:
        order = fault | {"operation": operation, "skip": skip, "count": 1}
        self.runner.run(self._control("POST", [order]))
        try:
            report = self._push(delete=delete)
            assert report.is_complete
            self._check_pushed(deleted=delete)
        except GuardError:
            assert delete
        finally:
            self.runner.run(self._control("DELETE", None))

    # Others.

    @rule()
    def add_foreign_image(self) -> None:
        async def add() -> None:
            async with self._client() as (client, _):
                for project in await client.get_projects():
                    await client.create_images_from_urls(project.id, [UrlEntry(STRANGER)])
                    self.has_stranger = True

        self.runner.run(add())
        self.is_pushed = False

    @rule(data=st.data(), what=st.sampled_from(["delete", "unlabel", "label"]))
    def edit_by_hand(self, data: st.DataObject, what: str) -> None:
        async def edit() -> None:
            async with self._client() as (client, _):
                for project in await client.get_projects():
                    own = self._own_images(await all_images(client, project.id), project.id)
                    tags = await client.get_tags(project.id)
                    if not own or not tags:
                        continue
                    image = data.draw(st.sampled_from(sorted(own, key=lambda i: i.id)))
                    if what == "delete":
                        await client.delete_images(project.id, [image.id])
                    elif what == "unlabel" and image.regions:
                        await client.delete_image_regions(project.id, [image.regions[0].region_id or ""])
                    else:
                        region = Region(tags[0].id, 0.4, 0.25, 0.5, 0.5)
                        await client.create_image_regions(project.id, [(image.id, region)])

        self.runner.run(edit())
        self.is_pushed = False

    # What must always hold.

    @precondition(lambda self: self.is_pushed)
    @rule()
    def push_again(self) -> None:
        """Where nothing changed, nothing is written."""
        self.runner.run(self._control("POST", None, "reset"))
        report = self._push(delete=False)
        assert report.is_complete
        calls = self.runner.run(self._control("GET", None, "requests"))["by_operation"]
        assert [name for name in calls if name.startswith(("Create", "Delete", "Update"))] == []

    @invariant()
    def strangers_are_never_touched(self) -> None:
        if not getattr(self, "has_stranger", False):
            return
        sources = [source for image in self._sources() for source in image["sources"]]
        assert STRANGER in sources

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        if hasattr(self, "emulator"):
            sources = Counter(source for image in self._sources() for source in image["sources"])
            assert all(count == 1 for count in sources.values()), sources

    def _check_pushed(self, *, deleted: bool) -> None:
        """Every image of the manifest is there once, with its labels and no others."""
        images = self.runner.run(self._images())
        by_id = {image.id: image for image in images}
        urls = {image["id"]: image["sources"][0] for image in self._sources()}
        stored = {
            urls[id_]: Counter((r.tag_name, round(r.left, 4)) for r in image.regions)
            for id_, image in by_id.items()
        }
        for key, labels in self.manifest.items():
            assert stored[key] == Counter(labels)
        if deleted:
            assert stored.keys() - {STRANGER} == self.manifest.keys()

    def _push(self, *, delete: bool) -> Report:
        rows = [
            {"url": key, "tag": tag, "left": left, "top": top, "width": side, "height": side}
            for key, labels in self.manifest.items()
            for tag, left, top, side in [(t, f"{x}", "0.25", "0.5") for t, x in sorted(labels)] or [[""] * 4]
        ]
        write_csv(self.folder / "m.csv", rows)
        request = PushRequest(
            manifests=(self.folder / "m.csv",), project="shelf",
            create=NewProject(type=ProjectType.DETECTION),
            prune=Prune.DELETE if delete else Prune.KEEP, guard=DeleteGuard(MOST_DELETED),
            run=RunSettings(grace=0.0, retry_wait=0.0, status_every=0),
        )  # fmt: skip

        async def go() -> Report:
            policy = RetryPolicy(first_wait=0.001, longest_wait=0.001)
            async with open_service(self._settings, state=self.folder / "state", policy=policy) as service:
                return await push(service, request)

        try:
            return self.runner.run(go())
        finally:
            arm(None)
            self._check_counters()

    def _check_counters(self) -> None:
        """All that runs counted is what the ledger came to know, each image once, however they ended."""
        for path in (self.folder / "state").glob("*/*/ledger.sqlite"):
            ledger = Ledger.open(path, f"{self.emulator.url} {path.parent.name}")
            self.ever_known |= {*ledger.known().table.column("image_id").to_pylist()}
            runs = [row[0] for row in ledger._db.execute("SELECT run_id FROM runs")]
            totals = sum((ledger.totals(run) for run in runs), Counter[str]())
            ledger.close()
            assert totals["images_created"] + totals["images_adopted"] == len(self.ever_known)

    @property
    def _settings(self) -> Settings:
        return Settings(endpoint=self.emulator.url, training_key="local-training-key", concurrency=2)

    def _client(self) -> Any:
        return open_client(self._settings)

    async def _images(self) -> list[Image]:
        async with self._client() as (client, _):
            (project,) = await client.get_projects()
            return await all_images(client, project.id)

    def _sources(self) -> list[dict[str, Any]]:
        async def ask() -> list[dict[str, Any]]:
            async with self._client() as (client, _):
                projects = await client.get_projects()
            found = [await self._control("GET", None, f"projects/{p.id}/images") for p in projects]
            return [image for images in found for image in images]

        return self.runner.run(ask())

    def _own_images(self, images: list[Image], project: str) -> list[Image]:
        return [image for image in images if "cvsync_batch" in image.metadata]

    async def _control(self, method: str, json: Any, path: str = "faults") -> Any:
        import aiohttp

        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.emulator.url}/_emulator/{path}", json=json) as response,
        ):
            return await response.json(content_type=None)


QUICK = settings(max_examples=6, stateful_step_count=12, deadline=None, suppress_health_check=[*HealthCheck])
LONG = settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[*HealthCheck])


class TestHistory(History.TestCase):  # type: ignore[name-defined,misc]
    settings = QUICK


@pytest.mark.soak
@pytest.mark.timeout(3600)
class TestLongHistory(History.TestCase):  # type: ignore[name-defined,misc]
    settings = LONG
