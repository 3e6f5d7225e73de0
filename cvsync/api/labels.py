"""Labels of stored images: whole-image tags and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cvsync.api.call import Caller, at_most
from cvsync.api.versions import PROPOSALS_MOVED_IN, is_at_least
from cvsync.api.wire import decode
from cvsync.limits import (
    MAX_IMAGE_TAGS_PER_CALL,
    MAX_REGIONS_PER_CALL,
    MAX_TAGGED_IMAGES_PER_DELETE,
    MAX_TAGS_PER_DELETE,
)
from cvsync.model import Region
from cvsync.predictions import ImageRegionProposal


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


class LabelCalls(Caller):
    """Operations on the tags and regions of images."""

    async def create_image_tags(self, project_id: str, tags: Sequence[tuple[str, str]]) -> TagSummary:
        """Add at most 128 tags to images, given as (image id, tag id); safe to repeat."""
        at_most(MAX_IMAGE_TAGS_PER_CALL, tags, "tags on images")
        body = {"tags": [{"imageId": image, "tagId": tag} for image, tag in tags]}
        path = f"projects/{project_id}/images/tags"
        return decode(TagSummary, await self._call("CreateImageTags", "POST", path, json=body))

    async def delete_image_tags(
        self, project_id: str, image_ids: Sequence[str], tag_ids: Sequence[str]
    ) -> None:
        """Take each of at most 20 tags off each of at most 64 images."""
        at_most(MAX_TAGGED_IMAGES_PER_DELETE, image_ids, "images")
        at_most(MAX_TAGS_PER_DELETE, tag_ids, "tags")
        path, params = f"projects/{project_id}/images/tags", {"imageIds": image_ids, "tagIds": tag_ids}
        await self._call("DeleteImageTags", "DELETE", path, params=params)

    async def create_image_regions(
        self, project_id: str, regions: Sequence[tuple[str, Region]]
    ) -> RegionSummary:
        """Add at most 64 regions to images, given with the image's id; a repeat may add them twice."""
        at_most(MAX_REGIONS_PER_CALL, regions, "regions")
        body = {"regions": [_region_entry(image, region) for image, region in regions]}
        path = f"projects/{project_id}/images/regions"
        return decode(RegionSummary, await self._call("CreateImageRegions", "POST", path, json=body))

    async def delete_image_regions(self, project_id: str, region_ids: Sequence[str]) -> None:
        """Delete at most 64 regions."""
        at_most(MAX_REGIONS_PER_CALL, region_ids, "regions")
        path, params = f"projects/{project_id}/images/regions", {"regionIds": region_ids}
        await self._call("DeleteImageRegions", "DELETE", path, params=params)

    async def get_image_region_proposals(self, project_id: str, image_id: str) -> ImageRegionProposal:
        """Ask where in an image something may be."""
        prefix = "projects/" if is_at_least(self.api_version, PROPOSALS_MOVED_IN) else ""
        path = f"{prefix}{project_id}/images/{image_id}/regionproposals"
        return decode(ImageRegionProposal, await self._call("GetImageRegionProposals", "POST", path))


def _region_entry(image_id: str, region: Region) -> dict[str, object]:
    sides = {"left": region.left, "top": region.top, "width": region.width, "height": region.height}
    return {"imageId": image_id, "tagId": region.tag_id, **sides}
