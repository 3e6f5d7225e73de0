"""Where manifests are made, and what killed processes left there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cvsync.manifest.target import fresh, joined


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_a_killed_process_of_the_same_number_left_is_replaced(tmp_path: Path, is_folder: bool) -> None:
    """In a container the number is often the same each time."""
    for place in (tmp_path / f".{os.getpid()}.part", tmp_path / f".new.{os.getpid()}.part"):
        (place / "labels").mkdir(parents=True)
        (place / "labels" / "old.txt").write_text("of the killed one")

    with joined(tmp_path) as target:
        (target.path / "labels").mkdir()
    with fresh(tmp_path / "new", overwrite=False, is_folder=is_folder, copy_images=False) as target:
        if not is_folder:
            target.path.write_text("new")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels", "new"]
    assert [*(tmp_path / "labels").iterdir()] == []
    assert (tmp_path / "new").is_dir() == is_folder
