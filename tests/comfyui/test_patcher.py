"""Our models in ComfyUI's own model management."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui


def test_whole_models_move_whole_and_can_be_evicted(real_comfyui):
    script = Path(__file__).resolve().parent / "receivers" / "patcher.py"
    result = subprocess.run(
        [str(real_comfyui.python), str(script)], cwd=real_comfyui.folder, capture_output=True, text=True
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, result.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("RESULT "))
    assert not found["dynamic"], "ComfyUI evicts no dynamic model for another"
    assert found["size"] == found["stored"] == found["loaded"]
    assert found["novram"] == ["cpu"], "or the next line proves nothing"
    assert found["then"] == ["meta"]
