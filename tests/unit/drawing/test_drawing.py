from __future__ import annotations

import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageOps

from cvsync.drawing import DrawError, Drawing, Mark, encode, fonts
from cvsync.drawing.draw import COLOURS, LEAST_SIDE, _meet, _Sheet
from cvsync.drawing.upright import corners, open_upright
from cvsync.errors import SettingsError

SIZE = (600, 400)
Span = tuple[int, int]
SPAN = st.tuples(st.integers(0, 9), st.integers(1, 10)).filter(lambda pair: sum(pair) <= 10)


def stored(picture: Image.Image, orientation: int = 1, format: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    picture.save(buffer, format, exif=exif)
    return buffer.getvalue()


@given(SPAN, SPAN, st.integers(1, 8))
def test_boxes_turn_with_the_picture(
    across: tuple[int, int], down: tuple[int, int], orientation: int
) -> None:
    """What is white in the stored pixels is what the box surrounds in the upright picture."""
    box = (across[0] / 10, down[0] / 10, across[1] / 10, down[1] / 10)
    picture = Image.new("L", SIZE)
    corner = (across[0] + across[1]) / 10, (down[0] + down[1]) / 10
    left, top, right, bottom = (round(v * s) for v, s in zip(box[:2] + corner, SIZE * 2, strict=True))
    picture.paste(255, (left, top, right, bottom))

    upright, turn = open_upright(stored(picture, orientation))

    assert upright.size == ImageOps.exif_transpose(Image.open(io.BytesIO(stored(picture, orientation)))).size
    assert corners(box, turn, upright.size) == pytest.approx(upright.getbbox(), abs=1.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_outline_surrounds_what_was_seen(orientation: int) -> None:
    picture = Image.new("RGB", SIZE)
    picture.paste((160, 160, 160), (120, 100, 360, 300))

    drawing = Drawing()
    drawn = drawing.draw(stored(picture, orientation, "JPEG"), [Mark("fork", "98%", (0.2, 0.25, 0.4, 0.5))])

    pixels = np.asarray(drawn).astype(int)
    inked = np.abs(pixels - ImageColor.getrgb(drawing.colour_of("fork"))).sum(axis=2) < 12
    grey = np.argwhere(np.abs(pixels - 160).max(axis=2) < 12)
    (top, left), (bottom, right) = grey.min(axis=0), grey.max(axis=0)
    for row, column in ((top, left), (bottom, right), (top, right), (bottom, left)):
        assert inked[max(0, row - 6) : row + 7, max(0, column - 6) : column + 7].any()


def test_box_beyond_the_picture_ends_at_its_edge() -> None:
    _, turn = open_upright(stored(Image.new("RGB", SIZE)))

    assert corners((-0.2, 0.5, 1.5, 0.7), turn, SIZE) == (0, 0.5 * 399, 599, 399)


@given(st.lists(st.tuples(st.integers(0, 599), st.integers(0, 399)), max_size=12), st.integers(1, 30))
@example([(0, 373), (0, 372)], 1)  # at the bottom there is room above alone
def test_labels_are_in_the_picture_and_beside_each_other(spots: list[tuple[int, int]], length: int) -> None:
    sheet = _Sheet(Image.new("RGB", SIZE))
    for x, y in spots:
        text, font = fonts.Fonts().write("w" * length, sheet.letters)
        sheet.label((x, y, x + 5, y + 5), (text, "50%"), font, "#000000")

    for left, top, right, bottom in sheet._labels:
        assert left >= 0
        assert top >= 0
        assert right <= SIZE[0]
        assert bottom <= SIZE[1]
    if len(spots) <= 4:
        assert not any(_meet(one, other) for one, other in combinations(sheet._labels, 2))


def test_long_tag_is_shortened_and_its_note_stays() -> None:
    sheet = _Sheet(Image.new("RGB", SIZE))
    _, font = fonts.Fonts().write("x", sheet.letters)

    said = sheet._shortened("x" * 300, "98%", font)

    assert said.endswith("… 98%")
    assert sheet._pen.textlength(said, font=font) <= SIZE[0]


def test_small_pictures_are_enlarged() -> None:
    drawn = Drawing().draw(stored(Image.new("RGB", (8, 6))), [Mark("fork")])

    assert max(drawn.size) >= LEAST_SIDE
    assert drawn.width / drawn.height == 8 / 6


def test_tags_of_any_script_are_written_where_a_font_has_their_letters() -> None:
    found = fonts.Fonts()
    if not fonts._found():
        pytest.skip("this machine has none of the usual fonts")

    assert found.write("Löffel", 12)[0] == "Löffel"
    assert found.write("Lo\u0308ffel  gross", 12)[0] == "Löffel gross"
    assert found.write("вилка", 12)[0] == "вилка"


def test_tag_that_no_font_can_write_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_found", lambda: ())
    found = fonts.Fonts()

    assert [found.write(tag, 12)[0] for tag in ("fork", "餐叉", "मेज", "餐叉")] == ["fork", "#1", "#2", "#1"]
    assert found.unwritable == {"餐叉": "#1", "मेज": "#2"}


def test_font_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_text("no font")

    with pytest.raises(SettingsError, match="no font that can be read"):
        Drawing(tmp_path / "x.ttf")
    with pytest.raises(SettingsError, match=r"gone\.ttf"):
        Drawing(tmp_path / "gone.ttf")


@pytest.mark.parametrize("content", [b"", b"no picture", stored(Image.new("RGB", SIZE))[:-40]])
def test_what_cannot_be_decoded_is_told(content: bytes) -> None:
    with pytest.raises(DrawError, match="cannot be decoded"):
        Drawing().draw(content, [])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_come_out_as_files(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    drawn = Drawing().draw(stored(Image.new(mode, SIZE), format=format), [Mark("fork", box=(0, 0, 1, 1))])

    assert {s: Image.open(io.BytesIO(encode(drawn, s))).format for s in (".jpg", ".png")} == {
        ".jpg": "JPEG", ".png": "PNG",
    }  # fmt: skip


def test_each_tag_has_a_colour_of_its_own() -> None:
    drawing = Drawing()
    drawing.distinguish(f"tag {n}" for n in range(len(COLOURS)))

    assert {drawing.colour_of(f" TAG {n}") for n in range(len(COLOURS))} == set(COLOURS)
    assert drawing.colour_of("Fork ") == Drawing().colour_of("fork")
