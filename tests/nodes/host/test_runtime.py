"""What nodes hand to one another."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tora2.conditions import Conditioning


def test_everything_that_nodes_pass_on_is_moved(host, monkeypatch):
    monkeypatch.setattr(host.runtime.management, "intermediate_device", lambda: torch.device("meta"))
    tensor = torch.zeros(1)
    value = Conditioning(embeds=tensor, negative_embeds=tensor, motion_maps=(tensor, tensor))
    moved = host.to_intermediate({"a": [value]})["a"][0]
    assert moved.embeds.is_meta and all(part.is_meta for part in moved.motion_maps)
    assert dataclasses.is_dataclass(moved) and moved.tokens is None


def test_quantized_weights_move_where_comfyui_runs_nodes(host):
    """Inside torch's inference mode torchao's weights cannot change the device."""
    torchao = pytest.importorskip("torchao.quantization")
    layer = torch.nn.Linear(64, 64, bias=False, dtype=torch.bfloat16).requires_grad_(False)

    with torch.inference_mode():
        given = torch.randn(2, 64, dtype=torch.bfloat16)
        with host.ordinary_tensors():
            torchao.quantize_(layer, torchao.Int8WeightOnlyConfig(set_inductor_config=False))
            assert layer(given).shape == (2, 64)
        with pytest.raises((RuntimeError, AssertionError)):
            layer.to("meta")
        with host.ordinary_tensors():
            assert layer.to("meta").weight.device.type == "meta"


def test_every_node_that_computes_with_a_model_leaves_the_inference_mode(nodes):
    seen = {}

    class Model:
        def __getattr__(self, name):
            seen[node] = torch.is_inference_mode_enabled()
            raise LookupError

    from tora2.trajectories import TrajectoryDocument

    with torch.inference_mode():
        for node, cls in nodes.items():
            entries = {entry.id for entry in cls.define_schema().inputs if not entry.optional}
            if "model" in entries and node != "Tora2LoadModel":
                inputs = dict.fromkeys(entries, 1) | {
                    "model": Model(),
                    "latent": {"samples": torch.zeros(1, 16, 1, 2, 2)},
                }
                inputs |= {"trajectories": TrajectoryDocument()}
                with pytest.raises(LookupError):
                    cls.execute(**{name: value for name, value in inputs.items() if name in entries})
    assert len(seen) >= 6 and not any(seen.values()), seen
