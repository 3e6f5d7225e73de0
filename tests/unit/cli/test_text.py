from __future__ import annotations

from typing import Any

import pytest

from cvsync.cli.text import TextOutput, result_line
from cvsync.events import tell

STATUS: dict[str, Any] = {
    "done": 2500, "total": 10_000, "unchanged": 100, "refused": 3, "in_flight": 8, "in_doubt": 1,
    "seconds": 60.0, "per_second": 40.0, "eta": 180.0,
}  # fmt: skip


def test_status_is_one_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TextOutput(), "status", **STATUS)

    assert capsys.readouterr().err == (
        "2,500 of 10,000 (25%), 40.0 a second, 8 requests in flight, 1 in doubt, 3 refused, "
        "about 3 minutes left\n"
    )


@pytest.mark.parametrize("done", [100, 10_000])
def test_beginning_and_end_need_no_status(capsys: pytest.CaptureFixture[str], done: int) -> None:
    tell(TextOutput(), "status", **STATUS | {"done": done})

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({}, "nothing to do"),
        ({"rows_refused": 0}, "nothing to do"),
        ({"tags_renamed": 1}, "1 tag renamed or described"),
        ({"images_created": 1200, "tags_created": 2}, "2 tags created, 1,200 images created"),
    ],
)
def test_whatever_a_run_did_is_summed_up(counts: dict[str, int], line: str) -> None:
    assert result_line(counts) == line
