"""Domains, projects and tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cvsync.api.call import Caller
from cvsync.api.download import MOST_BYTES
from cvsync.api.versions import (
    CLASSIFICATION_TYPE_SINCE,
    HOOKS_SINCE,
    IMPORT_NAME_SINCE,
    TAG_TYPE_SINCE,
    TARGET_PLATFORMS_SINCE,
    is_at_least,
)
from cvsync.api.wire import decode, decode_all
from cvsync.model import REGULAR, Domain, Project, Tag
from cvsync.predictions import ProjectExport


class ProjectCalls(Caller):
    """Operations on projects and what they are made of."""

    async def get_domains(self) -> tuple[Domain, ...]:
        """List the domains that a project can start from."""
        return decode_all(Domain, await self._call("GetDomains", "GET", "domains"))

    async def get_domain(self, domain_id: str) -> Domain:
        """Read one domain."""
        return decode(Domain, await self._call("GetDomain", "GET", f"domains/{domain_id}"))

    async def get_projects(self) -> tuple[Project, ...]:
        """List the projects of the resource."""
        return decode_all(Project, await self._call("GetProjects", "GET", "projects"))

    async def get_project(self, project_id: str) -> Project:
        """Read one project."""
        return decode(Project, await self._call("GetProject", "GET", f"projects/{project_id}"))

    async def create_project(
        self,
        name: str,
        *,
        description: str | None = None,
        domain_id: str | None = None,
        classification_type: str | None = None,
        target_export_platforms: Sequence[str] | None = None,
        export_model_container_uri: str | None = None,
        notification_queue_uri: str | None = None,
    ) -> Project:
        """Create a project; the service allows several of one name.

        Args:
            name: Of the project.
            description: For people.
            domain_id: Default: the service's General classification.
            classification_type: ``Multiclass`` or ``Multilabel`` (v2.1 and later).
            target_export_platforms: Where its models are to run (v3.0 and later).
            export_model_container_uri: A storage container that exported models go to as well (v3.4-preview).
            notification_queue_uri: A storage queue that is told of trainings and exports (v3.4-preview).
        """
        kind = self._since(CLASSIFICATION_TYPE_SINCE, "classification_type", classification_type)
        platforms = self._since(TARGET_PLATFORMS_SINCE, "target_export_platforms", target_export_platforms)
        params = {
            "name": name,
            "description": description,
            "domainId": domain_id,
            "classificationType": kind,
            "targetExportPlatforms": platforms,
        }
        hooks = {
            "exportModelContainerUri": export_model_container_uri,
            "notificationQueueUri": notification_queue_uri,
        }
        body = {n: self._since(HOOKS_SINCE, n, uri) for n, uri in hooks.items() if uri is not None} or None
        answer = await self._call("CreateProject", "POST", "projects", params=params, json=body)
        return decode(Project, answer)

    async def update_project(self, project_id: str, changes: dict[str, Any]) -> Project:
        """Change a project: ``name``, ``description``, ``settings`` as the service spells them."""
        path = f"projects/{project_id}"
        return decode(Project, await self._call("UpdateProject", "PATCH", path, json=changes))

    async def delete_project(self, project_id: str) -> None:
        """Delete a project and all that it holds."""
        await self._call("DeleteProject", "DELETE", f"projects/{project_id}")

    async def export_project(self, project_id: str) -> ProjectExport:
        """Get a token with which a copy of the project can be made (v3.2 and later)."""
        path = f"projects/{project_id}/export"
        return decode(ProjectExport, await self._call("ExportProject", "GET", path))

    async def import_project(self, token: str, *, name: str | None = None) -> Project:
        """Begin a copy of a project; its status is ``Importing`` until it is done (v3.2 and later).

        ``name`` (v3.3 and later) defaults to the old one with a number.
        """
        params = {"token": token, "name": self._since(IMPORT_NAME_SINCE, "name", name)}
        return decode(Project, await self._call("ImportProject", "POST", "projects/import", params=params))

    async def get_artifact(self, project_id: str, path: str, *, most: int = MOST_BYTES) -> bytes:
        """Read what a relative link of a resource in a virtual network means (v3.3 and later).

        Args:
            project_id: Whose link it is.
            path: The link.
            most: The file's size at most, as it is held whole.

        Raises:
            TooLargeError: There is more.
        """
        params, where = {"path": path}, f"projects/{project_id}/artifacts"
        answer = await self._call("GetArtifact", "GET", where, params=params, most_bytes=most)
        content: bytes = answer.value
        return content

    async def get_tags(self, project_id: str, *, iteration_id: str | None = None) -> tuple[Tag, ...]:
        """List the tags of a project, or of the project as an iteration saw it."""
        params = {"iterationId": iteration_id}
        return decode_all(
            Tag, await self._call("GetTags", "GET", f"projects/{project_id}/tags", params=params)
        )

    async def get_tag(self, project_id: str, tag_id: str, *, iteration_id: str | None = None) -> Tag:
        """Read one tag."""
        path, params = f"projects/{project_id}/tags/{tag_id}", {"iterationId": iteration_id}
        return decode(Tag, await self._call("GetTag", "GET", path, params=params))

    async def create_tag(
        self, project_id: str, name: str, *, description: str | None = None, type_: str | None = None
    ) -> Tag:
        """Create a tag; ``type_`` is ``Regular`` (default) or ``Negative`` (v2.2 and later)."""
        if type_ == REGULAR and not is_at_least(self.api_version, TAG_TYPE_SINCE):
            type_ = None  # all tags were, before there was a word for it
        params = {
            "name": name,
            "description": description,
            "type": self._since(TAG_TYPE_SINCE, "type_", type_),
        }
        return decode(
            Tag, await self._call("CreateTag", "POST", f"projects/{project_id}/tags", params=params)
        )

    async def update_tag(self, project_id: str, tag_id: str, changes: dict[str, Any]) -> Tag:
        """Change a tag: ``name``, ``description``, ``type``."""
        path = f"projects/{project_id}/tags/{tag_id}"
        return decode(Tag, await self._call("UpdateTag", "PATCH", path, json=changes))

    async def delete_tag(self, project_id: str, tag_id: str) -> None:
        """Delete a tag and take it off every image."""
        await self._call("DeleteTag", "DELETE", f"projects/{project_id}/tags/{tag_id}")
