"""Numbers of alibaba/Tora's diffusers version, kept as a fixture by tests/support/tora_parity.py."""

import numpy as np
import pytest
import tora_parity as parity
import torch
from diffusers import CogVideoXDPMScheduler

from tora2.conditions import Conditioning, MotionConditions, VideoSize
from tora2.dit import Tora2Transformer3DModel
from tora2.stages import denoise

SIZE = VideoSize(parity.FRAMES, parity.HEIGHT, parity.WIDTH)
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def expected():
    with np.load(parity.FIXTURE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module", params=list(parity.CONFIGS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind):
    return parity.fill(Tora2Transformer3DModel(**parity.BASE, **parity.CONFIGS[kind], motion_channels=128))


def relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@torch.no_grad()
def test_transformer(expected, kind, model):
    inputs = parity.case(kind)
    call = (inputs["hidden_states"], inputs["text"], inputs["timestep"])
    plain = model(*call, image_rotary_emb=parity.rotary()).sample
    assert relative(plain, expected[f"{kind}_plain"]) < TOLERANCE
    maps = model.traj_extractor(inputs["flow"])
    guided = model(*call, image_rotary_emb=parity.rotary(), motion_maps=maps).sample
    assert relative(guided, expected[f"{kind}_flow"]) < TOLERANCE
    assert relative(guided, plain) > 0.1, "control: the flow must change the output"


@pytest.mark.parametrize("guidance", ["dynamic", "constant"])
@pytest.mark.parametrize("guidance_batch", ["together", "in sequence"])
@pytest.mark.parametrize("keep_modulations", [True, False])
@torch.no_grad()
def test_whole_pipeline_of_four_steps(expected, kind, model, guidance, guidance_batch, keep_modulations):
    inputs = parity.case(kind)
    no_tracks = torch.zeros(0, 5, 2)
    motion = MotionConditions(inputs["flow"], no_tracks, torch.zeros(0, 5, dtype=torch.bool), (), SIZE)
    conditioning = Conditioning(
        embeds=inputs["text"][1:],
        negative_embeds=inputs["text"][:1],
        motion_maps=model.traj_extractor(inputs["flow"]),
        size=SIZE,
        motion=motion,
    )
    latents = denoise(
        model,
        CogVideoXDPMScheduler(**parity.SCHEDULER),
        conditioning,
        size=SIZE,
        scaling_factor=parity.SCALING,
        steps=parity.STEPS,
        guidance_scale=parity.GUIDANCE,
        dynamic_guidance=guidance == "dynamic",
        latents=inputs["noise"],
        generators=[torch.Generator().manual_seed(5)],
        first_frame=inputs["first_frame"] if kind == "i2v" else None,
        guidance_batch=guidance_batch,
        keep_modulations=keep_modulations,
    )
    theirs = expected[f"{kind}_pipeline_{guidance}"].transpose(1, 2) / parity.SCALING
    assert relative(latents, theirs) < TOLERANCE
