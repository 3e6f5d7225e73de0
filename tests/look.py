"""What a project holds, as plainly as the service says it."""

from __future__ import annotations

from cvsync.api.client import Client
from cvsync.limits import MAX_PAGE
from cvsync.model import Image


async def all_images(client: Client, project_id: str) -> list[Image]:
    """Every image that a project holds now, those with labels first."""
    found: list[Image] = []
    for read in (client.get_tagged_images, client.get_untagged_images):
        start = len(found)
        while page := await read(project_id, order_by="Oldest", skip=len(found) - start):
            found += page
            if len(page) < MAX_PAGE:
                break
    return found
