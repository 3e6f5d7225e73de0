from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from reads import labels_of, read_one, write

from cvsync.manifest import Units
from cvsync.manifest.sizes import image_size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF"])
@pytest.mark.parametrize("size", [(1, 1), (300, 7), (1000, 1200)])
def test_size_is_that_of_a_decoder(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "x", kind)

    assert image_size(tmp_path / "x") == size


def test_jpeg_with_much_before_its_frame(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    Image.new("RGB", (31, 17)).save(
        tmp_path / "x", "JPEG", exif=exif, progressive=True, comment=b"\xff\xc0" * 100
    )

    assert image_size(tmp_path / "x") == (31, 17)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"BM", b"text", b"GIF8"]
)
def test_what_is_no_image_has_no_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)

    assert image_size(tmp_path / "x") is None
    assert image_size(tmp_path / "none") is None
    assert image_size(tmp_path) is None


def test_every_cut_of_a_file_is_no_error(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "BMP", "GIF"):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30)).save(buffer, kind)
        for end in range(0, len(buffer.getvalue()), 7):
            (tmp_path / "x").write_bytes(buffer.getvalue()[:end])
            assert image_size(tmp_path / "x") in (None, (40, 30))


def test_sizes_are_probed_where_none_is_told_and_a_bad_one_spoils_no_other(tmp_path: Path) -> None:
    """Some programs write 0 where they do not know it."""
    for n in range(6):
        Image.new("RGB", (200, 100)).save(tmp_path / f"{n}.png")
    sizes = ["400,100", ",", "wide,100", "200,", "1.5,100", "0,0"]
    lines = [f"{n}.png,a,20,10,120,60,{size}" for n, size in enumerate(sizes)]
    header = "path,tag,xmin,ymin,xmax,ymax,image_width,image_height"
    path = write(tmp_path, "\n".join([header, *lines]) + "\n")

    manifest = read_one(path, units=Units.PIXEL, probe_size=True)

    assert [(p.code, p.row, p.column, p.value) for p in manifest.problems] == [
        ("E035", 3, "image_width", "wide"), ("E035", 5, "image_width", "1.5"),
    ]  # fmt: skip
    assert labels_of(path, units=Units.PIXEL, probe_size=True) == [
        ("0.png", "a", 0.05, 0.1, 0.25, 0.5), ("1.png", "a", 0.1, 0.1, 0.5, 0.5),
        ("3.png", "a", 0.1, 0.1, 0.5, 0.5), ("5.png", "a", 0.1, 0.1, 0.5, 0.5),
    ]  # fmt: skip
