"""The benchmarks' comparisons with other clients: what is counted as lost is lost, and nothing else."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from benchmarks import cost, large, nightly, scaling
from benchmarks import upload as compared
from benchmarks.process import Ran, run
from benchmarks.scene import Held, open_scene, write_manifest
from benchmarks.tables import Goal, Table
from benchmarks.upload import (
    CLIENTS,
    CREATE,
    ONE_A_CALL,
    ONE_AFTER_THE_OTHER,
    Setting,
    Upload,
    measure,
    show,
    upload,
)
from cvsync.emulator import EmulatorProcess


def test_ran_tells_exit_code_output_time_and_memory() -> None:
    code = (
        "import time; kept = bytearray(60_000_000); sum(range(10**6)); print('é'); time.sleep(0.1); exit(3)"
    )

    ran = run([sys.executable, "-c", code])

    assert (ran.code, ran.out) == (3, "é\n")
    assert ran.seconds > 0.1
    assert 0 < ran.cpu < ran.seconds
    if sys.platform == "linux":
        assert 60_000_000 < ran.peak < 100_000_000


def test_command_that_hangs_is_killed() -> None:
    assert run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2).code == -9


def test_table_is_markdown() -> None:
    table = Table(
        "Title", ["client", "s", "n"], [["cvsync", 1.234, 5_000], ["other", 123.4, None]], ["Note."]
    )

    assert [*table.lines()][2:] == [
        "| client | s | n |", "|---|---|---|", "| cvsync | 1.23 | 5,000 |", "| other | 123 |  |", "", "Note.",
    ]  # fmt: skip


@pytest.mark.parametrize(("client", "lost"), [("cvsync", 0), ("SDK loop", 64), ("coco2customvision", 66)])
def test_batch_that_a_client_gives_up_is_counted_as_lost(client: str, lost: int) -> None:
    pytest.importorskip("coco2customvision")
    fault = f"{CREATE}:status,status=429,retry_after=0,skip=1,count=1"

    found = upload(client, Setting("refused once", 130, 0.001, faults=(fault,)))

    assert (found.images, found.missing, found.boxes_missing, found.boxes_doubled) == (130, lost, lost, 0)
    assert (found.throttled, found.calls) == (1, {"cvsync": 4, "coco2customvision": 2}.get(client, 3))


def test_look_at_the_end_neither_waits_nor_counts_as_a_call() -> None:
    with open_scene(tps=2) as scene:
        scene.run_cvsync("push", write_manifest(scene.folder, 70), "--quota", "none", "-q")
        before = scene.calls()
        seen = {scene.held() for _ in range(4)}

        assert seen == {Held(70, 70)}
        assert scene.calls() == before


def test_scenes_share_nothing_but_a_project_that_is_empty() -> None:
    with open_scene() as one, open_scene() as other:
        one.run_cvsync("push", write_manifest(one.folder, 3), "--quota", "none", "-q")

        assert (one.held(), other.held()) == (Held(3, 3), Held(0, 0))


def test_scenes_that_are_wanted_at_once_start_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    starting: list[int] = []
    start = EmulatorProcess.start

    def watched(emulator: EmulatorProcess) -> None:
        starting.append(len(starting))
        start(emulator)
        assert starting.pop() == 0

    def visit(_: int) -> Held:
        with open_scene() as scene:
            return scene.held()

    monkeypatch.setattr(EmulatorProcess, "start", watched)
    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(visit, range(3))] == [Held(0, 0)] * 3


def test_urls_that_lead_nowhere_do_not_count_as_lost() -> None:
    found = upload("cvsync", Setting("bad", 100, 0.001, bad=50))

    assert (found.images, found.missing, found.boxes_missing, found.ran.code) == (98, 0, 0, 3)


FAST, LONG = Setting("fast", 640, 0.2), Setting("long", 640, 2.0)
BAD = replace(FAST, title="bad", bad=100)


def test_only_clients_that_wait_run_beside_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    running: set[tuple[str, str]] = set()
    met: set[frozenset[tuple[str, str]]] = set()

    def work(client: str, setting: Setting) -> Upload:
        running.add((setting.title, client))
        met.add(frozenset(running))
        time.sleep(setting.latency / 20)
        running.remove((setting.title, client))
        return Upload(Ran(0, 1.0, 0.1, 0, "", ""), 640, 0, 0, 0, 10, 0)

    def meanwhile() -> None:
        met.add(frozenset({("another", "client"), *running}))

    monkeypatch.setattr(compared, "upload", work)
    found = measure([FAST, LONG, BAD], meanwhile)

    beside_others = set().union(*(pairs for pairs in met if len(pairs) > 1))
    idle = set(product(["long"], CLIENTS))
    assert beside_others == idle | {
        ("another", "client"), ("bad", ONE_A_CALL), *product(["fast"], ONE_AFTER_THE_OTHER)
    }  # fmt: skip
    assert {("another", "client"), *idle} in met
    assert [len(runs) for runs in found.values()] == [3] * 15


def test_table_says_who_ran_beside_others_and_what_that_took() -> None:
    runs = [Upload(Ran(0, 2.0, 0.5, 0, "", ""), 640, 0, 0, 0, 10, 0)]

    (_, note) = show(FAST, {"cvsync": runs, "SDK loop": runs}).notes

    assert note.endswith("with its own emulator: SDK loop. Each used 25 % of a processor, on average.")


def test_nightly_change_touches_one_row_in_a_hundred(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, 300)
    before = manifest.read_text().splitlines()
    nightly.change(manifest)
    after = manifest.read_text().splitlines()

    assert sum(a != b for a, b in zip(before, after, strict=True)) == 3


def test_exponent_of_linear_growth_is_one() -> None:
    assert scaling.exponent([10, 100, 1000], [1.0, 10.0, 100.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("/x/cvsync/plan/diff.py", "plan"),
        ("/x/cvsync/api/wire.py", "parse"),
        ("<method 'decode' of 'msgspec.json.Decoder' objects>", "parse"),
        ("/x/cvsync/api/client.py", "HTTP"),
        ("/x/cvsync/run/work.py", "engine"),
        ("<built-in method orjson.dumps>", "body"),
        ("<method 'execute' of 'sqlite3.Connection' objects>", "ledger"),
        ("<built-in method builtins.len>", "Python"),
    ],
)
def test_function_belongs_to_a_part(place: str, part: str) -> None:
    assert cost.part_of(place) == part


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal("seconds", 2, 1.9), "met"), (Goal("seconds", 2, 2.5), "missed by 0.50"),
        (Goal("use", 95, 95.0, at_least=True), "met"),
        (Goal("use", 95, 90.0, at_least=True), "missed by 5.00"),
    ],
)  # fmt: skip
def test_goal_that_is_missed_says_by_how_much(goal: Goal, verdict: str) -> None:
    assert goal.row()[-1] == verdict


def test_use_of_a_cap_counts_from_a_minute_after_the_first_batch() -> None:
    def event(second: int, name: str) -> str:
        moment = f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00"
        return json.dumps({"ts": moment, "ev": name, "kind": "create image"})

    warm = [event(10, "batch_sent"), event(20, "batch_done"), event(69, "throttle")]
    counted = [event(70 + n // 10, "batch_done") for n in range(1, 1001)] + [event(100, "throttle")] * 2

    use = large.read_use(iter(warm + counted))

    assert use is not None
    assert use.of_the_cap == pytest.approx(100)
    assert use.refused == pytest.approx(100 * 2 / 1002)
    assert large.read_use(iter(warm)) is None
