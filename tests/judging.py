"""Every answer of an emulator held against the specification of its version.

As a program, `judging.py FILE emulate …` is `cvsync emulate …`, and writes what is wrong to the file, a line
each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import published
from aiohttp import web

from cvsync.emulator.call import Call
from cvsync.emulator.errors import GatewayFault
from cvsync.emulator.gate import Gate

Replace = Callable[[Any, str, Any], None]


def judge(tell: Callable[[list[str]], object], replace: Replace = setattr) -> None:
    """Have all emulators of this process tell what is wrong with their answers.

    Only the answers that faults make up are not looked at, since they are what was asked for.
    """
    if not published.FOLDER.is_dir():
        return

    async def checked(self: Gate, call: Call) -> web.Response:
        response = await work(self, call)
        tell(_problems(call, response))
        return response

    def refused(self: Gate, fault: GatewayFault) -> web.Response:
        response = refuse(self, fault)
        tell(published.problems_of_gateway(response.status, response.body))
        return response

    work, refuse = Gate._work, Gate._refuse
    replace(Gate, "_work", checked)
    replace(Gate, "_refuse", refused)


def _problems(call: Call, response: web.Response) -> list[str]:
    kind = "prediction" if call.route.is_prediction else "training"
    document = published.specification(kind, published.version_text(kind, call.version))
    if call.route.operation == "GetArtifact" and response.content_type == "application/octet-stream":
        return []  # bytes, as published
    return document.problems(call.route.operation, response.status, response.body)


def main() -> None:
    """Be the command line of cvsync."""
    from cvsync.cli.main import run

    report = Path(sys.argv.pop(1))

    def tell(problems: list[str]) -> None:
        if problems:
            with report.open("a", encoding="utf-8") as file:  # at once, as it may be killed at any time
                file.writelines(f"{problem}\n" for problem in problems)

    judge(tell)
    run()


if __name__ == "__main__":
    main()
