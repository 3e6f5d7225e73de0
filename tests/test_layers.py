"""Imports point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cvsync

ROOT = Path(cvsync.__file__).parent
VALUES = {
    "model",
    "predictions",
    "labels",
    "scores",
    "snapshot",
    "known",
    "events",
    "lean",
    "distinct",
    "odd_names",
    "parallel",
    "settings",
    "limits",
    "errors",
    "whole",
    "__init__",
}
MAY_IMPORT = {
    "manifest": VALUES | {"drawing"},
    "plan": VALUES,
    "api": VALUES,
    "run": VALUES | {"plan", "api"},
    "flows": VALUES | {"drawing", "manifest", "plan", "api", "run"},
    "cli": VALUES | {"manifest", "plan", "api", "run", "flows", "emulator"},
    "emulator": {"limits"},
    "__main__": {"cli"},
    "__init__": VALUES | {"manifest", "api", "flows"},
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The parts of cvsync that a module names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cvsync":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("cvsync.")}
    return {
        name if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists() else "__init__" for name in found
    }


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0].removesuffix(".py")

    assert imports(path) <= MAY_IMPORT.get(layer, VALUES) | {layer}
