"""Every call that writes, cut after the request, in the answer's headers, in its body, or answered late."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from bench_fixtures import StartBench
from make import make_png
from plans import box, create

from cvsync.api.circuit import Circuit
from cvsync.api.client import Client
from cvsync.api.connections import Connections
from cvsync.api.images import UrlEntry
from cvsync.api.retry import RetryTransport
from cvsync.api.transport import AiohttpTransport
from cvsync.flows.project import NewProject, create_project
from cvsync.flows.train import train
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Kind, Label, TagRename
from cvsync.plan.plan import Plan
from cvsync.settings import Settings
from faults.proxy import Proxy, Toxic

StartTroubled = Callable[..., Awaitable[tuple[Bench, Proxy]]]
CUTS = ["cut_request", "cut_headers", "cut_body", "late"]
PATIENCE = 0.25  # seconds until the client gives up


@pytest.fixture
async def troubled(start_bench: StartBench) -> AsyncIterator[StartTroubled]:
    """Put a proxy between the whole client, retries included, and the emulator."""
    async with AsyncExitStack() as stack:

        async def start(type_: ProjectType, api_version: str = "v3.3") -> tuple[Bench, Proxy]:
            bench = await start_bench(type_, api_version)
            proxy = await stack.enter_async_context(Proxy(bench.emulator.url))
            reach = Settings(
                endpoint=proxy.url,
                training_key="local-training-key",
                api_version=api_version,
                timeout=PATIENCE,
            )
            connections = await stack.enter_async_context(Connections())
            bare, circuit = AiohttpTransport(reach, connections), Circuit(lambda _: None, max_outage=60.0)
            bench.transport = RetryTransport(
                bare, lambda _: circuit, bare=bare, sleep=bench.clock.sleep, clock=bench.clock.now
            )
            return bench, proxy

        yield start


def cut(proxy: Proxy, kind: str, match: str) -> Toxic:
    proxy.requests.clear()
    if kind == "late":
        return proxy.add("latency", match, count=1, seconds=2 * PATIENCE)
    return proxy.add(kind, match, count=1)


Labels = dict[str, Counter[Any]]


@dataclass(frozen=True)
class Case:
    """A plan that makes a call, for three images with a fork and a spoon each."""

    match: str
    """The pattern of the request."""
    actions: Callable[[dict[str, str], dict[str, Any], Path], list[Action]]
    """From image ids, region ids by key and tag, and a folder."""
    after: Callable[[str], Counter[Any]] | None = None
    """The labels that each of the three has afterwards; None: as before."""
    gone: tuple[str, ...] = ()
    type_: ProjectType = ProjectType.DETECTION
    tags: tuple[str, ...] = ()
    rename: tuple[str, str] | None = None


BOTH = Counter([("fork", 0.1), ("spoon", 0.1)])


def new_urls(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [create(f"new {n}", box("fork"), box("spoon")) for n in range(3)]


def new_files(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    paths = [folder / f"new {n}" for n in range(3)]
    for n, path in enumerate(paths):
        path.write_bytes(make_png(n))
    return [Action(Kind.CREATE_IMAGE, p.name, (box("fork"), box("spoon")), path=str(p)) for p in paths]


def replacements(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    url = "https://pictures.test/new"
    return [
        Action(Kind.REPLACE_IMAGE, key, (box("fork"),), image_id=ids[key], url=f"{url}-{key}") for key in ids
    ]


def more_boxes(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [Action(Kind.ADD_LABEL, key, (box("knife"), box("fork", 0.4)), image_id=ids[key]) for key in ids]


def more_tags(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [Action(Kind.ADD_LABEL, key, (Label("knife"),), image_id=ids[key]) for key in ids]


def fewer_boxes(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [
        Action(Kind.REMOVE_LABEL, k, (box("fork"),), image_id=ids[k], region_ids=(regions[k, "fork"],))
        for k in ids
    ]


def fewer_tags(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [Action(Kind.REMOVE_LABEL, k, (Label("fork"),), image_id=ids[k], region_ids=(None,)) for k in ids]


def fewer_images(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return [Action(Kind.DELETE_IMAGE, key, image_id=ids[key]) for key in ("0", "1")]


def nothing(ids: dict[str, str], regions: Any, folder: Path) -> list[Action]:
    return []


MULTILABEL = ProjectType.MULTILABEL
CASES = {
    "create_images_from_urls": Case("POST .*/images/urls", new_urls),
    "create_images_from_files": Case("POST .*/images/files", new_files),
    "replace_image": Case("POST .*/images/urls", replacements, lambda _: Counter([("fork", 0.1)])),
    "create_image_regions": Case(
        "POST .*/images/regions", more_boxes, lambda _: BOTH + Counter([("knife", 0.1), ("fork", 0.4)])
    ),
    "create_image_tags": Case(
        "POST .*/images/tags", more_tags, lambda _: Counter(["fork", "spoon", "knife"]), type_=MULTILABEL
    ),
    "delete_image_regions": Case(
        "DELETE .*/images/regions", fewer_boxes, lambda _: Counter([("spoon", 0.1)])
    ),
    "delete_image_tags": Case(
        "DELETE .*/images/tags", fewer_tags, lambda _: Counter(["spoon"]), type_=MULTILABEL
    ),
    "delete_images": Case("DELETE .*/images[?]", fewer_images, gone=("0", "1")),
    "create_tag": Case("POST .*/tags[?]name", nothing, tags=("plate",)),
    "update_tag": Case(
        "PATCH .*/tags/", nothing, lambda _: Counter([("fork", 0.1), ("ladle", 0.1)]),
        rename=("spoon", "ladle"),
    ),
}  # fmt: skip


async def plan_for(case: Case, bench: Bench, folder: Path) -> tuple[Plan, Labels]:
    """Make the three images; give the plan, and the labels that each key has afterwards."""
    label = box if case.type_ is ProjectType.DETECTION else Label
    images = [create(f"{n}", label("fork"), label("spoon")) for n in range(3)]
    await bench.apply(bench.plan(*images, tags=["fork", "spoon", "knife"]))
    before = await bench.by_key()
    ids, stored = bench.ids(), {image.id: image for image in await bench.images()}
    regions = {(k, r.tag_name): r.region_id for k, i in ids.items() for r in stored[i].regions}
    tags = {tag.name: tag.id for tag in await bench.client.get_tags(bench.project_id)}
    renames = [TagRename(tags[case.rename[0]], *case.rename)] if case.rename else []
    actions = case.actions(ids, regions, folder)
    plan = bench.plan(*actions, tags=case.tags, renames=renames)
    wanted = {key: case.after(key) if case.after else labels for key, labels in before.items()}
    new = {a.key or "": BOTH for a in actions if a.kind is Kind.CREATE_IMAGE}
    return plan, {key: labels for key, labels in wanted.items() if key not in case.gone} | new


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("call", CASES)
async def test_call_without_an_answer_is_settled(
    troubled: StartTroubled, call: str, kind: str, tmp_path: Path
) -> None:
    case = CASES[call]
    bench, proxy = await troubled(case.type_)
    plan, wanted = await plan_for(case, bench, tmp_path)
    toxic = cut(proxy, kind, case.match)

    outcomes = await bench.apply(plan)

    assert toxic.struck == 1
    assert await bench.by_key() == wanted
    assert len(await bench.images()) == len(wanted)
    assert await bench.stale_fingerprints() == {}
    assert outcomes.refusals == []
    assert bench.ledger.in_doubt() == 0
    assert bench.ledger.doomed() == []
    names = [tag.name for tag in await bench.client.get_tags(bench.project_id)]
    assert len(names) == len(set(names)) == 3 + len(case.tags)


@pytest.mark.parametrize("api_version", ["v3.2", "v3.3"])
@pytest.mark.parametrize("kind", CUTS)
async def test_settling_costs_two_calls_at_most(
    troubled: StartTroubled, kind: str, api_version: str, tmp_path: Path
) -> None:
    """With a marker to look for, and without."""
    bench, proxy = await troubled(ProjectType.DETECTION, api_version)
    plan, _ = await plan_for(CASES["create_images_from_urls"], bench, tmp_path)
    cut(proxy, kind, "POST .*/images/urls")

    await bench.apply(plan)

    assert proxy.requests.total() == 2 + 2  # the tags and the batch, and two more


@pytest.mark.parametrize("kind", CUTS)
async def test_project_without_an_answer_is_created_once(troubled: StartTroubled, kind: str) -> None:
    bench, proxy = await troubled(ProjectType.DETECTION)
    cut(proxy, kind, "POST .*/projects\\?")
    new = NewProject(type=ProjectType.DETECTION)

    made = await create_project(bench.client, "new", new, inferred=new.type, sleep=bench.clock.sleep)

    assert [p.id for p in await bench.client.get_projects() if p.name == "new"] == [made.id]


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.usefixtures("quick_learner")
async def test_training_without_an_answer_begins_once(troubled: StartTroubled, kind: str) -> None:
    bench, proxy = await troubled(ProjectType.MULTICLASS)
    client: Client = bench.client
    tags = [(await client.create_tag(bench.project_id, name)).id for name in "ab"]
    entries = [UrlEntry(f"https://pictures.test/{n}", (tags[n % 2],)) for n in range(10)]
    await client.create_images_from_urls(bench.project_id, entries)
    cut(proxy, kind, "POST .*/train")

    iteration = await train(client, bench.project_id, sleep=bench.clock.sleep)

    assert [i.id for i in await client.get_iterations(bench.project_id)] == [iteration.id]
