"""Runs the editor's own tests, unit/*.test.mjs, in Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from node import find_node

UNIT = Path(__file__).parent / "unit"
TESTS = sorted(UNIT.glob("*.test.mjs"))


def test_every_module_of_the_core_has_tests():
    core = Path(__file__).parents[2] / "web" / "core"
    sources = {path.name: path.read_text(encoding="utf-8") for path in core.glob("*.mjs")}
    imported = "".join(path.read_text(encoding="utf-8") for path in UNIT.glob("*.mjs"))
    missing = [name for name in sources if f"core/{name}'" not in imported]
    passed_on = [name for name in missing if any(f"export * from './{name}'" in text for text in sources.values())]
    assert missing == passed_on


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.split(".")[0])
def test_in_node(path):
    done = subprocess.run([find_node(), "--test", path], capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
