"""A picture of some images with their boxes drawn: one look tells a wrong convention."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsync.errors import SettingsError
from cvsync.labels import Labels
from cvsync.manifest.by_image import OneImage, images_of

if TYPE_CHECKING:
    from PIL import Image as Pillow

_COUNT = 24
_ACROSS = 6
_SIDE = 240  # pixels of a cell
_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#000075")


def draw_preview(labels: Labels, destination: Path) -> int:
    """Draw images from all over the manifest, and say how many.

    Raises:
        SettingsError: Pillow is missing, or no image lies on this machine.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise SettingsError("--preview needs cvsync's `local` extra: pip install 'cvsync[local]'") from error
    images = _sample(labels)
    cells = []
    for image, file in images:
        with Image.open(file) as picture:
            cells.append(_draw(image, picture.convert("RGB"), ImageDraw))
    if not cells:
        raise SettingsError(
            "--preview draws images of this machine, and the manifest names none that is there"
        )
    rows = (len(cells) + _ACROSS - 1) // _ACROSS
    sheet = Image.new("RGB", (_SIDE * min(_ACROSS, len(cells)), _SIDE * rows), "white")
    for n, cell in enumerate(cells):
        sheet.paste(cell, (n % _ACROSS * _SIDE, n // _ACROSS * _SIDE))
    sheet.save(destination, "PNG")
    return len(cells)


def _sample(labels: Labels) -> list[tuple[OneImage, Path]]:
    """Choose images that can be read: those with labels first, evenly spread."""
    sources = dict(
        zip(labels.table.column("key").to_pylist(), labels.table.column("source").to_pylist(), strict=True)
    )
    there = []
    for image in images_of(labels):
        path = image.cells.get("path")
        file = Path(sources[image.cells["key"]] or "").parent / path if path else None
        if file is not None and file.is_file():
            there.append((image, file))
    there.sort(key=lambda pair: not pair[0].labels)  # stable: the rest stays in order
    labelled = [pair for pair in there if pair[0].labels] or there
    count = min(_COUNT, len(labelled))
    return [labelled[n * len(labelled) // count] for n in range(count)]


def _draw(image: OneImage, picture: Pillow.Image, drawing: Any) -> Pillow.Image:
    picture.thumbnail((_SIDE - 8, _SIDE - 8))
    draw = drawing.Draw(picture)
    tags = sorted({label.tag for label in image.labels})
    for label in image.labels:
        colour = _COLOURS[hash_of(label.tag) % len(_COLOURS)]
        if label.box is None:
            draw.text((3, 3 + 12 * tags.index(label.tag)), label.tag, fill=colour)
            continue
        left, top, width, height = label.box
        corners = (left, top, left + width, top + height)
        scaled = [value * side for value, side in zip(corners, picture.size * 2, strict=True)]
        draw.rectangle(scaled, outline=colour, width=2)
        draw.text((scaled[0] + 3, scaled[1] + 2), label.tag, fill=colour)
    return picture


def hash_of(text: str) -> int:
    """Number a tag the same way in every run."""
    return sum(text.encode())
