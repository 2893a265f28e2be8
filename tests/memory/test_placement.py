"""Weights that accelerate brings layer by layer, as diffusers' enable_sequential_cpu_offload has it."""

import pytest
import torch
from small_models import FakeReid, FakeSemantic, document, scheduler, text_encoder, tokenizer, trained, transformer, vae

from tora2.conditions import Entity, VideoSize
from tora2.memory.placement import compute_device
from tora2.stages import (
    bind_entities,
    decode,
    denoise,
    encode_first_frame,
    encode_motion,
    encode_text,
    extract_personalization,
)
from tora2.trajectories import parse_document

CPU = torch.device("cpu")
SIZE = VideoSize(17, 128, 128)


@torch.no_grad()
def video(model, text, pixels):
    """All stages; [17, 128, 128, 3]."""
    words = encode_text(text, tokenizer(), "a red fox", "", 12)
    motion = encode_motion(pixels, parse_document(document()), sigma=3.0, window=25)
    fox = Entity("a red fox", torch.full((20, 20, 3), 0.8), kind="object")
    encoders = {"semantic": FakeSemantic(), "reid": FakeReid(), "face": None}
    personalization = extract_personalization(model, [fox], size=8, **encoders)
    conditioning = bind_entities(model, words, motion, personalization)
    options = {"size": SIZE, "scaling_factor": 0.7, "steps": 1}
    encode_first_frame(pixels, torch.full((128, 128, 3), 0.5), SIZE)
    return decode(pixels, denoise(model, scheduler(), conditioning, **options))


def test_every_stage_computes_where_the_hooks_do():
    accelerate = pytest.importorskip("accelerate")
    models = trained(transformer()), text_encoder(), vae()
    expected = video(*models)
    for module in models:
        accelerate.cpu_offload(module, CPU, offload_buffers=True)
        assert module.device.type == "meta" and compute_device(module) == CPU
    assert torch.equal(video(*models), expected)


def test_a_module_without_hooks_computes_where_its_weights_are():
    assert compute_device(vae().to("meta")).type == "meta"
