"""Bytes that each part of a job needs, from shapes alone.

The figures behind the constants are counted, not guessed: tests run diffusers' and our modules of CogVideoX-5B's shape
on PyTorch's ``meta`` device, which computes nothing and still knows every tensor's size (``counting.PeakBytes``), and
fail if an estimate is off. What kernels take inside themselves (cuDNN's workspaces), fragmentation and the CUDA context
are not in them; ``RESERVE`` stands for these, and only a run on a GPU can tell how much they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..conditions import VideoSize

GIB = 2**30
RESERVE = 0.75 * GIB

BRANCH_TENSORS = 14.0
"""Tensors of the tokens' width that live at once in a transformer block, for each guidance branch and video."""

FUSER_TENSORS = 2.0
"""More of them, once, where the motion's scale and shift are computed in the step."""

VAE_TENSORS = {
    ("decode", "off"): 179.0,
    ("decode", "strips"): 68.0,
    ("decode", "strips and cache on the CPU"): 36.5,
    ("encode", "off"): 82.0,
    ("encode", "strips"): 48.5,
    ("encode", "strips and cache on the CPU"): 28.5,
}
"""Pictures of the VAE's first width (128 channels at full size) that live at once, in the chunk that needs the most."""

TEXT_BYTES = 0.25 * GIB
PATCH = 2  # CogVideoX's, in latent rows and columns
IN_FLIGHT = 4
"""Layers' weights on the device at once where they come block by block: the one that runs, the one that comes, and
those around a layer that was fetched out of its order."""


@dataclass(frozen=True)
class Weights:
    """Bytes of the big models, and of the largest layer of those that can come block by block."""

    transformer: float
    text_encoder: float
    vae: float
    largest_layer: float = 0.0


COGVIDEOX_5B = Weights(12.17 * GIB, 10.74 * GIB, 0.40 * GIB, 0.25 * GIB)
"""bfloat16 with Tora2's parts; T5-XXL keeps one matrix of each layer in float32, as transformers does."""


@dataclass(frozen=True)
class Shape:
    """What the transformer's work depends on.

    Attributes:
        width: of the tokens.
        layers: of the transformer.
        text_tokens: of one prompt.
        itemsize: bytes of a number.
        vae_width: channels of the VAE at full resolution.
        has_motion: whether there are scales and shifts to keep.
    """

    width: int = 3072
    layers: int = 42
    text_tokens: int = 226
    itemsize: int = 2
    vae_width: int = 128
    has_motion: bool = True

    @classmethod
    def of(cls, transformer: Any, vae_width: int = 128, has_motion: bool | None = None) -> Shape:
        config = transformer.config
        return cls(
            config.num_attention_heads * config.attention_head_dim,
            config.num_layers,
            config.max_text_seq_length,
            transformer.dtype.itemsize,
            vae_width,
            bool(getattr(transformer, "has_motion", False)) if has_motion is None else has_motion,
        )


def video_tokens(size: VideoSize) -> int:
    frames, height, width = size.latent
    return frames * (height // PATCH) * (width // PATCH)


def token_tensor(shape: Shape, size: VideoSize) -> float:
    """Bytes of one tensor of a branch's tokens."""
    return float((video_tokens(size) + shape.text_tokens) * shape.width * shape.itemsize)


def modulation_bytes(shape: Shape, size: VideoSize) -> float:
    """Scale and shift of every layer, for a video."""
    return 2.0 * shape.layers * video_tokens(size) * shape.width * shape.itemsize if shape.has_motion else 0.0


def denoising_bytes(
    shape: Shape, size: VideoSize, videos: int = 1, *, together: bool = True, keep_modulations: bool = True
) -> float:
    """A step's activations and what is kept over the steps; the weights are apart."""
    branches = videos * (2 if together else 1)
    bytes_ = BRANCH_TENSORS * branches * token_tensor(shape, size)
    if keep_modulations:
        return bytes_ + modulation_bytes(shape, size)
    return bytes_ + (FUSER_TENSORS * token_tensor(shape, size) if shape.has_motion else 0.0)


def vae_bytes(shape: Shape, size: VideoSize, work: str, slicing: str) -> float:
    """The VAE's activations; ``work`` is ``decode`` or ``encode``. The number of frames does not matter beyond a few.

    Args:
        slicing: one of ``vae.SLICINGS``.
    """
    frames = min(size.frames, 9) / 9
    return VAE_TENSORS[work, slicing] * frames * size.height * size.width * shape.vae_width * shape.itemsize
