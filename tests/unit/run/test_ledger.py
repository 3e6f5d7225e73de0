from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvsync.errors import SettingsError
from cvsync.known import SCHEMA as KNOWN
from cvsync.plan.fingerprint import shifted
from cvsync.run.disk import file_system, refuse_network_disk
from cvsync.run.ledger import Ledger, Stored
from cvsync.run.origins import MANIFEST

KEYS, IMAGES = st.sampled_from("abc"), st.sampled_from("xyz")
NUMBERS = st.integers(-(2**63), 2**63 - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), KEYS, IMAGES, NUMBERS),
        st.tuples(st.just("replace"), KEYS, IMAGES, NUMBERS),
        st.tuples(st.just("shift"), IMAGES, NUMBERS),
        st.tuples(st.just("observe"), IMAGES, st.none() | NUMBERS),
        st.tuples(st.just("delete"), IMAGES),
    ),
    max_size=20,
)
SCHEMA_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    key TEXT PRIMARY KEY, image_id TEXT NOT NULL, fingerprint INTEGER, version TEXT
) WITHOUT ROWID;
CREATE INDEX images_by_id ON images (image_id);
CREATE TABLE batches (
    batch_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    sent_at REAL NOT NULL, ended_at REAL, items TEXT NOT NULL
);
CREATE INDEX batches_open ON batches (state) WHERE state = 'sent';
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at REAL NOT NULL, ended_at REAL, exit_code INTEGER, totals TEXT
) WITHOUT ROWID;
INSERT INTO meta VALUES ('destination', 'here'), ('made_by', 'cvsync 0.1.0');
INSERT INTO images VALUES ('a', 'x', NULL, NULL), ('b', 'y', 7, 'v1');
INSERT INTO batches VALUES
    (1, 'old', 'create image', 'done', 1.0, 2.0, '["a"]'),
    (2, 'old', 'create image', 'sent', 3.0, NULL, '["c","d"]'),
    (3, 'old', 'add label', 'sent', 3.0, NULL, '["x"]');
INSERT INTO runs VALUES ('old', 1.0, NULL, NULL, NULL);
PRAGMA user_version = 1;
"""


def open_ledger(folder: Path, destination: str = "here") -> Ledger:
    return Ledger.open(folder / "ledger.sqlite", destination=destination)


def rows(ledger: Ledger) -> dict[str, tuple[Any, ...]]:
    table = ledger.known().table.to_pylist()
    return {row["key"]: (row["image_id"], row["fingerprint"], row["version"]) for row in table}


@given(steps=STEPS)
@settings(deadline=None, max_examples=40)  # it waits for a disk that others use too
def test_ledger_keeps_what_was_confirmed(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    ledger, images, doomed = open_ledger(folder), {}, set()
    for what, *facts in steps:
        batch = ledger.intend("run", "some kind", ["item"])
        match what, *facts:
            case "store" | "replace", key, image, number:
                old = images.get(key, (None,))[0]
                replaced = [old] if what == "replace" and old not in (None, image) else []
                ledger.conclude(batch, stored=[Stored(key, image, number, "v")], replaced=replaced)
                images[key] = (image, number, "v")
                named = {row[0] for row in images.values()}
                doomed = (doomed | set(replaced)) - named
            case "shift", image, by:
                ledger.conclude(batch, shifts={image: by})
                images = {
                    k: (i, n if n is None or i != image else shifted(n, added=by), v)
                    for k, (i, n, v) in images.items()
                }
            case "observe", image, number:
                ledger.conclude(batch, seen={image: number})
                images = {k: (i, number if i == image else n, v) for k, (i, n, v) in images.items()}
            case "delete", image:
                ledger.conclude(batch, deleted=[image])
                images = {k: row for k, row in images.items() if row[0] != image}
                doomed.discard(image)
    ledger.close()

    reopened = open_ledger(folder)

    assert rows(reopened) == images
    assert set(reopened.doomed()) == reopened.known().doomed == doomed
    assert reopened.in_doubt() == 0
    reopened.close()


def test_a_request_without_an_answer_stays_open(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)

    ledger.intend("run", "create image", ["a"], marker="m")
    ledger.intend("run", "add label", ["x", "y"])
    batch = ledger.intend("run", "remove label", ["z"])
    ledger.conclude(batch)

    found = [(b.kind, b.marker, b.attempt, b.items) for b in ledger.open_batches()]
    assert found == [("create image", "m", 1, ("a",)), ("add label", None, 1, ("x", "y"))]
    assert ledger.known().unsettled == {"x", "y"}
    assert ledger.open_batches(but="run") == []
    ledger.close()


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_what_open_requests_are_about_is_kept_in_no_more_places_than_were_ever_open(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    ledger, is_open, most = open_ledger(folder), dict[int, tuple[str, ...]](), 0
    for n in range(data.draw(st.integers(1, 15))):
        match data.draw(st.sampled_from(["intend", "intend", "conclude", "reopen"])):
            case "conclude" if is_open:
                batch = data.draw(st.sampled_from(sorted(is_open)))
                ledger.conclude(batch)
                del is_open[batch]
            case "reopen":
                ledger.close()
                ledger = open_ledger(folder)
            case _:
                items = (f"key {n}",) * data.draw(st.sampled_from([0, 1, 64]))
                is_open[ledger.intend("run", "create image", items)] = items
                most = max(most, len(is_open))

        assert {batch.batch_id: batch.items for batch in ledger.open_batches()} == is_open
    assert ledger._db.execute("SELECT count(*) FROM pending").fetchone()[0] == most
    ledger.close()


def test_totals_are_added_up_from_the_rows_of_the_run_that_learnt_of_them(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.start_run("one")
    first, second = (ledger.intend("one", "create image", []) for _ in range(2))
    ledger.conclude(first, counts={"images_created": 64, "refused": 0})
    ledger.start_run("two")
    ledger.conclude(second, run_id="two", counts={"images_created": 30, "refused": 2})
    ledger.note("two", "create image", counts={"refused": 5})

    assert ledger.totals("one") == Counter(images_created=64)
    assert ledger.totals("two") == Counter(images_created=30, refused=7)
    ledger.close()


def test_batches_of_long_gone_runs_are_dropped_but_neither_open_ones_nor_totals(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for n in range(40):
        ledger.start_run(f"run {n:02}")
        ledger.conclude(ledger.intend(f"run {n:02}", "create image", ["a"]), counts={"images_created": 1})
        ledger.intend(f"run {n:02}", "create image", ["b"])

    assert all(ledger.totals(f"run {n:02}") == Counter(images_created=1) for n in range(40))
    assert ledger.in_doubt() == 40
    assert ledger._db.execute("SELECT count(*) FROM batches").fetchone()[0] < 40 + 35
    ledger.close()


def test_a_planner_s_view_is_kept(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.conclude(ledger.intend("run", "create image", ["a"]), stored=[Stored("a", "x")])
    seen = [("a", "x", -5, None), ("b", "y", 2**63 - 1, "v2")]

    ledger.see(pa.Table.from_pylist([dict(zip(KNOWN.names, row, strict=True)) for row in seen], schema=KNOWN))

    assert rows(ledger) == {row[0]: row[1:] for row in seen}
    ledger.close()


def test_an_image_that_a_planner_sees_under_another_key_is_spared(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.conclude(ledger.intend("run", "create image", ["a"]), stored=[Stored("a", "x")])
    ledger.conclude(ledger.intend("run", "replace image", ["a"]), stored=[Stored("a", "y")], replaced=["x"])
    assert ledger.doomed() == ["x"]
    row = dict(zip(KNOWN.names, ("b", "x", 1, None), strict=True))

    ledger.see(pa.Table.from_pylist([row], schema=KNOWN))

    assert ledger.doomed() == []
    ledger.close()


def test_a_replacement_takes_no_longer_the_more_were_replaced_before(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    steps = [0]

    def count() -> None:
        steps[-1] += 1

    def conclude(version: str, n: int, replaced: Sequence[str] = ()) -> None:
        batch = ledger.intend("run", "some kind", [])
        stored = [Stored(f"{n} {m}", f"{version} {n} {m}") for m in range(8)]
        ledger.conclude(batch, stored=stored, replaced=replaced)

    for n in range(100):
        conclude("old", n)
    ledger._db.set_progress_handler(count, 10)
    for n in range(100):
        conclude("new", n, [f"old {n} {m}" for m in range(8)])
        steps.append(0)

    assert len(ledger.doomed()) == 800
    assert sum(steps[50:]) < 1.5 * sum(steps[1:50])
    ledger.close()


def test_forgetting_pulled_keys_takes_no_longer_for_each_the_more_images_are_gone(tmp_path: Path) -> None:
    def steps_of(images: int) -> int:
        steps = [0]

        def count() -> None:
            steps[0] += 1

        folder = tmp_path / str(images)
        folder.mkdir()
        ledger = open_ledger(folder)
        ledger.pulled.note((f"key {n}", f"image {n}") for n in range(images))
        ledger._db.set_progress_handler(count, 10)
        ledger.pulled.note([], gone=[f"image {n}" for n in range(0, images, 2)])
        ledger._db.set_progress_handler(None, 0)
        left = ledger.pulled.read().num_rows
        ledger.close()
        assert left == images / 2
        return steps[0]

    assert steps_of(4_000) < 6 * steps_of(1_000)


def test_keys_of_an_image_are_known_until_it_is_deleted_for_good(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    both = [Stored("a", "x", 1, "v1"), Stored("b", "y", 1, None)]
    ledger.conclude(ledger.intend("run", "create image", ["a", "b"]), stored=both)
    ledger.conclude(
        ledger.intend("run", "replace image", ["a"]), stored=[Stored("a", "z", 1, "v2")], replaced=["x"]
    )

    assert ledger.keys_of(["x", "y", "z"]) == {
        "x": [("a", "v1")], "y": [("b", None)], "z": [("a", "v2")],
    }  # fmt: skip
    assert ledger.ids_of(["a", "b", "c"]) == {"a": "z", "b": "y"}
    assert ledger.confirmed_by("run", ["x", "y", "z"]) == {"y", "z"}
    ledger.close()


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.executescript(SCHEMA_1)
    db.close()

    ledger = open_ledger(tmp_path)

    assert rows(ledger) == {"a": ("x", None, None), "b": ("y", 7, "v1")}
    assert [(b.batch_id, b.marker, b.items) for b in ledger.open_batches()] == [
        (2, None, ("c", "d")), (3, None, ("x",)),
    ]  # fmt: skip
    ledger.conclude(2, stored=[Stored("c", "z")], counts={"images_created": 1}, run_id="new")
    assert ledger.totals("new") == Counter(images_created=1)
    ledger.close()
    open_ledger(tmp_path).close()


def test_new_and_old_files_end_up_with_the_same_tables(tmp_path: Path) -> None:
    def tables(folder: Path) -> set[str]:
        open_ledger(folder).close()
        db = sqlite3.connect(folder / "ledger.sqlite")
        found = {str(row) for row in db.execute("SELECT name, sql FROM sqlite_master")}
        db.close()
        return found

    (tmp_path / "old").mkdir()
    db = sqlite3.connect(tmp_path / "old" / "ledger.sqlite")
    db.executescript(SCHEMA_1)
    db.close()

    assert tables(tmp_path / "old") == tables(tmp_path / "new")


@pytest.mark.parametrize(
    ("key", "origins"),
    [("a.png", {MANIFEST, "p"}), ("12345678-9abc-4def-8123-456789abcdef", {"p"})],
)
def test_keys_that_are_no_ids_tell_that_an_older_cvsync_pushed_a_manifest(
    tmp_path: Path, key: str, origins: set[str]
) -> None:
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.executescript(SCHEMA_1)
    db.execute("DELETE FROM images")
    db.execute("INSERT INTO images VALUES (?, 'x', NULL, NULL)", (key,))
    db.execute("INSERT INTO meta VALUES ('copied from p', 'old')")
    db.commit()
    db.close()

    ledger = open_ledger(tmp_path)

    assert ledger.origins.all() == origins
    assert ledger.origins.brought_by("p") == (None if origins == {"p"} else frozenset())
    ledger.close()


def test_ledger_is_private_and_of_one_destination(tmp_path: Path) -> None:
    open_ledger(tmp_path / "state").close()

    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "ledger.sqlite").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="is the ledger of here, not of there"):
        open_ledger(tmp_path / "state", "there")


def test_ledger_of_a_newer_cvsync_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(SettingsError, match="newer cvsync"):
        open_ledger(tmp_path)


@pytest.mark.parametrize(
    ("place", "kind"),
    [("local", "ext4"), ("share/state", "nfs4"), ("with space", "cifs"), ("share/block/x", "xfs")],
)
def test_a_network_disk_is_known_by_its_mount(tmp_path: Path, place: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/root / ext4 rw 0 0\nserver:/ {tmp_path}/share nfs4 rw 0 0\n"
        f"//server/x {tmp_path}/with\\040space cifs rw 0 0\n/dev/vdb {tmp_path}/share/block xfs rw 0 0\n"
    )
    folder = tmp_path / place
    folder.mkdir(parents=True)

    assert file_system(folder, mounts=mounts) == kind
    if kind in ("nfs4", "cifs"):
        with pytest.raises(SettingsError, match=r"network disk .*--state-dir"):
            refuse_network_disk(folder, mounts=mounts)
    else:
        refuse_network_disk(folder, mounts=mounts)


def test_nothing_is_refused_where_mounts_are_not_told(tmp_path: Path) -> None:
    refuse_network_disk(tmp_path, mounts=tmp_path / "none")

    assert file_system(tmp_path, mounts=tmp_path / "none") == ""


async def test_an_outcome_and_the_next_intent_are_one_commit(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path, "here")
    first = ledger.intend("run", "create image", ["a"])
    commits: list[str] = []
    ledger._db.set_trace_callback(lambda said: commits.append(said) if said == "COMMIT" else None)

    ledger.conclude(first, stored=[Stored("a", "x", 1)])
    ledger.intend("run", "create image", ["b"])

    assert commits == ["COMMIT"]
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT state FROM batches ORDER BY batch_id").fetchall() == [
            ("done",), ("sent",),
        ]  # fmt: skip
    ledger.close()


async def test_what_is_held_is_committed_when_the_ledger_is_closed(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", "here")
    ledger.conclude(ledger.intend("run", "create image", ["a"]), stored=[Stored("a", "x", 1)])

    ledger.close()

    again = Ledger.open(tmp_path / "ledger.sqlite", "here")
    assert again.open_batches() == []
    assert again.ids_of(["a"]) == {"a": "x"}
    again.close()
