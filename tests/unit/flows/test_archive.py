"""What is let into the folder of exports."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.flows.archive import why_unusable


def make(path: Path, *names: str, content: bytes = b"model") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("ONNX", "model.onnx"), ("ONNX", "a/Model.ONNX"), ("TensorFlow", "model.pb"), ("CoreML", "whatever"),
    ],
)  # fmt: skip
def test_archive_of_a_model_is_let_in(tmp_path: Path, platform: str, name: str) -> None:
    assert why_unusable(make(tmp_path / "m.zip", "labels.txt", name), platform) is None


@pytest.mark.parametrize(
    "name",
    [
        "../out.onnx",
        "a/../../out.onnx",
        "/etc/out.onnx",
        "C:\\out.onnx",
        "c:out.onnx",
        "..\\out.onnx",
        "\\\\host\\out.onnx",
    ],
)
def test_entry_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    why = why_unusable(make(tmp_path / "m.zip", "model.onnx", name), "ONNX")

    assert why is not None
    assert "leads out of its folder" in why


def test_link_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link.onnx")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")

    assert "leads out" in (why_unusable(tmp_path / "m.zip", "ONNX") or "")


def test_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    without = make(tmp_path / "m.zip", "labels.txt", "model.pb")
    empty = make(tmp_path / "e.zip", "model.onnx", content=b"")

    assert "no model in it (.onnx)" in (why_unusable(without, "ONNX") or "")
    assert "no model in it (.onnx)" in (why_unusable(empty, "ONNX") or "")
    assert "nothing in it" in (why_unusable(empty, "CoreML") or "")


@given(data=st.data())
def test_damage_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = make(tmp_path_factory.mktemp("zip") / "m.zip", "model.onnx", content=bytes(range(256)) * 8)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])

    assert why_unusable(path, "ONNX") is not None


def test_flipped_byte_of_the_model_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "m.zip", "model.onnx", content=bytes(range(256)) * 8)
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)

    assert why_unusable(path, "ONNX") is not None


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_archive_whose_packed_bytes_are_damaged_is_refused(tmp_path: Path, how: int) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("model.onnx", bytes(range(256)) * 40)
    content = bytearray(path.read_bytes())
    content[50:90] = b"\xff" * 40
    path.write_bytes(content)

    assert why_unusable(path, "ONNX") is not None
