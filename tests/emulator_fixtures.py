"""Fixtures around the emulator, for tests/conftest.py to import."""

from __future__ import annotations

import io
import sys
import tempfile
import types
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import judging
import orjson
import pytest
from judging import judge
from PIL import Image

from cvsync.emulator import Emulator, EmulatorProcess, EmulatorSettings, EmulatorThread

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
StartEmulator = Callable[..., Awaitable[Emulator]]


@dataclass(frozen=True)
class Answer:
    status: int
    value: Any
    headers: Any


class Api:
    """A plain client of one version, so that tests read as calls and answers."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, version: str = "v3.3") -> None:
        self.emulator = emulator
        self.session = session
        self.version = version
        self.headers = {"Training-Key": "local-training-key", "Prediction-Key": "local-prediction-key"}

    def at(self, version: str) -> Api:
        return Api(self.emulator, self.session, version)

    async def call(self, method: str, path: str, *, kind: str = "training", **options: Any) -> Answer:
        url = f"{self.emulator.url}/customvision/{self.version}/{kind}/{path}"
        headers = self.headers | options.pop("headers", {})
        if options.get("json") is not None:
            options["data"] = orjson.dumps(options.pop("json"))
            headers["Content-Type"] = "application/json"
        if isinstance(options.get("data"), bytes):
            options["data"] = io.BytesIO(options["data"])  # aiohttp warns of large bodies as plain bytes
        async with self.session.request(method, url, headers=headers, **options) as response:
            content = await response.read()
            value = orjson.loads(content) if response.content_type == "application/json" else content
            return Answer(response.status, value, response.headers)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, json=json, **options)

    async def patch(self, path: str, json: Any) -> Answer:
        return await self.call("PATCH", path, json=json)

    async def delete(self, path: str) -> Answer:
        return await self.call("DELETE", path)

    async def control(self, method: str, path: str, json: Any = None) -> Answer:
        async with self.session.request(
            method, f"{self.emulator.url}/_emulator/{path}", json=json
        ) as response:
            content = await response.read()
            return Answer(response.status, orjson.loads(content) if content else None, response.headers)

    async def project(self, **query: str) -> str:
        """A new project's id."""
        return str((await self.post("projects", params={"name": "shelf"} | query)).value["id"])

    async def tag(self, project: str, name: str, **query: str) -> str:
        answer = await self.post(f"projects/{project}/tags", params={"name": name} | query)
        assert answer.status == 200, answer
        return str(answer.value["id"])

    async def add(self, project: str, *urls: str, tags: tuple[str, ...] = (), **batch: Any) -> list[Any]:
        """The results of a batch of URLs."""
        body = {"images": [{"url": url} for url in urls], "tagIds": list(tags)} | batch
        answer = await self.post(f"projects/{project}/images/urls", body)
        assert answer.status in (200, 207), answer
        return list(answer.value["images"])

    async def trained(self, project: str) -> Any:
        """Train and wait for the end; the iteration."""
        answer = await self.post(f"projects/{project}/train")
        assert answer.status == 200, answer
        iteration = answer.value.get("id") or answer.value["Id"]
        return await self.until(f"projects/{project}/iterations/{iteration}", "Training")

    async def until(self, path: str, busy: str) -> Any:
        """Ask until the status is no longer `busy`."""
        while (answer := await self.get(path)).value["status"] == busy:
            pass
        return answer.value


@pytest.fixture(autouse=True)
def answers_as_published(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hold every answer of every emulator against the specification of its version.

    Whoever the client is: plain calls, cvsync's own client, the SDK. And wherever the emulator is: in this
    process, or in one of its own.
    """
    problems: list[str] = []
    report = Path(tempfile.gettempdir()) / f"cvsync-answers-{uuid.uuid4().hex}"
    judge(problems.extend, monkeypatch.setattr)
    program = (sys.executable, str(Path(judging.__file__)), str(report))
    monkeypatch.setattr(EmulatorProcess, "program", program)
    yield problems
    if report.exists():
        problems += report.read_text(encoding="utf-8").splitlines()
        report.unlink()
    assert not problems, "\n".join(problems)


@pytest.fixture
async def start_emulator(tmp_path: Path) -> AsyncIterator[StartEmulator]:
    """Start an emulator with these settings; each has a folder of its own unless it names one."""
    async with AsyncExitStack() as stack:
        started = 0

        async def start(**settings: Any) -> Emulator:
            nonlocal started
            started += 1
            settings.setdefault("data", tmp_path / f"emulator-{started}")
            settings.setdefault("fetch", False)
            settings.setdefault("train_in_process", False)
            settings.setdefault("import_seconds", 0.0)
            return await stack.enter_async_context(Emulator(EmulatorSettings(**settings)))

        yield start


@pytest.fixture
def start_served(tmp_path: Path) -> Iterator[Callable[..., EmulatorThread]]:
    """Start an emulator in a thread, for clients that block; settings as for `start_emulator`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> EmulatorThread:
            quick = {"fetch": False, "train_in_process": False, "import_seconds": 0.0}
            folder = {"data": Path(tempfile.mkdtemp(prefix="served-", dir=tmp_path))}
            return stack.enter_context(EmulatorThread(EmulatorSettings(**folder | quick | settings)))

        yield start


@pytest.fixture
def served(start_served: Callable[..., EmulatorThread]) -> EmulatorThread:
    """An emulator in a thread that downloads nothing."""
    return start_served()


@pytest.fixture
async def emulator(start_emulator: StartEmulator) -> Emulator:
    """An emulator that downloads nothing: the URL text stands for the bytes."""
    return await start_emulator()


@pytest.fixture
async def emulator_session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


@pytest.fixture
async def start_api(
    start_emulator: StartEmulator, emulator_session: aiohttp.ClientSession
) -> Callable[..., Awaitable[Api]]:
    """Start an emulator with these settings and open a client to it."""

    async def start(**settings: Any) -> Api:
        return Api(await start_emulator(**settings), emulator_session)

    return start


@pytest.fixture
async def emulator_api(emulator: Emulator, emulator_session: aiohttp.ClientSession) -> Api:
    return Api(emulator, emulator_session)


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    def make(color: Any = (200, 30, 30), size: tuple[int, int] = (64, 48), format: str = "PNG") -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, color).save(buffer, format)
        return buffer.getvalue()

    return make


@pytest.fixture
def quick_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner that remembers mean colours: the states of training are tested, not the model."""
    import cvsync.emulator

    learner = _quick_learner()
    monkeypatch.setitem(sys.modules, "cvsync.emulator.learn", learner)
    monkeypatch.setattr(cvsync.emulator, "learn", learner, raising=False)


def _quick_learner() -> types.ModuleType:
    import enum
    from collections import namedtuple

    module: Any = types.ModuleType("cvsync.emulator.learn")
    module.Kind = enum.Enum("Kind", "MULTICLASS MULTILABEL DETECTION")
    module.Box = namedtuple("Box", "left top width height")
    module.Example = namedtuple("Example", "read tags boxes")
    module.Candidate = namedtuple("Candidate", "tag probability box")
    trained = namedtuple("Trained", "model held_out candidates")
    score = namedtuple("Score", "precision recall precision_std recall_std average_precision")
    performance = namedtuple("Performance", "overall tags")

    class Model:
        def __init__(self, tag_count: int, box: Any) -> None:
            self.tag_count, self.box = tag_count, box

        def predict(self, content: bytes) -> list[Any]:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
            box = self.box and module.Box(*self.box)
            return [
                module.Candidate(tag, (tag + 0.1512497) / self.tag_count, box)
                for tag in range(self.tag_count)
            ]

        def to_bytes(self) -> bytes:
            return orjson.dumps([self.tag_count, self.box])

        @staticmethod
        def from_bytes(content: bytes) -> Model:
            return Model(*orjson.loads(content))

        def to_onnx(self) -> bytes:
            return b"onnx"

    def fit(kind: Any, tag_count: int, examples: Any, *, seed: int) -> Any:
        model = Model(tag_count, [0.1, 0.2, 0.3, 0.4] if kind is module.Kind.DETECTION else None)
        of_tag: dict[int, list[int]] = {}
        for n, example in enumerate(examples):
            of_tag.setdefault(min((*example.tags, *(tag for tag, _ in example.boxes))), []).append(n)
        held_out = tuple(sorted(n for group in of_tag.values() for n in group[::5]))  # of each tag
        return trained(model, held_out, tuple(model.predict(examples[i].read()) for i in held_out))

    def measure(kind: Any, tag_count: int, truth: Any, candidates: Any, **thresholds: float) -> Any:
        assert len(truth) == len(candidates)
        one = score(0.5, 0.25, 0.0, 0.0, 1.0)
        return performance(one, (one,) * tag_count)

    module.Model, module.fit, module.performance = Model, fit, measure
    return module
