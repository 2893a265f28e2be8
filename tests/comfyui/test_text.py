"""Core's own T5 in place of the model's: the same states for the same weights."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.comfyui


def test_core_t5_gives_the_states_of_transformers_t5(inside):
    measured = inside("t5.py")
    print(measured)
    assert not measured["missing"]
    assert measured["spread"] > 0.1  # tokens differ
    assert measured["worst"] < 1e-4
    assert "choose the type cogvideox" in measured["masked"], "what Load CLIP makes of T5 by default"
