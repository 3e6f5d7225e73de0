from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cvsync.api.entries import file_entries, id_entries, label_columns, url_entries, write

BOX = (0.1, 0.2, 0.3, 0.4)
NONE = (None,) * 4


def columns(*images: list[tuple[Any, ...]]) -> Any:
    """Labels of images: each a tag, and a box or ``NONE``."""
    labels = [label for image in images for label in image]
    starts = [sum(map(len, images[:n])) for n in range(len(images) + 1)]
    sides = [[box[n] for _, box in labels] for n in range(4)]
    return label_columns([tag for tag, _ in labels], sides, starts)


def region(tag: str) -> dict[str, Any]:
    return {"tagId": tag, "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}


@pytest.mark.parametrize(
    ("labels", "entry"),
    [
        ([], {}),
        ([("a", NONE), ("b", NONE)], {"tagIds": ["a", "b"]}),
        ([("a", BOX), ("a", BOX)], {"regions": [region("a"), region("a")]}),
        ([("a", BOX), ("b", NONE)], {"tagIds": ["b"], "regions": [region("a")]}),
    ],
)
@pytest.mark.parametrize("beside", [[], [("c", BOX)], [("c", NONE)]])
def test_an_entry_has_its_labels_and_names_nothing_that_is_not_there(
    labels: list[Any], entry: dict[str, Any], beside: list[Any]
) -> None:
    written = json.loads(write(url_entries(["u", "v"], columns(labels, beside))))

    assert written[0] == {"url": "u", **entry}
    assert written[1].get("tagIds", written[1].get("regions")) == {
        (): None, NONE: ["c"], BOX: [region("c")],
    }[beside[0][1] if beside else ()]  # fmt: skip


def test_bytes_are_written_as_base64() -> None:
    written = json.loads(write(file_entries([("f", b"\xff\x00\x01")], columns([]))))

    assert written == [{"name": "f", "contents": "/wAB"}]


def test_an_image_of_a_prediction_goes_by_its_id() -> None:
    assert json.loads(write(id_entries(["i"], columns([("a", NONE)])))) == [{"id": "i", "tagIds": ["a"]}]


def test_no_image_is_left_out_for_want_of_labels() -> None:
    with pytest.raises(ValueError, match="shorter"):
        url_entries(["u", "v"], columns([]))
    with pytest.raises(ValueError, match="shorter"):
        label_columns(["a", "b"], [[0.5]] * 4, [0, 2])


def test_texts_may_be_of_another_library() -> None:
    assert json.loads(write({"url": np.str_("https://x")})) == {"url": "https://x"}
    with pytest.raises(TypeError, match="a request holds no object"):
        write({"url": object()})
