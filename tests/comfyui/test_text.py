"""Core's own T5 in place of the model's: the same states for the same weights."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.comfyui


def test_core_t5_gives_the_states_of_transformers_t5(real_comfyui):
    script = Path(__file__).resolve().parent / "receivers" / "t5.py"
    result = subprocess.run(
        [str(real_comfyui.python), str(script)], cwd=real_comfyui.folder, capture_output=True, text=True
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, result.stderr[-3000:]
    measured = json.loads(lines[0].removeprefix("RESULT "))
    print(measured)
    assert not measured["missing"]
    assert measured["spread"] > 0.1  # tokens differ
    assert measured["worst"] < 1e-4
