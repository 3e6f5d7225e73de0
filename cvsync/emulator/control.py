"""Routes under /_emulator/: what tests and people ask the emulator itself. They need no key."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.faults import FaultError
from cvsync.emulator.gate import Gate
from cvsync.emulator.routes import OPERATIONS
from cvsync.emulator.store import projects


def add_routes(app: web.Application, gate: Gate) -> None:
    control = _Control(gate)
    app.router.add_get("/_emulator/health", control.health)
    app.router.add_get("/_emulator/requests", control.requests)
    app.router.add_post("/_emulator/reset", control.reset)
    app.router.add_get("/_emulator/faults", control.faults)
    app.router.add_post("/_emulator/faults", control.order_faults)
    app.router.add_delete("/_emulator/faults", control.clear_faults)
    app.router.add_get("/_emulator/exports", control.exports)
    app.router.add_get("/_emulator/projects/{id}/images", control.images)


class _Control:
    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.db = gate.site.store.db

    async def health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def requests(self, _: web.Request) -> web.Response:
        return _json(self.gate.counters.shape())

    async def reset(self, _: web.Request) -> web.Response:
        self.gate.counters.reset()
        return web.Response(status=204)

    async def faults(self, _: web.Request) -> web.Response:
        ordered = self.gate.faults.ordered
        return _json([{"operation": f.operation, "kind": f.kind, "seen": f.seen} for f in ordered])

    async def order_faults(self, request: web.Request) -> web.Response:
        try:
            self.gate.faults.order(orjson.loads(await request.read()), OPERATIONS)
        except (FaultError, orjson.JSONDecodeError) as error:
            return _json({"error": str(error)}, status=400)
        return web.Response(status=204)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self.gate.faults.clear()
        return web.Response(status=204)

    async def exports(self, _: web.Request) -> web.Response:
        rows = self.db.execute(
            "SELECT i.id, e.platform, e.flavor, e.status, e.reason FROM exports e"
            " JOIN iterations i ON i.pk = e.iteration ORDER BY e.pk"
        )
        names = ("iteration", "platform", "flavor", "status", "reason")
        return _json([dict(zip(names, row, strict=True)) for row in rows])

    async def images(self, request: web.Request) -> web.Response:
        """Each image of the workspace with where it came from and how often its bytes were sent."""
        try:
            project = projects.find(self.db, request.match_info["id"].lower())
        except ServiceFault as fault:
            return _json(fault.body((3, 3)), status=fault.status)
        found: dict[str, dict[str, Any]] = {}
        for id_, sha, source, n in self.db.execute(
            "SELECT i.id, i.sha, s.source, s.n FROM images i"
            " LEFT JOIN submissions s ON s.project = ? AND s.image = i.id"
            " WHERE i.frame = ? ORDER BY i.pk, s.source",
            (project.pk, project.workspace),
        ):
            image = found.setdefault(id_, {"id": id_, "sha256": sha.hex(), "sources": [], "submissions": 0})
            if source is not None:
                image["sources"].append(source)
                image["submissions"] += n
        return _json(list(found.values()))


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
