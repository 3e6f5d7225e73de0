from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from cvsync.api.images import CreateSummary
from cvsync.api.listing import _label_columns
from cvsync.api.versions import prediction_base, require_operation, training_base
from cvsync.api.wire import Answer, decode, decode_all, read_datetime
from cvsync.errors import TransportError, UnsupportedError
from cvsync.model import Image, ImageOutcome, Project, ProjectType, Tag
from cvsync.predictions import PredictionQueryResult


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-04-25T20:55:36.8078752", datetime(2018, 4, 25, 20, 55, 36, 807875, UTC)),
        ("2018-04-25T20:55:36.37", datetime(2018, 4, 25, 20, 55, 36, 370000, UTC)),
        ("2019-03-21T01:31:10.060Z", datetime(2019, 3, 21, 1, 31, 10, 60000, UTC)),
        ("2019-03-21T01:31:10Z", datetime(2019, 3, 21, 1, 31, 10, tzinfo=UTC)),
        ("2019-03-21T01:31:10", datetime(2019, 3, 21, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_every_recorded_form_of_date_is_read(text: str, moment: datetime) -> None:
    assert read_datetime(text) == moment


def test_names_match_without_case_and_unknown_ones_are_passed_over() -> None:
    tag = decode(Tag, Answer("GetTag", {"Id": "1", "Name": "fork", "ImageCount": 3, "Novelty": {}}))

    assert (tag.id, tag.name, tag.image_count, tag.description) == ("1", "fork", 3, None)


def test_old_versions_have_one_link_for_both() -> None:
    image = decode(Image, Answer("GetImage", {"id": "1", "imageUri": "https://x/i", "tags": None}))

    assert image.original_image_uri == image.resized_image_uri == "https://x/i"
    assert image.tags == image.regions == ()


def test_what_the_oldest_specifications_let_be_null_is_read() -> None:
    """spec: `sourceUrl` of a create answer may be null in v2.x."""
    outcome = decode(ImageOutcome, Answer("CreateImagesFromData", {"sourceUrl": None, "status": "OK"}))

    assert outcome == ImageOutcome("", "OK", None)


def test_whole_numbers_may_come_with_a_point() -> None:
    assert decode(int, Answer("GetImageCount", 10.0)) == 10


MOMENT = "2020-01-01T00:00:00.1234567Z"
BOX = {"left": 0.1, "top": 0.1, "width": 0.5, "height": 1}
RIGHT: list[tuple[type, dict[str, Any]]] = [
    (Image, {"id": "1", "created": MOMENT, "width": 9, "height": 9, "imageUri": "u", "thumbnailUri": "t",
             "tags": [{"tagId": "2", "tagName": "x", "created": MOMENT}],
             "regions": [{"regionId": "3", "tagId": "2", "tagName": None, "created": MOMENT} | BOX],
             "metadata": {"a": "b"}}),
    (CreateSummary, {"isBatchSuccessful": True, "images": [
        {"sourceUrl": "u", "status": "OK", "image": {"id": "1", "created": MOMENT}}]}),
    (Project, {"id": "1", "name": "x", "created": MOMENT, "drModeEnabled": False, "settings": {
        "domainId": "2", "targetExportPlatforms": ["ONNX"], "imageProcessingSettings": {
            "augmentationMethods": {"rotation": True}}}}),
    (PredictionQueryResult, {
        "token": {"maxCount": 1, "tags": [{"id": "1", "minThreshold": 0.5}]},
        "results": [{"id": "1", "predictions": [{"probability": 1, "tagId": "2", "boundingBox": BOX}]}]}),
]  # fmt: skip
WRONG = [None, True, 7, -1, 2**63, 1.5, 1e300, "", "x", MOMENT, [], [[]], [None], {}, {"": None}]


def spoiled(value: Any) -> Iterator[Any]:
    """Copies of a value, each with one thing in it that is something else, or is missing."""
    yield from WRONG
    for place in range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ():
        copy = value.copy()
        del copy[place]
        yield copy
        for other in spoiled(value[place]):
            copy = value.copy()
            copy[place] = other
            yield copy


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_whatever_is_wrong_ends_in_one_kind_of_error(kind: type, value: dict[str, Any]) -> None:
    """And whatever passes for an image can go into the columns of a snapshot."""
    read = refused = 0
    for one in (value, *spoiled(value)):
        try:
            found = decode_all(kind, Answer("GetAnything", [one]))
        except TransportError as error:
            assert str(error).startswith("GetAnything: the answer cannot be read: [0]")
            refused += 1
        else:
            read += 1
            if kind is Image:
                _label_columns(found, ProjectType.DETECTION)
                _label_columns(found, ProjectType.MULTILABEL)
                pa.array([found[0].width, found[0].height], pa.int32())

    assert min(read, refused) > 20


def test_paths_are_spelled_as_each_version_spells_them() -> None:
    assert training_base("v2.2") == "/customvision/v2.2/Training"
    assert training_base("v3.4-preview") == "/customvision/v3.4-preview/training"
    assert prediction_base("v2.1") == "/customvision/v2.0/Prediction"
    assert prediction_base("v3.3") == "/customvision/v3.1/prediction"


def test_what_a_version_lacks_is_refused_before_any_call() -> None:
    with pytest.raises(UnsupportedError, match=r"PublishIteration needs --api-version v3\.0"):
        require_operation("v2.2", "PublishIteration")
