"""Labels that an iteration suggests for untagged images (v3.1 and later)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from cvsync.api.call import Caller, at_most
from cvsync.api.wire import decode, decode_all, encode
from cvsync.limits import MAX_PREDICTIONS_PER_CALL
from cvsync.predictions import Suggestion, SuggestionQueryResult, SuggestionQueryToken


class SuggestionCalls(Caller):
    """Operations on suggestions."""

    async def suggest_tags_and_regions(
        self, project_id: str, iteration_id: str, image_ids: Sequence[str]
    ) -> tuple[Suggestion, ...]:
        """Have an iteration look at images, at most 64, and keep what it says."""
        at_most(MAX_PREDICTIONS_PER_CALL, image_ids, "images")
        params = {"iterationId": iteration_id, "imageIds": image_ids}
        path = f"projects/{project_id}/tagsandregions/suggestions"
        return decode_all(Suggestion, await self._call("SuggestTagsAndRegions", "POST", path, params=params))

    async def query_suggested_images(
        self, project_id: str, iteration_id: str, query: SuggestionQueryToken
    ) -> SuggestionQueryResult:
        """Read a page of the untagged images with suggestions."""
        params, body = {"iterationId": iteration_id}, {"threshold": query.threshold} | encode(query)
        path = f"projects/{project_id}/images/suggested"
        answer = await self._call("QuerySuggestedImages", "POST", path, params=params, json=body)
        return decode(SuggestionQueryResult, answer)

    async def fetch_suggestions(
        self, project_id: str, iteration_id: str, query: SuggestionQueryToken
    ) -> AsyncIterator[Suggestion]:
        """Read every page of the untagged images with suggestions, one call each."""
        token: SuggestionQueryToken | None = query
        while token is not None:
            page = await self.query_suggested_images(project_id, iteration_id, token)
            for found in page.results:
                yield found
            token = page.token if page.token.continuation else None

    async def query_suggested_image_count(
        self, project_id: str, iteration_id: str, *, tag_ids: Sequence[str] = (), threshold: float = 0.0
    ) -> dict[str, int]:
        """Count the untagged images with suggestions, by tag id."""
        params, body = {"iterationId": iteration_id}, {"tagIds": list(tag_ids), "threshold": threshold}
        path = f"projects/{project_id}/images/suggested/count"
        answer = await self._call("QuerySuggestedImageCount", "POST", path, params=params, json=body)
        return decode(dict[str, int], answer)
