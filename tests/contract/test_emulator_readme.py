"""What the README says of the emulator is done here as it stands there."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cvsync.cli.emulate import emulate
from cvsync.emulator import EmulatorThread, Quirks
from cvsync.emulator.faults import Faults, parse
from cvsync.emulator.routes import OPERATIONS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("## The emulator") : README.index("## How it is made")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def test_fixture_works_in_another_test_suite(tmp_path: Path) -> None:
    pytest.importorskip("azure.cognitiveservices.vision.customvision.training")
    fixture, test = blocks("python")
    (tmp_path / "conftest.py").write_text(fixture)
    (tmp_path / "test_shelf.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert len([line for line in fixture.splitlines() if line.strip()]) <= 8


def test_calls_with_curl_work(served: EmulatorThread) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    script = next(block for block in blocks("sh") if "/training" in block)
    script = "set -eu\n" + script.replace("http://127.0.0.1:8000", served.url)

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("]")
    assert done.stdout.count('"name":"fork"') == 2  # as it was made, and in the list


def test_fault_is_ordered_with_curl(served: EmulatorThread) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    line = next(line for block in blocks("sh") for line in block.splitlines() if "/_emulator/faults" in line)

    command = shlex.split(line.replace("http://127.0.0.1:8000", served.url))
    done = subprocess.run([*command, "-w", "%{http_code}"], capture_output=True, text=True, check=True)

    assert done.stdout == "204"


@pytest.mark.parametrize(
    "line", [line for kind in ("sh", "yaml") for block in blocks(kind) for line in block.splitlines()
             if "cvsync emulate" in line]
)  # fmt: skip
def test_each_command_has_options_that_there_are(line: str) -> None:
    words = shlex.split(line[line.index("cvsync emulate") :].rstrip(" &"))[2:]

    context = emulate.make_context("emulate", words)

    assert context.params["port"] == 8000
    Faults().order([parse(spec) for spec in context.params["faults"]], OPERATIONS)


@pytest.mark.parametrize("quirk", dataclasses.fields(Quirks), ids=lambda quirk: quirk.name)
def test_each_quirk_is_listed_with_its_default(quirk: dataclasses.Field[object]) -> None:
    default = str(quirk.default).lower() if isinstance(quirk.default, bool) else str(quirk.default)

    assert f"| `{quirk.name}` | {default} |" in SECTION


def test_each_kind_of_fault_is_listed_with_its_fields() -> None:
    from cvsync.emulator.faults import _KINDS

    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*)\|$", SECTION, re.MULTILINE))

    assert {kind: set(re.findall(r"`(\w+)`", rows[kind])) for kind in _KINDS} == _KINDS


def test_each_control_route_is_listed(served: EmulatorThread) -> None:
    source = (Path(__file__).parents[2] / "cvsync" / "emulator" / "control.py").read_text()
    routes = set(re.findall(r'"(/_emulator/[^"]+)"', source))

    assert {route for route in routes if route not in SECTION} == set()
    assert routes
