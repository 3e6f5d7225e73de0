"""The benchmarks' comparisons with other clients: what is counted as lost is lost, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import cost, nightly, scaling
from benchmarks.process import run
from benchmarks.scene import write_manifest
from benchmarks.tables import Table
from benchmarks.upload import CREATE, Setting, upload


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


def test_urls_that_lead_nowhere_do_not_count_as_lost() -> None:
    found = upload("cvsync", Setting("bad", 100, 0.001, bad=50))

    assert (found.images, found.missing, found.boxes_missing, found.ran.code) == (98, 0, 0, 3)


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
        ("/x/cvsync/api/client.py", "HTTP"),
        ("/x/cvsync/run/work.py", "engine"),
        ("<built-in method orjson.dumps>", "body"),
        ("<method 'execute' of 'sqlite3.Connection' objects>", "ledger"),
        ("<built-in method builtins.len>", "Python"),
    ],
)
def test_function_belongs_to_a_part(place: str, part: str) -> None:
    assert cost.part_of(place) == part
