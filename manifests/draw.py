"""Draws the pictures that shapes.csv speaks of: the manifest says where a shape is, so here it is drawn."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent
MANIFEST = HERE / "shapes.csv"
SIZE_PX = 320
SEED = 7


def draw_all(folder: Path = HERE) -> int:
    """Draw every picture of the manifest below a folder; give how many. The same each time."""
    chance = random.Random(SEED)  # noqa: S311 - pictures, not secrets
    with MANIFEST.open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    for row in rows:
        path = folder / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        box = [float(row[name]) * SIZE_PX for name in ("left", "top", "width", "height")]
        draw_shape(row["tag"], box, chance).save(path)
    return len(rows)


def draw_shape(tag: str, box: list[float], chance: random.Random) -> Image.Image:
    """Draw a star or a ring on a soft background, filling a box of pixels."""
    tones = [chance.randrange(120, 230) for _ in range(3)]
    image = Image.new("RGB", (SIZE_PX, SIZE_PX), (tones[0], tones[1], tones[2]))
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, r = chance.randrange(SIZE_PX), chance.randrange(SIZE_PX), chance.randrange(20, 90)
        shade = tuple(min(255, max(0, tone + chance.randrange(-25, 25))) for tone in tones)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    image = image.filter(ImageFilter.GaussianBlur(6))
    pen = ImageDraw.Draw(image)
    left, top, width, height = box
    ink = tuple(chance.randrange(0, 90) for _ in range(3))
    if tag == "ring":
        pen.ellipse((left, top, left + width, top + height), outline=ink, width=max(3, int(width / 6)))
    else:
        pen.polygon(star(left, top, width, height), fill=ink)
    return image


def star(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    """The corners of a five-pointed star in a box."""
    corners = []
    for n in range(10):
        reach = 0.5 if n % 2 == 0 else 0.2
        angle = math.pi * (n / 5 - 0.5)
        corners.append(
            (left + width * (0.5 + reach * math.cos(angle)), top + height * (0.5 + reach * math.sin(angle)))
        )
    return corners


if __name__ == "__main__":
    print(f"drew {draw_all()} pictures")
