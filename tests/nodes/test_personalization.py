"""Which encoders an entity asks for, and what is said where a model has none."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
import torch

from tora2.conditions import Entity
from tora2.errors import ConditionError
from tora2.headless import loader
from tora2.personalization.extractor import ExtractorConfig


class Asked:
    """A model that only notes what it is asked for."""

    def __init__(self, has_personalization=True):
        self.names = []
        self.bundle = SimpleNamespace(has_personalization=has_personalization)

    def component(self, name):
        self.names.append(name)
        return name

    def components(self, *names):
        self.names += names


def entity(kind):
    return Entity("a fox", torch.zeros(4, 4, 3), kind=kind)


@pytest.mark.parametrize(
    "variant, kind, expected",
    [
        ("dino", "human", []),
        ("dino", "auto", []),
        ("dino+reid", "human", ["reid"]),
        ("dino+reid|face", "human", ["face"]),
        ("dpe", "human", ["face"]),
        ("dpe", "object", ["reid"]),
        ("dpe", "auto", ["face", "reid"]),
    ],
)
def test_only_the_encoders_that_the_extractor_reads_are_asked_for(nodes, variant, kind, expected):
    chosen = importlib.import_module(f"{loader.PACK_NAME}.nodes.personalization")._identity_encoders
    model = Asked()
    found = chosen(model, ExtractorConfig(variant=variant), [entity(kind)])
    assert model.names == expected
    assert found == {name: name if name in expected else None for name in ("face", "reid")}


def test_references_on_public_tora_are_refused_before_anything_is_loaded(nodes):
    model = Asked(has_personalization=False)
    with pytest.raises(ConditionError, match="no personalization parts .public Tora follows trajectories only"):
        nodes["Tora2ExtractPersonalization"].execute(model, {"entity0": entity("object")})
    assert not model.names
