"""Files that take their place when they are whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

from cvsync.whole import PRIVATE, make_whole, open_named, open_whole

Open = Callable[..., AbstractContextManager[IO[bytes]]]
OLD, NEW = b"old", b"new" * 200_000

DIES_AT_EACH_STEP = """
import os, signal, sys
from pathlib import Path
from cvsync.whole import PRIVATE, open_whole

path = Path(sys.argv[1])
old, new = b"old", b"new" * 5_000  # more than a buffer holds

def overwrite(step):
    left = step

    def count(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)  # each call of a function, and each return, is a place to die
    with open_whole(path, mode=PRIVATE) as file:
        file.write(new)
        file.write(new)
    os._exit(0)

for step in range(1, 10_000):
    path.write_bytes(old)
    child = os.fork()
    if not child:
        overwrite(step)
    if os.waitpid(child, 0)[1] == 0:
        break
    parts = [*path.parent.glob("*.part")]
    print({old: "old", new + new: "new"}[path.read_bytes()], *(oct(p.stat().st_mode & 0o777) for p in parts))
    for part in parts:
        part.unlink()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows neither forks nor has a SIGKILL")
def test_a_kill_anywhere_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DIES_AT_EACH_STEP, str(tmp_path / "file")],
        check=False,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    ends = ran.stdout.splitlines()
    assert ends == sorted(ends, key=lambda end: end.startswith("new")), "once new, it stays so"
    assert set(ends) == {"old", "old 0o600", "new"}


@pytest.mark.parametrize("opened", [open_whole, open_named])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)

    with pytest.raises(KeyboardInterrupt), opened(path) as file:
        file.write(NEW)
        raise KeyboardInterrupt

    assert path.read_bytes() == OLD
    assert [*tmp_path.iterdir()] == [path]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of this kind are of POSIX")
    path = tmp_path / "file"
    path.write_bytes(OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) // 2, hard))
    try:
        with pytest.raises(OSError, match="too large"), open_whole(path) as file:
            file.write(NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == OLD
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("opened", [open_whole, open_named])
def test_a_private_file_is_so_whatever_was_there(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "file"
    path.touch(0o644)
    (tmp_path / f".file.{os.getpid()}.part").touch(0o644)  # of a killed process of this number

    with opened(path, mode=PRIVATE) as file:
        file.write(NEW)

    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (NEW, PRIVATE)
    assert [*tmp_path.iterdir()] == [path]


def test_a_link_is_replaced_or_followed_as_asked(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(OLD)
    link.symlink_to(target)

    with open_named(link) as file:
        file.write(NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    with open_whole(link) as file:
        file.write(OLD)

    assert not link.is_symlink()
    assert (link.read_bytes(), target.read_bytes()) == (OLD, NEW)


def test_a_device_is_written_to() -> None:
    with open_named(Path(os.devnull)) as file:
        file.write(NEW)

    assert not Path(os.devnull).is_file()


def test_a_folder_takes_its_place_with_all_that_is_in_it(tmp_path: Path) -> None:
    left = tmp_path / f".folder.{os.getpid()}.part" / "left"
    left.mkdir(parents=True)

    with make_whole(tmp_path / "folder") as part:
        part.mkdir()
        (part / "new").touch()
        assert not (tmp_path / "folder").exists()

    assert [*tmp_path.rglob("*")] == [tmp_path / "folder", tmp_path / "folder" / "new"]
