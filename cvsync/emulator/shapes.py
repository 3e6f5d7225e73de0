"""The JSON of answers, as each version of the API has it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from cvsync.emulator import domains
from cvsync.emulator.links import Links
from cvsync.emulator.numbers import compact, naive, zulu_milliseconds
from cvsync.emulator.store.images import ImageRecord
from cvsync.emulator.store.projects import Project
from cvsync.emulator.store.tags import Tag

Version = tuple[int, int]


@lru_cache(maxsize=8192)
def quoted(text: str) -> str:
    return orjson.dumps(text).decode()


class Shapes:
    """Shapes the answers of one request; all its links end together."""

    def __init__(
        self, version: Version, links: Links, *, base: str | None = None, relative: bool = False
    ) -> None:
        self.version = version
        self.links = links
        self.base = base or links.base
        self.expiry = links.expiry()
        self.is_relative = relative and version >= (3, 3)

    def date(self, ticks: int) -> str:
        """A date of a project or an iteration. recorded: naive in v2, `Z` and three digits in v3."""
        return zulu_milliseconds(ticks) if self.version >= (3, 0) else naive(ticks)

    def link(self, path: str) -> str:
        return path if self.is_relative else self.absolute_link(path)

    def absolute_link(self, path: str) -> str:
        return self.base + self.links.make(path, self.expiry)

    def blob(self, project_id: str, image_id: str, kind: str = "i") -> str:
        """A link to an image (`i`), its thumbnail (`t`) or the upload behind a shrunk copy (`o`)."""
        return self.link(f"/i-{compact(project_id)}/{kind}-{compact(image_id)}")

    def project(self, project: Project, newest_image: str | None) -> dict[str, Any]:
        version = self.version
        settings: dict[str, Any] = {
            "domainId": project.domain,
            "classificationType": project.classification,
        }
        if version >= (3, 0):
            settings["targetExportPlatforms"] = orjson.loads(project.platforms)
        # recorded: v2.0 already had both, though its spec names neither.
        settings |= {"useNegativeSet": True, "detectionParameters": None}
        if version >= (3, 1):
            augmentation = orjson.loads(project.augmentation) if project.augmentation else AUGMENTATION
            settings["imageProcessingSettings"] = {"augmentationMethods": augmentation}
        if version >= (3, 4):
            settings["exportModelContainerUri"] = project.container_uri
            settings["notificationQueueUri"] = project.queue_uri
        shape: dict[str, Any] = {
            "id": project.id,
            "name": project.name,
            "description": project.description,
            "settings": settings,
            "created": self.date(project.created),
            "lastModified": self.date(project.modified),
            "thumbnailUri": newest_image and self.blob(project.id, newest_image, "t"),
        }
        if version >= (3, 0):
            shape["drModeEnabled"] = False
        if version >= (3, 2):
            shape["status"] = project.status
        return shape

    def tag(self, tag: Tag) -> dict[str, Any]:
        shape: dict[str, Any] = {"id": tag.id, "name": tag.name, "description": tag.description}
        if self.version >= (2, 2):
            # spec: GeneralProduct is known from v3.3 on.
            is_known = tag.type != "GeneralProduct" or self.version >= (3, 3)
            shape["type"] = tag.type if is_known else "Regular"
        shape["imageCount"] = tag.image_count
        return shape

    def image(self, project_id: str, image: ImageRecord, *, named: bool = True) -> orjson.Fragment:
        """One image. recorded: empty lists are left out; create answers name no tags (`named` false)."""
        parts = [f'{{"id":"{image.id}","created":"{naive(image.created)}"']
        parts.append(f',"width":{image.width},"height":{image.height}')
        parts.append(self.image_links(project_id, image))
        parts.append(self.labels(image, named=named))
        if image.metadata and self.version >= (3, 3):
            parts.append(f',"metadata":{orjson.dumps(image.metadata).decode()}')
        parts.append("}")
        return orjson.Fragment("".join(parts))

    def image_links(self, project_id: str, image: ImageRecord, *, single: bool = False) -> str:
        """The URI fields. spec: v2.2 split `imageUri` in two; performance answers kept the one."""
        main = self.blob(project_id, image.id)
        thumbnail = self.blob(project_id, image.id, "t")
        if single or self.version < (2, 2):
            return f',"imageUri":"{main}","thumbnailUri":"{thumbnail}"'
        # recorded: both are one blob while the upload is small enough to train on as it is.
        is_large = not image.made and max(image.width, image.height) > TRAINING_SIDE_PX
        original = self.blob(project_id, image.id, "o") if is_large else main
        return f',"resizedImageUri":"{main}","thumbnailUri":"{thumbnail}","originalImageUri":"{original}"'

    def labels(self, image: ImageRecord, *, named: bool = True) -> str:
        text = ""
        if image.tags:
            # inferred: SQL Server's order in v2, order of creation in v3.
            tags = image.tags if self.version >= (3, 0) else sorted(image.tags, key=lambda tag: tag[3])
            text += ',"tags":[' + ",".join(
                f'{{"tagId":"{id_}","tagName":{quoted(name) if named else "null"},'
                f'"created":"{naive(created)}"}}'
                for id_, name, created, _ in tags
            ) + "]"  # fmt: skip
        if image.regions:
            text += ',"regions":[' + ",".join(
                f'{{"regionId":"{id_}","tagName":{quoted(name) if named else "null"},'
                f'"created":"{naive(created)}","tagId":"{tag}",{box}}}'
                for id_, tag, name, created, box in image.regions
            ) + "]"  # fmt: skip
        return text

    def platforms(self, domain: domains.Domain) -> list[str]:
        known = domains.platforms(self.version)
        return [platform for platform in domain.platforms if platform in known]


TRAINING_SIDE_PX = 1600  # recorded: larger uploads have a training copy of their own
AUGMENTATION = {  # recorded, v3.1+
    "rotation": True, "scaling": True, "translation": True, "horizontal flip": True, "equalize": True,
    "solarize": True, "padtosquare": True,
}  # fmt: skip


def pascal_case(shape: dict[str, Any]) -> dict[str, Any]:
    """recorded: some v2 answers leaked the names of the service's own classes."""
    return {name[0].upper() + name[1:]: value for name, value in shape.items()}
