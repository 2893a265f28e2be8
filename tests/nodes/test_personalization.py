"""What is said where a model has no personalization parts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tora2.conditions import Entity
from tora2.errors import ConditionError


class Asked:
    """A model that only notes what it is asked for."""

    def __init__(self):
        self.names = []
        self.bundle = SimpleNamespace(has_personalization=False)

    def components(self, *names):
        self.names += names


def test_references_on_public_tora_are_refused_before_anything_is_loaded(nodes):
    model = Asked()
    with pytest.raises(ConditionError, match="no personalization parts .public Tora follows trajectories only"):
        nodes["Tora2ExtractPersonalization"].execute(model, {"entity0": Entity("a fox", torch.zeros(4, 4, 3))})
    assert not model.names
