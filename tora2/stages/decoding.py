"""Between pictures and latents: the first frame in, the video out."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange

from ..conditions import VideoSize
from ..errors import ConditionError
from ..vae import OnChunk, decode_frames, encode_frames

LATENT_CHANNELS = 16  # of CogVideoX


def fit_image(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """[1, H, W, 3] or [H, W, 3] in 0..1 -> [1, 3, height, width]: scaled to cover the canvas, cropped to its centre."""
    pixels = rearrange(image.reshape(-1, *image.shape[-3:])[:1, ..., :3], "b h w c -> b c h w").float()
    scale = max(height / pixels.shape[-2], width / pixels.shape[-1])
    scaled = (max(height, round(pixels.shape[-2] * scale)), max(width, round(pixels.shape[-1] * scale)))
    if scaled != tuple(pixels.shape[-2:]):
        pixels = F.interpolate(pixels, size=scaled, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (scaled[0] - height) // 2, (scaled[1] - width) // 2
    return pixels[..., top : top + height, left : left + width]


@torch.no_grad()
def encode_first_frame(vae: Any, image: torch.Tensor, size: VideoSize, slicing: str = "off") -> torch.Tensor:
    """First frame -> latents [1, 1, C, H', W'] as an image-to-video model takes them (posterior mode).

    Args:
        image: [1, H, W, 3] or [H, W, 3] in 0..1, any size.
        slicing: of ``vae.SLICINGS``; the latents are the same, only memory and time differ.
    """
    pixels = fit_image(image, size.height, size.width) * 2 - 1
    latents = encode_frames(vae, pixels[:, :, None], slicing)
    # diffusers' CogVideoXImageToVideoPipeline: some checkpoints were trained with image latents divided by the factor.
    scale = 1 / vae.config.scaling_factor if vae.config.invert_scale_latents else vae.config.scaling_factor
    return rearrange(latents * scale, "b c t h w -> b t c h w")


def decoded_size(latents: torch.Tensor) -> VideoSize:
    """The size of the videos that these latents become; ConditionError for latents of another kind of model."""
    if latents.ndim != 5 or latents.shape[1] != LATENT_CHANNELS:
        raise ConditionError(
            f"These latents are {list(latents.shape)}, not a CogVideoX video's [B, {LATENT_CHANNELS}, T, H, W]; "
            "connect `latent` to Tora2 Sampler."
        )
    return VideoSize.of_latents(*latents.shape[2:])


def decode(vae: Any, latents: torch.Tensor, slicing: str = "off", on_chunk: OnChunk | None = None) -> torch.Tensor:
    """Unscaled latents [B, C, T', H', W'] -> frames [B*T, H, W, 3] in 0..1, float32 on the CPU.

    Args:
        slicing: of ``vae.SLICINGS``; the pictures are the same, only memory and time differ.
        on_chunk: told after each chunk how many of all the videos' chunks are done; what it raises ends the decoding.
    """

    def told(index: int) -> OnChunk | None:
        return None if on_chunk is None else lambda done, of: on_chunk(index * of + done, len(latents) * of)

    videos = [decode_frames(vae, video[None], slicing, told(index)) for index, video in enumerate(latents)]
    return rearrange(torch.cat(videos), "b c t h w -> (b t) h w c")
