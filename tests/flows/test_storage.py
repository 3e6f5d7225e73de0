"""Manifests that lie in storage, or come from stdin, in every verb that takes manifests."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs as pafs
import pytest
from terminal import Terminal

from cvsync.manifest import names

URI = "s3://bucket/set/m.csv"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> pafs.FileSystem:
    """Stands in for all storage."""
    files = pafs._MockFileSystem()
    files.create_dir("bucket/set")

    def open_uri(uri: str) -> tuple[pafs.FileSystem, str]:
        return files, uri.partition("://")[2].partition("?")[0].rpartition("@")[2]

    monkeypatch.setattr(names, "_open_uri", open_uri)
    return files


def put(bucket: pafs.FileSystem, text: str, name: str = "bucket/set/m.csv") -> None:
    with bucket.open_output_stream(name) as file:
        file.write(text.encode())


def listed(terminal: Terminal, count: int = 2, *more: str) -> str:
    rows = [f"{row['url']},{row['tag']},,0.1,0.2,0.3,0.4" for row in terminal.rows(count)]
    return "\n".join(["url,tag,path,left,top,width,height", *rows, *more, ""])


@pytest.mark.parametrize("uri", [URI, "gs://bucket/set/*.csv", "abfs://bucket/set"])
def test_a_manifest_in_storage_is_pushed(terminal: Terminal, bucket: pafs.FileSystem, uri: str) -> None:
    put(bucket, listed(terminal))

    first, second = terminal.push(uri), terminal.push(uri)

    assert (first.code, first.out) == (0, "2 tags created, 2 images created, 2 labels added\n")
    assert (second.code, second.out) == (0, "nothing to do\n")


def test_every_verb_takes_a_uri_and_names_it(
    terminal: Terminal, bucket: pafs.FileSystem, tmp_path: Path
) -> None:
    put(bucket, listed(terminal, 2, ",fork,beside.png,0.1,0.2,0.3,0.4"))
    pushed = terminal.push(URI, "--rejects", tmp_path / "rejects.csv")
    terminal.state = tmp_path / "new-state"

    planned = terminal.run("plan", URI)
    validated = terminal.run("validate", URI)
    converted = terminal.run("convert", URI, tmp_path / "out.jsonl")
    rebuilt = terminal.run("ledger", "rebuild", URI)

    for ran in (pushed, planned, validated, converted, rebuilt):
        assert ran.code == 3
        assert f"{URI} row 3" in ran.err + ran.out
        assert "E048" in ran.err + ran.out
    assert "beside.png" in (tmp_path / "rejects.csv").read_text()
    assert "2 keys found again" in rebuilt.out
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    assert len(terminal.images()) == 2


def test_paths_of_a_manifest_in_storage_start_from_the_folder_that_is_named(
    terminal: Terminal, bucket: pafs.FileSystem
) -> None:
    terminal.rows(2)
    put(bucket, "path,tag\n0.png,a\n1.png,b\n")

    refused = terminal.push(URI)
    ran = terminal.push(URI, "--images", terminal.pictures)

    assert refused.code == 3
    assert (ran.code, ran.out) == (0, "2 tags created, 2 images created, 2 labels added\n")
    assert set(terminal.ledger()) == {"0.png", "1.png"}


def test_storage_and_this_machine_make_one_manifest(terminal: Terminal, bucket: pafs.FileSystem) -> None:
    put(bucket, listed(terminal, 1))
    (terminal.folder / "in").mkdir()
    beside = terminal.folder / "in" / "m.csv"
    beside.write_text("path,tag,left,top,width,height\n../pictures/1.png,fork,0.1,0.2,0.3,0.4\n")
    terminal.rows(2)

    assert terminal.push(URI, beside).code == 0

    assert len(terminal.images()) == 2


def test_what_is_not_there_is_named_without_its_secrets(terminal: Terminal, bucket: pafs.FileSystem) -> None:
    ran = terminal.push("s3://me:secret@bucket/none.csv?region=x&session_token=secret")

    assert ran.code == 4
    assert "s3://me@bucket/none.csv: there is no such file" in ran.err
    assert "secret" not in ran.err


def test_a_uri_keeps_its_query_on_the_way_to_the_storage(
    terminal: Terminal, bucket: pafs.FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    open_uri = names._open_uri
    monkeypatch.setattr(names, "_open_uri", lambda uri: (asked.append(uri), open_uri(uri))[1])
    put(bucket, listed(terminal))

    ran = terminal.run("validate", "s3://bucket/set/*.csv?endpoint_override=127.0.0.1:9000")

    assert ran.code == 0
    assert asked == ["s3://bucket/set/?endpoint_override=127.0.0.1:9000"]


def test_stdin_is_pushed_and_planned(terminal: Terminal) -> None:
    text = listed(terminal, 2, "ftp://x.test/1.png,fork,,0.1,0.2,0.3,0.4")

    planned = terminal.run("plan", "-", "--create-project", stdin=text)
    pushed = terminal.push("-", "--rejects", terminal.folder / "rejects.csv", stdin=text)
    rebuilt = terminal.run("ledger", "rebuild", "-", stdin=text)

    assert (planned.code, pushed.code, rebuilt.code) == (3, 3, 3)
    assert "stdin row 3" in pushed.err
    assert "ftp://x.test/1.png" in (terminal.folder / "rejects.csv").read_text()
    assert len(terminal.images()) == 2


def test_paths_from_stdin_start_from_here(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.rows(1)
    monkeypatch.chdir(terminal.pictures)

    assert terminal.push("-", stdin="path,tag\n0.png,a\n").code == 0

    assert terminal.ledger().keys() == {"0.png"}


def test_stdin_is_still_there_when_the_lock_is_free(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The push begins anew once another run has let the project go; stdin can be read once only."""
    from cvsync.errors import LockedError
    from cvsync.flows import service

    hold_lock, locked = service.hold_lock, [LockedError("locked by another run")]

    def hold(*args: object, **options: object) -> object:
        if locked:
            raise locked.pop()
        return hold_lock(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "hold_lock", hold)
    monkeypatch.setattr("cvsync.cli.session._FIRST_LOCK_WAIT", 0.01)

    ran = terminal.push("-", "--lock-timeout", "5", stdin=listed(terminal))

    assert (ran.code, locked) == (0, [])
    assert len(terminal.images()) == 2


def test_verify_names_a_uri_without_its_secrets(terminal: Terminal, bucket: pafs.FileSystem) -> None:
    put(bucket, listed(terminal))
    terminal.push(URI)

    ran = terminal.run("verify", "s3://me:secret@bucket/set/m.csv?session_token=secret")

    assert (ran.code, ran.out.splitlines()[0]) == (0, "compared s3://me@bucket/set/m.csv")
    assert "secret" not in ran.out + ran.err
