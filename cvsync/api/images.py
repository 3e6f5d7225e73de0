"""Images of a project and their labels."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cvsync.api.call import Caller
from cvsync.api.wire import decode, decode_all
from cvsync.limits import MAX_PAGE
from cvsync.model import Image, ImageOutcome, ImageTag, Region


@dataclass(frozen=True, slots=True)
class UrlEntry:
    """An image that the service is to download."""

    url: str
    tag_ids: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An image whose bytes go along."""

    name: str
    contents: bytes = field(repr=False)
    tag_ids: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateSummary:
    """The answer to a create batch."""

    is_batch_successful: bool
    """False as soon as one image is not plainly ``OK``; the images tell the truth."""
    images: tuple[ImageOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class TagOnImage:
    """A tag of an image, as label answers name it."""

    image_id: str
    tag_id: str


@dataclass(frozen=True, slots=True)
class RegionOnImage:
    """A region of an image, as label answers name it."""

    image_id: str
    tag_id: str
    region_id: str | None = None
    left: float = 0.0
    top: float = 0.0
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class TagSummary:
    """The answer to added tags."""

    created: tuple[TagOnImage, ...] = ()
    duplicated: tuple[TagOnImage, ...] = ()
    exceeded: tuple[TagOnImage, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionSummary:
    """The answer to added regions."""

    created: tuple[RegionOnImage, ...] = ()
    duplicated: tuple[RegionOnImage, ...] = ()
    exceeded: tuple[RegionOnImage, ...] = ()


class ImageCalls(Caller):
    """Operations on images, their tags and their regions."""

    async def create_images_from_urls(
        self, project_id: str, images: Sequence[UrlEntry], *, tag_ids: Sequence[str] = ()
    ) -> CreateSummary:
        """Have the service download images; at most 64, with at most 20 tags between them."""
        entries = [{"url": e.url} | _labels(e.tag_ids, e.regions) for e in images]
        body = {"images": entries, "tagIds": list(tag_ids)}
        path = f"projects/{project_id}/images/urls"
        return decode(CreateSummary, await self._call("CreateImagesFromUrls", "POST", path, json=body))

    async def create_images_from_files(
        self, project_id: str, images: Sequence[FileEntry], *, tag_ids: Sequence[str] = ()
    ) -> CreateSummary:
        """Send images as bytes; at most 64, with at most 20 tags between them."""
        entries = [
            {"name": e.name, "contents": b64encode(e.contents).decode()} | _labels(e.tag_ids, e.regions)
            for e in images
        ]
        body = {"images": entries, "tagIds": list(tag_ids)}
        path = f"projects/{project_id}/images/files"
        return decode(CreateSummary, await self._call("CreateImagesFromFiles", "POST", path, json=body))

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
        """Count the images with labels."""
        params = {"iterationId": iteration_id, "tagIds": tag_ids}
        path = f"projects/{project_id}/images/tagged/count"
        return int(await self._call("GetTaggedImageCount", "GET", path, params=params))

    async def get_untagged_image_count(self, project_id: str, *, iteration_id: str | None = None) -> int:
        """Count the images without labels."""
        path, params = f"projects/{project_id}/images/untagged/count", {"iterationId": iteration_id}
        return int(await self._call("GetUntaggedImageCount", "GET", path, params=params))

    async def get_images_by_ids(
        self, project_id: str, image_ids: Sequence[str], *, iteration_id: str | None = None
    ) -> tuple[Image, ...]:
        """Read images by id; those that do not exist are left out."""
        params = {"imageIds": image_ids, "iterationId": iteration_id}
        path = f"projects/{project_id}/images/id"
        return decode_all(Image, await self._call("GetImagesByIds", "GET", path, params=params))

    async def delete_images(self, project_id: str, image_ids: Sequence[str]) -> None:
        """Delete images and their labels."""
        path, params = f"projects/{project_id}/images", {"imageIds": image_ids}
        await self._call("DeleteImages", "DELETE", path, params=params)

    async def create_image_tags(self, project_id: str, tags: Sequence[tuple[str, str]]) -> TagSummary:
        """Add tags to images, given as (image id, tag id); safe to repeat."""
        body = {"tags": [{"imageId": image, "tagId": tag} for image, tag in tags]}
        path = f"projects/{project_id}/images/tags"
        return decode(TagSummary, await self._call("CreateImageTags", "POST", path, json=body))

    async def delete_image_tags(
        self, project_id: str, image_ids: Sequence[str], tag_ids: Sequence[str]
    ) -> None:
        """Take each of the tags off each of the images."""
        path, params = f"projects/{project_id}/images/tags", {"imageIds": image_ids, "tagIds": tag_ids}
        await self._call("DeleteImageTags", "DELETE", path, params=params)

    async def create_image_regions(
        self, project_id: str, regions: Sequence[tuple[str, Region]]
    ) -> RegionSummary:
        """Add regions to images, given with the image's id; a repeat may add them twice."""
        body = {"regions": [{"imageId": image} | _region(region) for image, region in regions]}
        path = f"projects/{project_id}/images/regions"
        return decode(RegionSummary, await self._call("CreateImageRegions", "POST", path, json=body))

    async def delete_image_regions(self, project_id: str, region_ids: Sequence[str]) -> None:
        """Delete regions."""
        path, params = f"projects/{project_id}/images/regions", {"regionIds": region_ids}
        await self._call("DeleteImageRegions", "DELETE", path, params=params)


def _labels(tag_ids: Sequence[str], regions: Sequence[Region]) -> dict[str, Any]:
    return {"tagIds": list(tag_ids), "regions": [_region(region) for region in regions]}


def _region(region: Region) -> dict[str, Any]:
    return {
        "tagId": region.tag_id,
        "left": region.left,
        "top": region.top,
        "width": region.width,
        "height": region.height,
    }


__all__ = ["CreateSummary", "FileEntry", "ImageCalls", "ImageTag", "RegionSummary", "TagSummary", "UrlEntry"]
