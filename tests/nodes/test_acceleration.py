"""The switches of loader and sampler reach the transformer, and workflows from before them run as they did."""

import pytest
import small_models
import torch

from tora2.acceleration.attention import current_attention
from tora2.acceleration.compiling import is_compiled
from tora2.acceleration.quantization import is_quantized
from tora2.acceleration.settings import Acceleration
from tora2.errors import AccelerationError


@pytest.fixture
def conditioning(nodes, model):
    (text,) = nodes["Tora2TextEncode"].execute(model=model, prompt="a red fox", negative_prompt="").result
    (drawing, *_) = nodes["Tora2TrajectoryEditor"].execute(
        drawing=small_models.document(), width=128, height=128, frames=17, fps=8.0
    ).result  # fmt: skip
    motion = nodes["Tora2EncodeTrajectories"].execute(
        model=model, trajectories=drawing, strength=1.0, start=0.0, end=1.0
    ).result[0]  # fmt: skip
    return nodes["Tora2BindEntities"].execute(model=model, text=text, motion=motion).result[0]


@pytest.fixture
def sample(nodes, model, conditioning):
    def execute(**options):
        defaults = {
            "seed": 0, "steps": 8, "guidance": 6.0, "dynamic_guidance": True, "width": 0, "height": 0, "frames": 0,
            "batch_size": 1, "guidance_batch": "auto", "motion_modulation": "auto",
        }  # fmt: skip
        result = nodes["Tora2Sampler"].execute(model=model, conditioning=conditioning, **(defaults | options))
        return result.result[0]["samples"]

    return execute


def test_new_inputs_are_optional_and_change_nothing_by_default(nodes, sample):
    """A workflow in API format holds no value for an input that came later; ComfyUI would refuse it if required."""
    for name, ids in {
        "Tora2LoadModel": ("attention", "compile", "quantization", "text_encoder"),
        "Tora2Entity": ("mask_shows",),
        "Tora2Sampler": ("preset", "guidance_start", "guidance_end"),
    }.items():
        inputs = {entry.id: entry for entry in nodes[name].define_schema().inputs}
        assert all(inputs[key].optional and inputs[key].default is not None for key in ids)
    assert torch.equal(sample(), sample(preset="exact", guidance_start=0.0, guidance_end=1.0))


def test_presets_and_the_guidance_interval_reach_the_sampler(model, sample):
    batches = []
    hook = model.bundle.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    for options, expected in [({}, 16), ({"preset": "fast"}, 8), ({"guidance_start": 0.25, "guidance_end": 0.5}, 10)]:
        batches.clear()
        sample(**options)
        assert sum(batches) == expected, options
    hook.remove()
    with pytest.raises(AccelerationError, match="Guidance is set to run from 0.5 to 0.25"):
        sample(guidance_start=0.5, guidance_end=0.25)


def test_the_loaders_switches_reach_the_model(host, monkeypatch, nodes):
    pytest.importorskip("torchao")
    loaded = nodes["Tora2LoadModel"].execute(
        "tora2-tiny", "float32", "auto", attention="math", quantization="int8_weights"
    )
    transformer = loaded.result[0].component("transformer")
    assert current_attention(transformer) == "math" and is_quantized(transformer) and not is_compiled(transformer)
    plain = nodes["Tora2LoadModel"].execute("tora2-tiny", "float32", "auto").result[0].component("transformer")
    assert current_attention(plain) == "sdpa" and not is_quantized(plain) and not is_compiled(plain)
    assert host.models.weight_bytes(transformer) < 0.7 * host.models.weight_bytes(plain)


def test_what_the_device_cannot_do_is_refused_before_anything_is_loaded(host, monkeypatch):
    monkeypatch.setattr("tora2.checkpoints.loading.load", lambda *a, **o: pytest.fail("loaded"))
    with pytest.raises(AccelerationError, match="'fp8' multiplies in 8 bits"):
        host.load_model("tora2-tiny", acceleration=Acceleration(quantization="fp8"))
    with pytest.raises(AccelerationError, match="There is no attention backend 'fastest'"):
        host.load_model("tora2-tiny", acceleration=Acceleration(attention="fastest"))


def test_compile_is_switched_on_for_whole_models_only(host, model, monkeypatch):
    model.acceleration = Acceleration(compile="on")
    monkeypatch.setattr("tora2.acceleration.compiling.check_compiler", lambda device: None)
    assert is_compiled(model.component("transformer"))
    monkeypatch.setattr(host.HostedModel, "_goes_in_blocks", lambda self, name, *_: self._in_blocks.add(name) or True)
    with pytest.raises(AccelerationError, match="switch compile off"):
        model.component("transformer")
