from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cvsync.api.versions import prediction_base, require_operation, training_base
from cvsync.api.wire import Answer, decode, read_datetime
from cvsync.errors import UnsupportedError
from cvsync.model import Image, ImageOutcome, Tag


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


def test_paths_are_spelled_as_each_version_spells_them() -> None:
    assert training_base("v2.2") == "/customvision/v2.2/Training"
    assert training_base("v3.4-preview") == "/customvision/v3.4-preview/training"
    assert prediction_base("v2.1") == "/customvision/v2.0/Prediction"
    assert prediction_base("v3.3") == "/customvision/v3.1/prediction"


def test_what_a_version_lacks_is_refused_before_any_call() -> None:
    with pytest.raises(UnsupportedError, match=r"PublishIteration needs --api-version v3\.0"):
        require_operation("v2.2", "PublishIteration")
