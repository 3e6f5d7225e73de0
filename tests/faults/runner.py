"""Pushes in processes of their own, so that they can be killed for real.

Imports everything once, then forks a child for each order, a JSON object a line on stdin: `manifest`,
`endpoint`, `state`, `events` (a file that gets a line an event), `run` (fields of RunSettings), `failpoint`,
`project`, `type`, `delete`, `api_version`; with `release`, its fields as plain values, a release instead of a
push; with `source`, the `endpoint`, `api_version` and `project` of what is copied, a copy. Answers a line
with the child's `pid`, and one with its `status` once it is over.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from cvsync import MigrateRequest, PushRequest, Settings, migrate, open_service, push
from cvsync.api.retry import RetryPolicy
from cvsync.events import Event, Observer
from cvsync.flows.export import ExportTarget
from cvsync.flows.project import NewProject
from cvsync.flows.publish import Publication
from cvsync.flows.release import ReleaseRequest, release_project
from cvsync.flows.train import TrainOptions
from cvsync.model import ProjectType
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard
from cvsync.run.failpoints import arm
from cvsync.run.settings import RunSettings


async def run(order: dict[str, Any]) -> int:
    events = os.open(order["events"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def observe(event: Event) -> None:
        os.write(events, json.dumps([event.name, dict(event.facts)], default=str).encode() + b"\n")

    settings = Settings(
        endpoint=order["endpoint"], training_key="local-training-key", concurrency=order.get("workers", 4),
        api_version=order.get("api_version", "v3.3"),
    )  # fmt: skip
    policy = RetryPolicy(first_wait=0.01, longest_wait=0.05)
    if "source" in order:
        return await copy(order, settings, policy, observe)
    request = PushRequest(
        manifests=(Path(order["manifest"]),),
        project=order["project"],
        create=NewProject(type=ProjectType(order.get("type", "detection")), exportable=True),
        prune=Prune.DELETE if order.get("delete") else Prune.KEEP,
        guard=DeleteGuard(10_000),
        run=RunSettings(**order.get("run", {})),
    )
    async with open_service(settings, state=Path(order["state"]), policy=policy, observer=observe) as service:
        if "release" in order:
            await release_project(
                service, order["project"], release(order["release"]), grace=0.05, sleep=blink
            )
            return 0
        report = await push(service, request)
    return 0 if report.is_complete else 3


async def blink(seconds: float) -> None:
    """Look more often than is asked for: these trainings need no time to speak of."""
    await asyncio.sleep(min(seconds, 0.02))


def release(fields: dict[str, Any]) -> ReleaseRequest:
    return ReleaseRequest(
        train=TrainOptions(**fields["train"]),
        publish=Publication(*fields["publish"]),
        exports=tuple(map(ExportTarget.parse, fields["exports"])),
        export_folder=Path(fields["export_folder"]),
    )


async def copy(order: dict[str, Any], settings: Settings, policy: RetryPolicy, observe: Observer) -> int:
    place, state = order["source"], Path(order["state"])
    origin = replace(settings, endpoint=place["endpoint"], api_version=place["api_version"])
    request = MigrateRequest(
        source=place["project"], project=order["project"], create=NewProject(),
        run=RunSettings(**order.get("run", {})),
    )  # fmt: skip
    async with (
        open_service(origin, state=state, policy=policy, observer=observe) as source,
        open_service(settings, state=state, policy=policy, observer=observe) as service,
    ):
        report = await migrate(source, service, request)
    return 0 if report.is_complete else 3


def child(order: dict[str, Any]) -> None:
    try:
        arm(order.get("failpoint"))
        code = asyncio.run(run(order))
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(order)
        answer(pid=pid)
        _, status = os.waitpid(pid, 0)
        answer(status=os.waitstatus_to_exitcode(status))


def answer(**facts: int) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
