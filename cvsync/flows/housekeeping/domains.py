"""`cvsync domain ls`."""

from __future__ import annotations

from cvsync.flows.service import Service
from cvsync.model import Domain, ProjectType


async def list_domains(service: Service, type_: ProjectType | None = None) -> list[Domain]:
    """List the domains that a project can start from, of one type or of all, by type and name."""
    domains = await service.client.get_domains()
    fitting = [domain for domain in domains if type_ is None or domain.type == type_.domain_type]
    return sorted(fitting, key=lambda domain: (domain.type, domain.name))
