"""What nodes hand to one another."""

from __future__ import annotations

import dataclasses

import torch

from tora2.conditions import Conditioning


def test_everything_that_nodes_pass_on_is_moved(host, monkeypatch):
    monkeypatch.setattr(host.runtime.management, "intermediate_device", lambda: torch.device("meta"))
    tensor = torch.zeros(1)
    value = Conditioning(embeds=tensor, negative_embeds=tensor, motion_maps=(tensor, tensor))
    moved = host.to_intermediate({"a": [value]})["a"][0]
    assert moved.embeds.is_meta and all(part.is_meta for part in moved.motion_maps)
    assert dataclasses.is_dataclass(moved) and moved.tokens is None
