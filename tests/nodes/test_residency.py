"""Which models are on the device at the same time: the nodes' path and the pipeline's, with a device that counts."""

from __future__ import annotations

import pytest
import small_models
import torch
from torch import nn

from tora2.conditions import Entity, VideoSize
from tora2.memory import estimates
from tora2.stages import bind_entities, decode, denoise, encode_motion, encode_text, extract_personalization
from tora2.trajectories import parse_document

BIG = ("text_encoder", "transformer")


@pytest.fixture
def device(host, model, monkeypatch):
    """A device with room for one big model and its work; a record of what was resident after each load."""
    management, bundle = host.models.management, model.bundle
    names = {id(bundle.component(name)): name for name in ("text_encoder", "transformer", "vae", "semantic")}
    sizes = {"text_encoder": 10e9, "transformer": 12e9, "vae": 0.4e9, "semantic": 0.6e9}
    monkeypatch.setattr(host.models, "weight_bytes", lambda module: sizes[names[id(module)]])
    resident: dict[str, int] = {}
    history: list[dict[str, int]] = []
    total = 16e9

    def load(self, *_, **__):
        name = names[id(self.model)]
        resident[name] = sizes[name]
        history.append(dict(resident))

    def unload(self, *_, **__):
        resident.pop(names[id(self.model)], None)
        return True

    monkeypatch.setattr(management.LoadedModel, "model_load", load)
    monkeypatch.setattr(management.LoadedModel, "model_unload", unload)
    monkeypatch.setattr(management, "current_loaded_models", [])
    monkeypatch.setattr(management, "get_free_memory", lambda *_, **__: total - sum(resident.values()))
    return total, sizes, history


def whole_job(model):
    text = encode_text(
        model.component("text_encoder"), model.component("tokenizer"), "a red fox", "", model.max_text_length
    )
    size = VideoSize(17, 128, 128)
    vae, slicing = model.vae_for("encode", size)
    motion = encode_motion(vae, parse_document(small_models.document()), sigma=3.0, window=25, slicing=slicing)
    transformer, semantic, reid = model.components("transformer", "semantic", "reid")
    fox = Entity("a red fox", torch.full((20, 20, 3), 0.8), kind="object")
    personalization = extract_personalization(transformer, [fox], semantic=semantic, reid=reid, face=None, size=8)
    conditioning = bind_entities(model.component("transformer"), text, motion, personalization)
    transformer = model.component("transformer", memory=2e9)
    latents = denoise(transformer, model.component("scheduler"), conditioning, size=size, scaling_factor=0.7, steps=1)
    vae, slicing = model.vae_for("decode", size)
    return decode(vae, latents, slicing)


@torch.no_grad()
def test_the_nodes_never_hold_two_big_models(model, device):
    total, sizes, history = device
    assert whole_job(model).shape == (17, 128, 128, 3)
    seen = [name for state in history for name in state if name in BIG]
    assert set(seen) == set(BIG)
    for state in history:
        assert sum(state.values()) <= total and not set(BIG) <= set(state), state
    firsts = list(dict.fromkeys(seen))
    assert firsts == ["text_encoder", "transformer"], "the text encoder goes before the transformer comes"


@torch.no_grad()
def test_the_pipeline_brings_each_big_model_once_and_alone(monkeypatch):
    from tora2.pipeline import Tora2Pipeline

    pipeline = Tora2Pipeline(
        small_models.tokenizer(),
        small_models.text_encoder(),
        small_models.vae(),
        small_models.trained(small_models.transformer()),
        small_models.scheduler(),
        flow_sigma=3.0,
        flow_window=25,
    )
    pipeline.set_progress_bar_config(disable=True)
    events: list[str] = []
    resident: set[str] = set()

    class Hook:
        """As accelerate's: brings its model and sends the one before it in the sequence away."""

        def __init__(self, name: str, before: str | None):
            self.name, self.before = name, before

        def pre_forward(self, module: nn.Module, *_, **__):
            if self.before in resident:
                resident.discard(self.before)
            if self.name not in resident:
                resident.add(self.name)
                events.append(self.name)
            assert not set(BIG) <= resident, events

    before = None
    for name in Tora2Pipeline.model_cpu_offload_seq.split("->"):
        getattr(pipeline, name)._hf_hook = Hook(name, before)
        before = name
    pipeline("a red fox", trajectories=small_models.document(), num_inference_steps=1, output_type="pt")
    assert [name for name in events if name in BIG] == ["text_encoder", "transformer"]


def test_reserve_is_part_of_every_phase():
    from tora2.memory.plan import plan

    found = plan(80 * estimates.GIB, VideoSize(49, 480, 720), estimates.COGVIDEOX_5B)
    assert min(found.text_bytes, found.denoising_bytes, found.vae_bytes) > estimates.RESERVE
