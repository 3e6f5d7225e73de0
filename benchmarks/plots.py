"""The pictures that the README shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

WIDTH, HEIGHT_A_BAR = 8.0, 0.32
OURS, OTHERS = "#0b6e99", "#b9c4cc"


def draw_bars(path: Path, title: str, unit: str, bars: Mapping[str, float]) -> None:
    """Draw one bar a client, the longest on top, ours in colour."""
    ordered = sorted(bars.items(), key=lambda bar: bar[1])
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + HEIGHT_A_BAR * len(ordered)))
    names, values = [name for name, _ in ordered], [value for _, value in ordered]
    drawn = axes.barh(names, values, color=[OURS if n == "cvsync" else OTHERS for n in names])
    axes.bar_label(drawn, [f"{value:,.4g}" for value in values], padding=4)
    axes.set_title(title, loc="left")
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
