from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.errors import LockedError, SettingsError
from cvsync.run.links import Links
from cvsync.run.pulled import open_pulled, suffix_of
from cvsync.run.pulled_record import Rows, stem_of
from cvsync.run.pulling import Puller

ID = "0a1b2c3d-0000-4000-8000-00000000000f"


@given(st.text())
def test_no_id_leaves_the_folder_or_is_a_name_of_the_system(image_id: str) -> None:
    stem = stem_of(image_id)

    assert Path(stem).name == stem
    assert set(stem) <= set("0123456789abcdef-imge")
    assert len(stem) < 60


@given(st.lists(st.text(alphabet="aAbB./\\"), unique=True, max_size=20))
def test_ids_that_differ_have_names_that_differ_without_case(ids: list[str]) -> None:
    assert len({stem_of(image_id).casefold() for image_id in ids}) == len(ids)


def test_ids_of_the_service_are_names() -> None:
    assert stem_of(ID) == ID
    assert stem_of(ID.upper()) != ID.upper()
    assert stem_of("CON") != "CON"


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"), (b"\x89PNG\r\n", "png"), (b"BM1234", "bmp"), (b"GIF89a", "gif"),
        (b"RIFF1234WEBP", "webp"), (b"RIFF1234WAVE", None), (b"<html>", None), (b"", None),
    ],
)  # fmt: skip
def test_bytes_tell_the_suffix(start: bytes, suffix: str | None) -> None:
    assert suffix_of(start) == suffix


def test_a_record_from_elsewhere_deletes_nothing_outside(tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"x")
    record = tmp_path / "out" / ".cvsync" / "pulled.jsonl"
    record.parent.mkdir(parents=True)
    names = ["../../mine.png", str(mine), f"{ID}.exe", f"a/{ID}.png", f"{ID}.png"]
    lines = [{"id": ID, "file": name, "size": 1, "sha256": "00", "mtime_ns": 1} for name in names]
    record.write_text("\n".join(map(json.dumps, [{"cvsync": 1, "source": "s"}, *lines])))

    with open_pulled(tmp_path / "out", "s", run_id="r") as folder:
        assert folder.recorded.column("image_id").to_pylist() == [ID]
        folder.remove([ID])

    assert mine.exists()


@pytest.mark.parametrize("line", [b"", b"[]", b"\xff", b'{"id": 1}', b'{"sha256": "xy"}', b'{"size": null}'])
def test_a_damaged_line_vouches_for_nothing(tmp_path: Path, line: bytes) -> None:
    with open_pulled(tmp_path / "out", "s", run_id="r") as folder:
        Path(folder.part_of(ID)).write_bytes(b"x")
        folder.keep(ID, "png", hashlib.sha256(b"x").digest())
    record = tmp_path / "out" / ".cvsync" / "pulled.jsonl"
    facts = orjson.loads(record.read_bytes().splitlines()[1])
    broken = orjson.dumps(facts | orjson.loads(line)) if line.startswith(b"{") else line
    record.write_bytes(record.read_bytes() + broken + b"\n")

    with open_pulled(tmp_path / "out", "s", run_id="r") as folder:
        assert folder.has(ID)
        assert folder.recorded.num_rows == 1


async def test_files_that_were_touched_are_read_side_by_side_and_recorded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(uuid.UUID(int=n)) for n in range(20)]
    with open_pulled(tmp_path / "out", "s", run_id="r") as folder:
        for image_id in ids:
            Path(folder.part_of(image_id)).write_bytes(b"x")
            folder.keep(image_id, "png", hashlib.sha256(b"x").digest())
    for file in (tmp_path / "out" / "images").iterdir():
        os.utime(file, (1, 1))
    threads, add = [], Rows.add
    monkeypatch.setattr(Rows, "add", lambda *row: [threads.append(threading.get_ident()), add(*row)])

    with open_pulled(tmp_path / "out", "s", run_id="r") as folder:
        nobody = cast(Any, None)
        puller = Puller(
            client=nobody, downloader=nobody, project_id="p", folder=folder, links=Links(nobody, "p")
        )
        puller.offer((image_id, "a link") for image_id in ids)
        puller.close()
        pulled = await puller.pull()
        files = folder.files

    assert pulled.found == len(ids)
    assert sorted(files.column("image_id").to_pylist()) == ids
    assert {*threads} == {threading.get_ident()}


def test_one_pull_at_a_time(tmp_path: Path) -> None:
    with (
        open_pulled(tmp_path / "out", "s", run_id="first"),
        pytest.raises(LockedError, match=r"at work on \S+/out: run first"),
        open_pulled(tmp_path / "out", "s", run_id="second"),
    ):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with open_pulled(tmp_path / "out", "s", run_id="r"):
        pass
    (tmp_path / "notes.txt").write_text("x")

    for root, source in ((tmp_path / "out", "other"), (tmp_path, "s"), (tmp_path / "notes.txt", "s")):
        with pytest.raises(SettingsError), open_pulled(root, source, run_id="r"):
            pass
