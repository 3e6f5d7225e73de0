"""What the client refuses before any call: what a version lacks, and what one call cannot take."""

from __future__ import annotations

from typing import Any

import pytest

from cvsync.api.client import open_client
from cvsync.api.images import FileEntry, PredictionEntry, UrlEntry
from cvsync.errors import UnsupportedError
from cvsync.model import BaseModel, Region
from cvsync.predictions import PredictionQueryTag, PredictionQueryToken
from cvsync.settings import Settings

ID = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("version", "method", "options"),
    [
        ("v2.0", "create_project", {"name": "x", "classification_type": "Multiclass"}),
        ("v2.2", "create_project", {"name": "x", "target_export_platforms": ["ONNX"]}),
        ("v3.3", "create_project", {"name": "x", "notification_queue_uri": "https://q.test/q"}),
        ("v2.1", "create_tag", {"project_id": ID, "name": "x", "type_": "Negative"}),
        ("v2.2", "train_project", {"project_id": ID, "force_train": True}),
        ("v3.1", "train_project", {"project_id": ID, "selected_tags": [ID]}),
        ("v3.3", "train_project", {"project_id": ID, "base_model": BaseModel(ID, ID)}),
        ("v3.0", "delete_images", {"project_id": ID, "all_images": True}),
        ("v3.0", "quick_test_image", {"project_id": ID, "image": b"", "store": False}),
        ("v3.2", "create_images_from_urls", {"project_id": ID, "images": [], "metadata": {"a": "b"}}),
        ("v3.2", "import_project", {"token": "t", "name": "x"}),
        ("v2.2", "classify_image", {"project_id": ID, "publish_name": "x", "image": b""}),
        ("v3.0", "predict_image", {"project_id": ID, "image": b""}),
        ("v3.2", "publish_iteration", {"project_id": ID, "iteration_id": ID, "publish_name": "x",
                                       "prediction_id": ID, "overwrite": True}),
    ],
)  # fmt: skip
async def test_what_a_version_lacks_is_refused_before_any_call(
    version: str, method: str, options: dict[str, Any]
) -> None:
    async with open_client(nowhere(version)) as (client, _):
        with pytest.raises(UnsupportedError, match=r"--api-version v\d"):
            await getattr(client, method)(**options)


def nowhere(version: str = "v3.4-preview") -> Settings:
    """An endpoint that any call would fail at."""
    return Settings(endpoint="http://127.0.0.1:9", training_key="k", api_version=version)


IDS = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(300)]


URLS = [UrlEntry(f"https://x.test/{n}") for n in range(65)]


BOX = Region(ID, 0.1, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("create_images_from_urls", {"images": URLS}),
        ("create_images_from_urls", {"images": [UrlEntry("u", tuple(IDS[:20]))], "tag_ids": [ID]}),
        ("create_images_from_urls", {"images": URLS[:1], "metadata": dict.fromkeys(IDS[:51], "x")}),
        ("create_images_from_files", {"images": [FileEntry("f", b"", regions=(BOX,))], "tag_ids": IDS[:20]}),
        ("create_images_from_predictions", {"images": [PredictionEntry(i) for i in IDS[:65]]}),
        ("create_images_from_data", {"images": dict.fromkeys(IDS[:65], b"")}),
        ("create_images_from_data", {"images": b"", "tag_ids": IDS[:21]}),
        ("create_image_tags", {"tags": [(ID, ID)] * 129}),
        ("create_image_regions", {"regions": [(ID, BOX)] * 65}),
        ("delete_image_tags", {"image_ids": IDS[:65], "tag_ids": [ID]}),
        ("delete_image_tags", {"image_ids": [ID], "tag_ids": IDS[:21]}),
        ("delete_image_regions", {"region_ids": IDS[:65]}),
        ("delete_images", {"image_ids": IDS[:257]}),
        ("update_image_metadata", {"image_ids": IDS[:257], "metadata": {}}),
        ("get_images_by_ids", {"image_ids": IDS[:257]}),
        ("get_images", {"tag_ids": IDS[:21]}),
        ("get_tagged_images", {"tag_ids": IDS[:21]}),
        ("get_image_performances", {"iteration_id": ID, "tag_ids": IDS[:21]}),
        ("delete_prediction", {"prediction_ids": IDS[:65]}),
        ("query_predictions", {"query": PredictionQueryToken(tags=(PredictionQueryTag(ID),) * 3)}),
        ("suggest_tags_and_regions", {"iteration_id": ID, "image_ids": IDS[:65]}),
    ],
)
async def test_what_one_call_cannot_take_is_refused_before_any_call(
    method: str, options: dict[str, Any]
) -> None:
    async with open_client(nowhere()) as (client, _):
        with pytest.raises(UnsupportedError, match="one call takes at most"):
            await getattr(client, method)(project_id=ID, **options)
