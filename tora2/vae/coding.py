"""Whole videos through the VAE: what is not being worked on stays where it is, and results go there too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..memory.placement import compute_device
from .slices import Slices

OnChunk = Callable[[int, int], None]
"""Told after each chunk of frames: how many are done, and of how many."""

SLICINGS = ("off", "strips", "strips and cache on the CPU")
"""How the VAE runs: as diffusers does it; in strips of rows; so, and what it remembers between chunks is on the CPU."""


@torch.no_grad()
def encode_frames(
    vae: Any, frames: torch.Tensor, slicing: str = "off", on_chunk: OnChunk | None = None
) -> torch.Tensor:
    """Posterior mode, unscaled, [B, C, T', H', W'] on the VAE's device.

    Frames come to the device a chunk of eight at a time (nine in the first), as diffusers encodes them, and the causal
    convolutions remember the chunk before: the result is that of the whole video at once.

    Args:
        frames: [B, 3, T, H, W], floats in -1..1 or uint8, on any device.
        slicing: one of ``SLICINGS``.
    """
    encode, device = _encoder(vae, slicing), compute_device(vae)
    moments = []
    parts = list(chunks(frames.shape[2], vae.num_sample_frames_batch_size))
    for done, (start, stop) in enumerate(parts, start=1):
        x = frames[:, :, start:stop].to(device)
        x = x.to(vae.dtype) / 127.5 - 1 if x.dtype == torch.uint8 else x.to(vae.dtype)
        moment = encode(x)
        moments.append(moment if vae.quant_conv is None else vae.quant_conv(moment))
        if on_chunk is not None:
            on_chunk(done, len(parts))
    return torch.cat(moments, dim=2).chunk(2, dim=1)[0]


@torch.no_grad()
def decode_frames(
    vae: Any, latents: torch.Tensor, slicing: str = "off", on_chunk: OnChunk | None = None
) -> torch.Tensor:
    """Unscaled latents [B, C, T', H', W'] on any device -> pictures [B, 3, T, H, W] in 0..1, float32 on the CPU.

    Two latent frames at a time (three in the first chunk), as diffusers decodes them; each chunk's pictures leave the
    device at once.
    """
    decode, device = _decoder(vae, slicing), compute_device(vae)
    pictures = []
    parts = list(chunks(latents.shape[2], vae.num_latent_frames_batch_size))
    for done, (start, stop) in enumerate(parts, start=1):
        z = latents[:, :, start:stop].to(device, vae.dtype)
        part = decode(z if vae.post_quant_conv is None else vae.post_quant_conv(z))
        pictures.append(part.float().cpu().add_(1).div_(2).clamp_(0, 1))
        if on_chunk is not None:
            on_chunk(done, len(parts))
    return torch.cat(pictures, dim=2)


def chunks(frames: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of frames as diffusers cuts them: ``size`` each, the first one larger by what remains."""
    count, rest = max(frames // size, 1), frames % size
    if frames < size:
        rest = frames - size
    for index in range(count):
        yield (size * index + rest if index else 0), size * (index + 1) + rest


def _encoder(vae: Any, slicing: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if runs_in_slices(vae, slicing):
        slices = _slices(slicing)
        return lambda x: slices.encode_chunk(vae.encoder, x)
    return _remembering(vae.encoder)


def _decoder(vae: Any, slicing: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if runs_in_slices(vae, slicing):
        slices = _slices(slicing)
        return lambda z: slices.decode_chunk(vae.decoder, z)
    return _remembering(vae.decoder)


def _slices(slicing: str) -> Slices:
    return Slices(cache_device="cpu" if slicing == SLICINGS[2] else None)


def _remembering(module: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    cache = None

    def run(x: torch.Tensor) -> torch.Tensor:
        nonlocal cache
        result, cache = module(x, conv_cache=cache)
        return result

    return run


def runs_in_slices(vae: Any, slicing: str) -> bool:
    """Whether it does: hooks that bring a layer's weights only while its ``forward`` runs leave nothing to slice."""
    if slicing not in SLICINGS:
        raise ValueError(f"slicing is one of {', '.join(SLICINGS)}, not {slicing!r}")
    hooked = any(hasattr(module, "_hf_hook") or hasattr(module, "_diffusers_hook") for module in vae.decoder.modules())
    return slicing != "off" and not hooked
