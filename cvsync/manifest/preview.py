"""A picture of some images with their boxes drawn: one look tells a wrong convention."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.drawing import DrawError, Drawing, Mark
from cvsync.errors import SettingsError
from cvsync.labels import Labels, codes_of
from cvsync.manifest.by_image import OneImage, images_of
from cvsync.whole import open_named

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_COUNT = 24
_ACROSS = 6
_SIDE = 240  # pixels of a cell


def draw_preview(labels: Labels, destination: Path) -> int:
    """Draw images from all over the manifest, and say how many.

    Raises:
        SettingsError: Pillow is missing, no image lies on this machine, or one lies in that place.
    """
    drawing = Drawing()
    from PIL import Image

    drawing.distinguish(codes_of(labels.table.column("tag"))[1].to_pylist())
    there = _there(labels)
    if not there:
        raise SettingsError(
            "--preview draws images of this machine, and the manifest names none that is there"
        )
    if destination.exists() and any(destination.samefile(file) for _, file in there):
        raise SettingsError(f"--preview {destination} is one of the images; name another file")
    cells = [_cell(drawing, image, file) for image, file in _sample(there)]
    rows = (len(cells) + _ACROSS - 1) // _ACROSS
    sheet = Image.new("RGB", (_SIDE * min(_ACROSS, len(cells)), _SIDE * rows), "white")
    for n, cell in enumerate(cells):
        sheet.paste(cell, (n % _ACROSS * _SIDE, n // _ACROSS * _SIDE))
    destination.parent.mkdir(parents=True, exist_ok=True)
    with open_named(destination) as sink:
        sheet.save(sink, "PNG")
    return len(cells)


def _cell(drawing: Drawing, image: OneImage, file: Path) -> Picture:
    from PIL import Image, ImageDraw

    side = _SIDE - 8
    try:
        marks = [Mark(label.tag, box=label.box) for label in image.labels]
        return drawing.draw(file.read_bytes(), marks, side=side)
    except DrawError as error:
        blank = Image.new("RGB", (side, side), "white")
        ImageDraw.Draw(blank).text((8, 8), f"{file.name}:\n{error}", fill="black")
        return blank


def _there(labels: Labels) -> list[tuple[OneImage, Path]]:
    """Give the images that can be read."""
    sources = dict(
        zip(labels.table.column("key").to_pylist(), labels.table.column("source").to_pylist(), strict=True)
    )
    there = []
    for image in images_of(labels):
        path = image.cells.get("path")
        file = Path(sources[image.cells["key"]] or "").parent / path if path else None
        if file is not None and file.is_file():
            there.append((image, file))
    return there


def _sample(there: list[tuple[OneImage, Path]]) -> list[tuple[OneImage, Path]]:
    """Choose some, evenly spread: of those with labels, if there are any."""
    labelled = [pair for pair in there if pair[0].labels] or there
    count = min(_COUNT, len(labelled))
    return [labelled[n * len(labelled) // count] for n in range(count)]
