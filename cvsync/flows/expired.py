"""Links of new images that are over already, told before the service and this machine try each in vain."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from cvsync.events import tell
from cvsync.flows.service import Service
from cvsync.manifest.identity import signature_end
from cvsync.plan import Kind, Plan

_LOOKED_AT = 1000  # images; a whole export is mostly signed at once, and a look takes some microseconds


def warn_of_expired(service: Service, plan: Plan) -> None:
    """Tell of the first images of a plan whose link's signature has ended; those that are there need none."""
    now, over = datetime.now(UTC), []
    for action in islice(plan.actions(Kind.CREATE_IMAGE, Kind.REPLACE_IMAGE), _LOOKED_AT):
        end = signature_end(action.url) if action.url and "?" in action.url else None
        if end is not None and end < now:
            over.append((action.name, end))
    if over:
        name, end = over[0]
        text = (
            f"at least {len(over):,} links of images to be sent have expired, as that of {name} on "
            f"{end:%Y-%m-%d %H:%M} UTC: the service will not be let in; sign the links again"
        )
        tell(service.observer, "warning", text=text)
