"""The images that a batch in doubt made, found by its marker."""

from __future__ import annotations

from cvsync.model import Image
from cvsync.run.marker import marker_filter
from cvsync.run.work import Ticket, Work


async def marked_images(work: Work, marker: str) -> dict[str, Image]:
    """Read the images that carry a marker, by id."""
    images = await work.client.get_images(work.project_id, filter_=marker_filter(marker))
    return {image.id: image for image in images}


async def images_of(work: Work, ticket: Ticket) -> dict[str, Image]:
    """Read the images that a batch made, until their number stands still; none where it has no marker."""
    if ticket.marker is None:
        return {}
    found = await marked_images(work, ticket.marker)
    while 0 < len(found) < len(ticket.batch.actions):
        await work.sleep(work.settings.grace)
        more = await marked_images(work, ticket.marker)
        if len(more) == len(found):
            break
        found = more
    return found
