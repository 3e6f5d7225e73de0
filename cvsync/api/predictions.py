"""Quick tests, the Prediction API, and the predictions that the service keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

from cvsync.api.call import Caller, at_most
from cvsync.api.versions import STORE_SINCE
from cvsync.api.wire import decode, encode
from cvsync.limits import MAX_PREDICTIONS_PER_CALL, MAX_QUERY_TAGS
from cvsync.predictions import (
    ImagePrediction,
    PredictionQueryResult,
    PredictionQueryToken,
    StoredImagePrediction,
)


class PredictionCalls(Caller):
    """Operations that look at pictures."""

    async def quick_test_image(
        self, project_id: str, image: bytes, *, iteration_id: str | None = None, store: bool | None = None
    ) -> ImagePrediction:
        """Judge a picture with an iteration; by default the newest. ``store`` needs v3.1."""
        params = {"iterationId": iteration_id, "store": self._since(STORE_SINCE, "store", store)}
        path = f"projects/{project_id}/quicktest/image"
        answer = await self._call("QuickTestImage", "POST", path, params=params, content=image)
        return decode(ImagePrediction, answer)

    async def quick_test_image_url(
        self, project_id: str, url: str, *, iteration_id: str | None = None, store: bool | None = None
    ) -> ImagePrediction:
        """Judge a picture that the service downloads."""
        params = {"iterationId": iteration_id, "store": self._since(STORE_SINCE, "store", store)}
        path = f"projects/{project_id}/quicktest/url"
        answer = await self._call("QuickTestImageUrl", "POST", path, params=params, json={"url": url})
        return decode(ImagePrediction, answer)

    async def query_predictions(self, project_id: str, query: PredictionQueryToken) -> PredictionQueryResult:
        """Read a page of the kept predictions, with at most two conditions on tags."""
        at_most(MAX_QUERY_TAGS, query.tags, "tags to query by")
        path = f"projects/{project_id}/predictions/query"
        answer = await self._call("QueryPredictions", "POST", path, json=encode(query))
        return decode(PredictionQueryResult, answer)

    async def fetch_predictions(
        self, project_id: str, query: PredictionQueryToken
    ) -> AsyncIterator[StoredImagePrediction]:
        """Read every page of the kept predictions, one call each."""
        token: PredictionQueryToken | None = query
        while token is not None:
            page = await self.query_predictions(project_id, token)
            for found in page.results:
                yield found
            token = page.token if page.token.continuation else None

    async def delete_prediction(self, project_id: str, prediction_ids: Sequence[str]) -> None:
        """Delete kept predictions; at most 64."""
        at_most(MAX_PREDICTIONS_PER_CALL, prediction_ids, "predictions")
        path, params = f"projects/{project_id}/predictions", {"ids": prediction_ids}
        await self._call("DeletePrediction", "DELETE", path, params=params)

    async def classify_image(
        self, project_id: str, publish_name: str, image: bytes, *, application: str | None = None
    ) -> ImagePrediction:
        """Classify a picture with a published iteration, and keep the prediction (v3.0 and later)."""
        return await self._published("ClassifyImage", project_id, publish_name, image, application)

    async def classify_image_with_no_store(
        self, project_id: str, publish_name: str, image: bytes, *, application: str | None = None
    ) -> ImagePrediction:
        """Classify a picture with a published iteration (v3.0 and later)."""
        return await self._published("ClassifyImageWithNoStore", project_id, publish_name, image, application)

    async def classify_image_url(
        self, project_id: str, publish_name: str, url: str, *, application: str | None = None
    ) -> ImagePrediction:
        """Classify a picture that the service downloads, and keep the prediction (v3.0 and later)."""
        return await self._published("ClassifyImageUrl", project_id, publish_name, url, application)

    async def classify_image_url_with_no_store(
        self, project_id: str, publish_name: str, url: str, *, application: str | None = None
    ) -> ImagePrediction:
        """Classify a picture that the service downloads (v3.0 and later)."""
        return await self._published(
            "ClassifyImageUrlWithNoStore", project_id, publish_name, url, application
        )

    async def detect_image(
        self, project_id: str, publish_name: str, image: bytes, *, application: str | None = None
    ) -> ImagePrediction:
        """Find objects with a published iteration, and keep the prediction (v3.0 and later)."""
        return await self._published("DetectImage", project_id, publish_name, image, application)

    async def detect_image_with_no_store(
        self, project_id: str, publish_name: str, image: bytes, *, application: str | None = None
    ) -> ImagePrediction:
        """Find objects with a published iteration (v3.0 and later)."""
        return await self._published("DetectImageWithNoStore", project_id, publish_name, image, application)

    async def detect_image_url(
        self, project_id: str, publish_name: str, url: str, *, application: str | None = None
    ) -> ImagePrediction:
        """Find objects in a picture that the service downloads, and keep the prediction (v3.0 and later)."""
        return await self._published("DetectImageUrl", project_id, publish_name, url, application)

    async def detect_image_url_with_no_store(
        self, project_id: str, publish_name: str, url: str, *, application: str | None = None
    ) -> ImagePrediction:
        """Find objects in a picture that the service downloads (v3.0 and later)."""
        return await self._published("DetectImageUrlWithNoStore", project_id, publish_name, url, application)

    async def predict_image(
        self,
        project_id: str,
        image: bytes,
        *,
        iteration_id: str | None = None,
        application: str | None = None,
    ) -> ImagePrediction:
        """Judge a picture with an iteration, by default the default one, and keep the prediction (v2.x)."""
        return await self._predict("PredictImage", project_id, image, iteration_id, application)

    async def predict_image_with_no_store(
        self,
        project_id: str,
        image: bytes,
        *,
        iteration_id: str | None = None,
        application: str | None = None,
    ) -> ImagePrediction:
        """Judge a picture with an iteration, by default the default one (v2.x)."""
        return await self._predict("PredictImageWithNoStore", project_id, image, iteration_id, application)

    async def predict_image_url(
        self, project_id: str, url: str, *, iteration_id: str | None = None, application: str | None = None
    ) -> ImagePrediction:
        """Judge a picture that the service downloads, and keep the prediction (v2.x)."""
        return await self._predict("PredictImageUrl", project_id, url, iteration_id, application)

    async def predict_image_url_with_no_store(
        self, project_id: str, url: str, *, iteration_id: str | None = None, application: str | None = None
    ) -> ImagePrediction:
        """Judge a picture that the service downloads (v2.x)."""
        return await self._predict("PredictImageUrlWithNoStore", project_id, url, iteration_id, application)

    async def _published(
        self,
        operation: str,
        project_id: str,
        publish_name: str,
        picture: bytes | str,
        application: str | None,
    ) -> ImagePrediction:
        verb = "classify" if operation.startswith("Classify") else "detect"
        path = f"{project_id}/{verb}/iterations/{quote(publish_name, safe='')}/{_ending(operation)}"
        return await self._look(operation, path, picture, {"application": application})

    async def _predict(
        self,
        operation: str,
        project_id: str,
        picture: bytes | str,
        iteration_id: str | None,
        application: str | None,
    ) -> ImagePrediction:
        params = {"iterationId": iteration_id, "application": application}
        return await self._look(operation, f"{project_id}/{_ending(operation)}", picture, params)

    async def _look(
        self, operation: str, path: str, picture: bytes | str, params: dict[str, str | None]
    ) -> ImagePrediction:
        answer = await self._call(
            operation,
            "POST",
            path,
            params=params,
            json={"url": picture} if isinstance(picture, str) else None,
            content=picture if isinstance(picture, bytes) else None,
            is_prediction=True,
        )
        return decode(ImagePrediction, answer)


def _ending(operation: str) -> str:
    place = "url" if "Url" in operation else "image"
    return f"{place}/nostore" if operation.endswith("NoStore") else place
