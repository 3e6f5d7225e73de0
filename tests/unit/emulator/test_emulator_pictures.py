"""Which bytes are pictures."""

import io

import pytest
from PIL import Image

from cvsync.emulator import pictures
from cvsync.emulator.serving import PICTURE
from cvsync.emulator.store.schema import Store


def encoded(format, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(buffer, format, **options)
    return buffer.getvalue()


def burst():
    """Two pictures in one JPEG file, as cameras with two lenses make them."""
    return encoded("MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])


@pytest.mark.parametrize(
    "content",
    [
        encoded("JPEG"),
        encoded("JPEG", progressive=True),
        burst(),
        encoded("PNG"),
        encoded("BMP"),
        encoded("GIF"),
    ],
)
def test_pictures_are_taken_in_the_published_formats(content):
    picture = pictures.check(content)

    assert (picture.width, picture.height) == (64, 48)


@pytest.mark.parametrize("content", [b"", b"<svg/>", encoded("WEBP"), encoded("TIFF"), encoded("JPEG")[:-50]])
def test_others_and_halves_are_none(content):
    with pytest.raises(pictures.PictureError, match="ErrorImageFormat"):
        pictures.check(content)


def test_the_picture_of_a_link_is_found_by_its_image_however_many_there_are(tmp_path):
    store = Store(tmp_path / "state.sqlite")

    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {PICTURE}", ("project", "image"))]

    store.close()
    assert [step.split(" (")[0] for step in plan if " i " in step] == [
        "SEARCH i USING INDEX sqlite_autoindex_images_1"
    ]
