"""The main job, end to end, with nothing but this repository: `make demo`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from draw import HERE, MANIFEST, draw_all

ROOT = HERE.parent
WORK = ROOT / "demo"
PROJECT = "shapes-demo"


def main() -> int:
    """Draw, plan, push, train, export, and push again."""
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"Drew {draw_all()} pictures of stars and rings, with the boxes of {_shown(MANIFEST)}.")
    print("\nA local emulator stands in for the service; its projects are kept in demo/.")
    push = ["push", _shown(MANIFEST), "-p", PROJECT, "-e", "local"]
    steps = (
        ("What would a push do?", ["plan", *push[1:], "--create-project"]),
        (
            "Do it, train a detector, and export the model:",
            [*push, "--create-project", "--train", "--export", "onnx", "--export-dir", "demo/exports"],
        ),
        ("Once more: the project is equal to the manifest, so nothing is sent.", push),
    )
    for title, arguments in steps:
        print(f"\n{title}\n$ cvsync {shlex.join(arguments)}", flush=True)
        code = _cvsync(arguments)
        if code:
            return code
    print(
        "\nTry next:\n"
        f"  move a box or change a tag in {_shown(MANIFEST)}, and see it in the plan:\n"
        f"    {_settings()} .venv/bin/cvsync plan {_shown(MANIFEST)} -p {PROJECT} -e local\n"
        "  run the emulator for other programs:  .venv/bin/cvsync emulate\n"
        "  the same against Azure: set CVSYNC_ENDPOINT and CVSYNC_TRAINING_KEY, and leave `-e local` out"
    )
    return 0


def _cvsync(arguments: list[str]) -> int:
    settings = dict(pair.split("=") for pair in _settings().split())
    command = [sys.executable, "-m", "cvsync", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=False).returncode  # noqa: S603


def _settings() -> str:
    return "CVSYNC_STATE_DIR=demo/state CVSYNC_LOCAL_DATA=demo/projects"


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
