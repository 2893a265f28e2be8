"""How `python -m tora2` is started, and names that a terminal's code page does not have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_small_code_page_ends_no_run():
    """Windows writes redirected output in cp1252."""
    code = "from tora2.__main__ import main; main(['run', 'no.json']); print('\u8f38\u51fa')"
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "0"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert result.returncode == 0 and result.stdout.strip() == b"\\u8f38\\u51fa", result.stderr


def test_started_by_path_from_anywhere(tmp_path):
    """The Python of ComfyUI's Windows package is isolated: it takes no modules from the current folder."""
    command = [sys.executable, "-I", str(ROOT / "tora2"), "train", "tiny", "--set", "run.stepz=3"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1 and "the closest name is `run.steps`" in result.stderr
