"""Node.js for the tests of the editor: from PATH or from PyPI's playwright, which brings one."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST = 20


@functools.cache
def _find() -> str | None:
    candidates = [shutil.which("node")]
    if (spec := importlib.util.find_spec("playwright")) and spec.origin:
        candidates += [str(path) for path in Path(spec.origin).parent.glob("driver/node*") if path.is_file()]
    for candidate in filter(None, candidates):
        version = subprocess.run([candidate, "--version"], capture_output=True, text=True, timeout=60).stdout
        if version[1:].split(".")[0].isdigit() and int(version[1:].split(".")[0]) >= OLDEST:
            return candidate
    return None


def find_node() -> str:
    """The command of a Node that is new enough; skips the test if there is none."""
    node = _find()
    if node is None:
        pytest.skip(f"needs Node.js {OLDEST} or newer: install it, or `pip install playwright`, which brings one")
    return node
