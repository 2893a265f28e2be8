"""Strips against diffusers' whole layers, in levels of 8 bits; and that nothing whole is held but a layer's ends."""

import pytest
import torch
from small_models import vae

from tora2.memory.counting import PeakBytes
from tora2.vae import SLICINGS, coding, decode_frames, encode_frames
from tora2.vae.slices import Slices

STRIP = 20000


@pytest.fixture(params=SLICINGS[1:])
def slicing(request, monkeypatch):
    monkeypatch.setattr("tora2.vae.slices.STRIP_ELEMENTS", STRIP)
    monkeypatch.setattr(
        coding, "_slices", lambda name: Slices(STRIP, cache_device="cpu" if name == SLICINGS[2] else None)
    )
    return request.param


def autoencoder(**config):
    model = vae()
    if config:
        model = type(model)(**(dict(model.config) | config)).eval()
    torch.manual_seed(0)
    for parameter in model.parameters():  # norms that do something, or a wrong statistic would not show
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.5, 0.5)
    return model


def video(frames=17, height=32, width=40):
    generator = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, frames, height, width, generator=generator) * 2 - 1
    picture[..., : height // 3, :] *= 0.1  # strips must not be alike, or each could do with its own statistics
    picture[..., height // 2 :, :] = (picture[..., height // 2 :, :] + 1).clamp(-1, 1)
    return picture


CONFIGS = [{}, {"block_out_channels": (8, 16, 16, 24), "layers_per_block": 2, "norm_num_groups": 4}]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("frames", [1, 17])
@torch.no_grad()
def test_pictures_are_those_of_the_whole(slicing, frames, config):
    model = autoencoder(**config)
    latents = torch.randn(1, 16, (frames - 1) // 4 + 1, 4, 5)
    whole = model.decode(latents).sample.add(1).div(2).clamp(0, 1)
    levels = 255 * (decode_frames(model, latents, slicing) - whole).abs().max()
    assert whole.std() > 0.01 and levels < 0.01


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("frames", [1, 17])
@torch.no_grad()
def test_latents_are_those_of_the_whole(slicing, frames, config):
    model, pixels = autoencoder(**config), video(frames)
    whole = model.encode(pixels).latent_dist.mode()
    torch.testing.assert_close(encode_frames(model, pixels, slicing), whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_strips_with_their_own_statistics_would_be_seen(slicing, monkeypatch):
    """The tests above must be able to fail: with a norm for each strip pictures differ by whole levels."""
    model, latents = autoencoder(), torch.randn(1, 16, 3, 4, 5)
    whole = decode_frames(model, latents)

    whole_picture = Slices._statistics
    monkeypatch.setattr(
        Slices, "_statistics", lambda self, norm, x: whole_picture(self, norm, x[..., : x.shape[3] // 2, :])
    )
    assert 255 * (decode_frames(model, latents, slicing) - whole).abs().max() > 1


@torch.no_grad()
def test_half_precision_rounds_as_much_as_diffusers_does(slicing):
    model, latents = autoencoder(**CONFIGS[1]), torch.randn(1, 16, 3, 4, 5)
    exact = decode_frames(model, latents)
    model.to(torch.bfloat16)
    diffusers = (decode_frames(model, latents) - exact).abs().mean()
    sliced = (decode_frames(model, latents, slicing) - exact).abs().mean()
    assert 0 < sliced < 1.3 * diffusers


@pytest.mark.parametrize("frames", [1, 9, 49])
@torch.no_grad()
def test_chunks_of_time_are_exactly_diffusers_encoding(frames):
    model = autoencoder()
    pixels = video(frames, 16, 16)
    assert torch.equal(encode_frames(model, pixels), model.encode(pixels).latent_dist.mode())
    levels = ((pixels + 1) * 127.5).round().to(torch.uint8)
    from_levels = levels.float() / 127.5 - 1
    assert torch.equal(encode_frames(model, levels), model.encode(from_levels).latent_dist.mode())


@torch.no_grad()
def test_without_the_cache_of_the_chunk_before_latents_differ(monkeypatch):
    model, pixels = autoencoder(), video(17, 16, 16)
    whole = encode_frames(model, pixels)
    monkeypatch.setattr(coding, "_remembering", lambda module: lambda x: module(x)[0])
    assert not torch.allclose(encode_frames(model, pixels), whole, atol=1e-3)


@torch.no_grad()
def test_strips_take_a_fraction_of_the_memory(slicing):
    model = autoencoder(block_out_channels=(16, 16, 16, 16))
    latents, pixels = torch.randn(1, 16, 5, 16, 16), video(17, 128, 128)
    for run, given, most in ((decode_frames, latents, 0.5), (encode_frames, pixels, 0.8)):
        with PeakBytes() as whole:
            run(model, given)
        with PeakBytes() as sliced:
            run(model, given, slicing)
        assert sliced.peak < most * whole.peak


def test_hooked_layers_are_left_to_their_hooks():
    model = autoencoder()
    assert coding.runs_in_slices(model, "strips") and not coding.runs_in_slices(model, "off")
    model.decoder.conv_in._hf_hook = object()
    assert not coding.runs_in_slices(model, "strips")
    with pytest.raises(ValueError, match="slicing is one of"):
        coding.runs_in_slices(model, "tiles")
