from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.errors import SettingsError
from cvsync.flows.pictures import Picture, find_pictures
from cvsync.flows.results import plan_results, write_result

NASTY = st.text("./\\:ab\0 ~", max_size=12) | st.text(max_size=300)


@given(st.lists(NASTY, min_size=1, max_size=6))
def test_results_have_names_of_their_own_and_stay_in_the_folder(places: list[str]) -> None:
    folder = Path("/nowhere/results")

    files = plan_results(folder, [Picture("p", place=place) for place in places])

    assert len({str(file).casefold() for file in files}) == len(files)
    for file in files:
        parts = file.relative_to(folder).parts
        assert ".." not in parts
        assert all(part.strip() == part and part[0] != "." and len(part.encode()) < 255 for part in parts)
        assert file.suffix in (".jpg", ".png")


def test_pictures_of_one_name_are_numbered_on(tmp_path: Path) -> None:
    asked: list[str] = []

    def watch(frame: object, event: str, what: object) -> None:
        if event == "c_call" and getattr(what, "__name__", "") == "casefold":
            asked.append(event)

    places = ["a-3.png", *["a.png", "A.png"] * 200]
    sys.setprofile(watch)
    files = plan_results(tmp_path, [Picture("p", place=place) for place in places])
    sys.setprofile(None)

    assert [file.name for file in files[:5]] == ["a-3.png", "a.png", "A-2.png", "a-4.png", "A-5.png"]
    assert files[-1].name == "A-401.png"
    assert len(asked) < 6 * len(places)


@pytest.mark.parametrize(
    ("place", "result"),
    [
        ("a/b.JPEG", "a/b.jpg"), ("x.bmp", "x.png"), ("x", "x.png"), ("", "picture.png"),
        ("../../etc/passwd", "picture/picture/etc/passwd.png"), ("a\\..\\b.jpg", "a_.._b.jpg"),
        ("nul.png", "_nul.png"),
        (" a\u2028b\xa0. .jpg", "a b . .jpg"), ("f\udcffork.jpg", "fork.jpg"),
        ("x" * 200 + " .jpg", "x" * 200 + ".png"),
        (".hidden.jpg", "hidden.jpg"), ("C:x.jpg", "C_x.jpg"),
    ],
)  # fmt: skip
def test_names_are_such_as_any_file_system_takes(tmp_path: Path, place: str, result: str) -> None:
    assert plan_results(tmp_path, [Picture("p", place=place)]) == [tmp_path / result]


def test_name_of_a_url_is_the_end_of_its_path() -> None:
    (picture,) = find_pictures(["https://x.test/a/..%2f..%2fetc/evil%2Fname.jpg?sig=secret"])

    assert picture.place == "name.jpg"
    assert "secret" not in repr(picture)


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    pictures = [Picture("p", place="a.jpg")]
    (tmp_path / "a.jpg").write_bytes(b"mine")

    with pytest.raises(SettingsError, match="is there already"):
        plan_results(tmp_path, pictures)
    (file,) = plan_results(tmp_path, pictures, overwrite=True)
    with pytest.raises(FileExistsError):
        write_result(file, b"new", overwrite=False)
    assert file.read_bytes() == b"mine"
    write_result(file, b"new", overwrite=True)
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_half_a_picture_stays(tmp_path: Path, overwrite: bool) -> None:
    resource = pytest.importorskip("resource", reason="limits of this kind are of POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_result(tmp_path / "a.png", bytes(3 << 20), overwrite=overwrite)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.iterdir()) == []


def test_pictures_themselves_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"mine")

    with pytest.raises(SettingsError, match="one of the pictures"):
        plan_results(tmp_path, find_pictures([str(tmp_path)]), overwrite=True)


def test_links_do_not_lead_outside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "results"
    outside.mkdir()
    folder.mkdir()
    (folder / "deep").symlink_to(outside)
    (folder / "b.jpg").symlink_to(outside / "b.jpg")

    with pytest.raises(SettingsError, match="outside"):
        plan_results(folder, [Picture("p", place="deep/a.jpg")])
    with pytest.raises(SettingsError, match="is there already"):
        plan_results(folder, [Picture("p", place="b.jpg")])
    write_result(folder / "b.jpg", b"new", overwrite=True)
    assert list(outside.iterdir()) == []


def test_file_whose_name_is_no_text_can_be_shown(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(file)).touch()
    except OSError:
        pytest.skip("this file system takes text only")

    for name in (str(tmp_path), os.fsdecode(file)):
        (picture,) = find_pictures([name])

        assert picture.name.encode().endswith("caf\ufffd.png".encode())
        assert picture.file is not None
        assert picture.file.is_file()
        assert plan_results(Path("/nowhere"), [picture])[0].name == "caf.png"
