"""Manifests that are read once more later on, if they are still what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cvsync.errors import ManifestError
from cvsync.manifest.formats import Input, find_inputs
from cvsync.manifest.names import absolute
from cvsync.manifest.reader import Manifest, read
from cvsync.manifest.reading import Box, Reading, Units


def remember(manifest: Manifest) -> dict[str, Any] | None:
    """Write down which files a manifest was read from, and how, as JSON has it.

    Returns:
        None where they cannot be told to be the same later: stdin, and folders that are read as one.
    """
    stamps = _stamps(manifest.inputs)
    if None in stamps:
        return None
    images = manifest.reading.images
    return {
        "names": [absolute(input_.place.name) for input_ in manifest.inputs],
        "stamps": stamps,
        "reading": asdict(manifest.reading) | {"images": images and absolute(images), "now": None},
    }


def recall(said: Mapping[str, Any]) -> Manifest | None:
    """Read a manifest again as it was written down; None if it is gone, or is another now."""
    how = said["reading"]
    reading = Reading(
        **how
        | {
            "box": how["box"] and Box(how["box"]),
            "units": how["units"] and Units(how["units"]),
            "images": how["images"] and Path(how["images"]),
            "metadata": tuple(how["metadata"]),
        }
    )
    try:
        if _stamps(tuple(find_inputs(said["names"], reading))) != said["stamps"]:
            return None
        return read(said["names"], reading)
    except ManifestError:
        return None


def _stamps(inputs: tuple[Input, ...]) -> list[list[int] | None]:
    """Give for each file what changes whenever it does."""
    return [input_.place.stamp for input_ in inputs]
