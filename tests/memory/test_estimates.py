"""Estimates against a count of every tensor of CogVideoX-5B's shape, on the device that computes nothing."""

import pytest
import torch
import torch.nn.functional as F

from tora2.benchmark.step import base_config, random_transformer
from tora2.conditions import VideoSize
from tora2.memory.counting import PeakBytes
from tora2.memory.estimates import COGVIDEOX_5B, GIB, Shape, denoising_bytes, modulation_bytes, vae_bytes
from tora2.vae import SLICINGS
from tora2.vae.slices import Slices

SIZES = [VideoSize(49, 480, 720), VideoSize(49, 768, 1360)]
LAYERS = 2


@pytest.fixture(scope="module")
def vae():
    from diffusers import AutoencoderKLCogVideoX

    from tora2.checkpoints.components import VAE_CONFIG

    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("meta"):
            return AutoencoderKLCogVideoX(
                **VAE_CONFIG, down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4
            ).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def counted(vae, work, slicing, size):
    """Peak over the first and the second chunk, with what the convolutions remember."""
    if work == "decode":
        module, shapes = vae.decoder, [(1, 16, t, size.height // 8, size.width // 8) for t in (3, 2)]
    else:
        module, shapes = vae.encoder, [(1, 3, t, size.height, size.width) for t in (9, 8)]
    slices, cache = Slices(), None
    with PeakBytes() as count, torch.no_grad(), torch.device("meta"):
        for shape in shapes:
            x = torch.empty(shape, dtype=torch.bfloat16)
            if slicing == "off":
                y, cache = module(x, conv_cache=cache)
            else:
                y = getattr(slices, f"{work}_chunk")(module, x)
        del y
    return count.peak - (slices.cache_bytes if slicing == SLICINGS[2] else 0)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("slicing", SLICINGS)
@pytest.mark.parametrize("work", ["decode", "encode"])
def test_vae(vae, work, slicing, size):
    assert vae_bytes(Shape(), size, work, slicing) == pytest.approx(counted(vae, work, slicing, size), rel=0.15)


def test_vae_weights(vae):
    assert sum(parameter.nbytes for parameter in vae.parameters()) == pytest.approx(COGVIDEOX_5B.vae, rel=0.02)


@pytest.mark.parametrize("size", SIZES, ids=str)
@torch.no_grad()
def test_transformer(size, monkeypatch):
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda query, *_, **__: torch.empty_like(query))
    model = random_transformer(base_config("5b", size) | {"num_layers": LAYERS}, "meta", torch.bfloat16)
    shape = Shape.of(model)
    assert (shape.width, shape.layers, shape.itemsize, shape.has_motion) == (3072, LAYERS, 2, True)
    frames, height, width = (size.frames - 1) // 4 + 1, size.height // 8, size.width // 8

    def empty(*sides):
        return torch.empty(sides, dtype=torch.bfloat16, device="meta")

    maps = model.traj_extractor(empty(1, frames, 16, height, width))
    with PeakBytes() as kept:
        modulations = model.motion_modulations(maps, frames)
    assert modulation_bytes(shape, size) == kept.live
    tables = (empty(frames * height * width // 4, 64),) * 2
    for together in (True, False):
        for keep in (True, False):
            motion = {"motion_modulations": modulations} if keep else {"motion_maps": maps}
            branches = 2 if together else 1
            with PeakBytes() as count:
                model(
                    empty(branches, frames, 16, height, width),
                    empty(branches, 226, 3072),
                    torch.empty(branches, dtype=torch.long, device="meta"),
                    image_rotary_emb=tables,
                    return_dict=False,
                    text_is_projected=True,
                    **motion,
                )
            expected = denoising_bytes(shape, size, together=together, keep_modulations=keep)
            expected -= kept.live if keep else 0
            assert expected == pytest.approx(count.peak, rel=0.05)
    whole = model.num_parameters() + (42 - LAYERS) * (
        sum(p.numel() for p in model.transformer_blocks[0].parameters())
        + sum(p.numel() for p in model.fuser[0].parameters())
    )
    assert 2 * whole == pytest.approx(COGVIDEOX_5B.transformer, rel=0.02)


def test_text_encoder():
    from transformers import T5Config, T5EncoderModel

    from tora2.checkpoints.components import T5_CONFIG

    with torch.device("meta"):
        model = T5EncoderModel(T5Config(**T5_CONFIG))
    assert model.get_input_embeddings().weight.numel() * 2 < COGVIDEOX_5B.largest_layer * 1.01
    bytes_ = sum(p.numel() * (4 if ".wo." in name else 2) for name, p in model.named_parameters())
    assert bytes_ == pytest.approx(COGVIDEOX_5B.text_encoder, rel=0.02)


def test_peak_bytes_counts_what_lives_at_once():
    with PeakBytes() as count:
        first = torch.zeros(1000)
        view = first[:500].view(5, 100)
        second = first + 1
        del first
        assert count.live == 8000, "a view keeps it alive"
        del view
        third = second * 2
        assert count.live == 8000
        third.add_(1)
    assert count.peak == 8000
    assert GIB == 1024**3
