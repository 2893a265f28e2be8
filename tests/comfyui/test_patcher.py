"""Our models in ComfyUI's own model management."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.comfyui


def test_whole_models_move_whole_and_can_be_evicted(inside):
    found = inside("patcher.py")
    assert not found["dynamic"], "ComfyUI evicts no dynamic model for another"
    assert found["size"] == found["stored"] == found["loaded"]
    assert found["novram"] == ["cpu"], "or the next line proves nothing"
    assert found["then"] == ["meta"]
