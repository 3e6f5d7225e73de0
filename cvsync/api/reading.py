"""Images of a project, by pages and by id."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.api.call import Caller, at_most
from cvsync.api.wire import decode, decode_all
from cvsync.limits import MAX_IDS_PER_READ, MAX_PAGE, MAX_TAG_FILTER
from cvsync.model import Image


class ReadCalls(Caller):
    """Operations that read images; pages hold at most 256."""

    async def get_images(
        self,
        project_id: str,
        *,
        iteration_id: str | None = None,
        tag_ids: Sequence[str] | None = None,
        tagging_status: str | None = None,
        filter_: str | None = None,
        order_by: str | None = None,
        take: int = MAX_PAGE,
        skip: int = 0,
    ) -> tuple[Image, ...]:
        """Read a page of the images (v3.3 and later).

        Args:
            project_id: Whose images.
            iteration_id: As an iteration saw them; default: as they are.
            tag_ids: Only images with one of these.
            tagging_status: ``All`` (default), ``Tagged`` or ``Untagged``.
            filter_: An OData condition on metadata, as ``metadata=batch eq 'x'``.
            order_by: ``Newest`` (default) or ``Oldest``.
            take: At most so many.
            skip: After so many.
        """
        at_most(MAX_TAG_FILTER, tag_ids, "tags to filter by")
        params = {
            "iterationId": iteration_id, "tagIds": tag_ids, "taggingStatus": tagging_status,
            "$filter": filter_, "orderBy": order_by, "take": take, "skip": skip,
        }  # fmt: skip
        path = f"projects/{project_id}/images"
        return decode_all(Image, await self._call("GetImages", "GET", path, params=params))

    async def get_image_count(
        self,
        project_id: str,
        *,
        iteration_id: str | None = None,
        tag_ids: Sequence[str] | None = None,
        tagging_status: str | None = None,
        filter_: str | None = None,
    ) -> int:
        """Count images; arguments as for ``get_images``, with any number of tags (v3.3 and later)."""
        params = {
            "iterationId": iteration_id, "tagIds": tag_ids, "taggingStatus": tagging_status,
            "$filter": filter_,
        }  # fmt: skip
        path = f"projects/{project_id}/images/count"
        return decode(int, await self._call("GetImageCount", "GET", path, params=params))

    async def get_tagged_images(
        self,
        project_id: str,
        *,
        iteration_id: str | None = None,
        tag_ids: Sequence[str] | None = None,
        order_by: str | None = None,
        take: int = MAX_PAGE,
        skip: int = 0,
    ) -> tuple[Image, ...]:
        """Read a page of the images with labels; ``order_by`` is ``Newest`` (default) or ``Oldest``."""
        at_most(MAX_TAG_FILTER, tag_ids, "tags to filter by")
        params = {
            "iterationId": iteration_id,
            "tagIds": tag_ids,
            "orderBy": order_by,
            "take": take,
            "skip": skip,
        }
        path = f"projects/{project_id}/images/tagged"
        return decode_all(Image, await self._call("GetTaggedImages", "GET", path, params=params))

    async def get_untagged_images(
        self,
        project_id: str,
        *,
        iteration_id: str | None = None,
        order_by: str | None = None,
        take: int = MAX_PAGE,
        skip: int = 0,
    ) -> tuple[Image, ...]:
        """Read a page of the images without labels."""
        params = {"iterationId": iteration_id, "orderBy": order_by, "take": take, "skip": skip}
        path = f"projects/{project_id}/images/untagged"
        return decode_all(Image, await self._call("GetUntaggedImages", "GET", path, params=params))

    async def get_tagged_image_count(
        self, project_id: str, *, iteration_id: str | None = None, tag_ids: Sequence[str] | None = None
    ) -> int:
        """Count the images with labels; with one of any number of tags."""
        params = {"iterationId": iteration_id, "tagIds": tag_ids}
        path = f"projects/{project_id}/images/tagged/count"
        return decode(int, await self._call("GetTaggedImageCount", "GET", path, params=params))

    async def get_untagged_image_count(self, project_id: str, *, iteration_id: str | None = None) -> int:
        """Count the images without labels."""
        path, params = f"projects/{project_id}/images/untagged/count", {"iterationId": iteration_id}
        return decode(int, await self._call("GetUntaggedImageCount", "GET", path, params=params))

    async def get_images_by_ids(
        self, project_id: str, image_ids: Sequence[str], *, iteration_id: str | None = None
    ) -> tuple[Image, ...]:
        """Read at most 256 images by id; those that do not exist are left out."""
        at_most(MAX_IDS_PER_READ, image_ids, "images")
        params = {"imageIds": image_ids, "iterationId": iteration_id}
        path = f"projects/{project_id}/images/id"
        return decode_all(Image, await self._call("GetImagesByIds", "GET", path, params=params))
