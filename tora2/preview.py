"""Latents seen without decoding them: a linear map from a latent's channels to colours, fitted to the VAE itself, and
the paths that were asked for drawn over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image

from .conditions import MotionConditions
from .memory.placement import compute_device
from .trajectories.overlay import track_layers
from .trajectories.sampling import SampledTracks

CALIBRATION_SIDE = 256
CALIBRATION_SEED = 7
CELL = 8
"""Pixels of the video that a latent cell stands for."""


@dataclass(frozen=True)
class LatentColors:
    """RGB in 0..1 of a latent cell: ``cell @ weight + bias``.

    Attributes:
        weight: [C, 3] float32 on the CPU.
        bias: [3].
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def picture(self, latents: torch.Tensor, frame: int = 0) -> torch.Tensor:
        """One latent frame of the first of unscaled latents [B, C, T', H', W'] as uint8 [H', W', 3] on the CPU."""
        cells = latents[0, :, frame % latents.shape[2]].detach().float().cpu().movedim(0, -1)
        return (cells @ self.weight + self.bias).clamp(0, 1).mul(255).round().to(torch.uint8)


class FormingVideo:
    """The first video of a batch while it is denoised, as small pictures with the asked paths over them.

    Args:
        colors: of the model's latents.
        motion: what the video was asked to follow; None draws nothing.
        side: longest side of a picture in pixels; never larger than the video.
    """

    def __init__(self, colors: LatentColors, motion: MotionConditions | None = None, side: int = 512):
        self.colors, self.motion, self.side = colors, motion, side
        self._layers: list[Image.Image] = []

    def pictures(self, latents: torch.Tensor) -> list[Image.Image]:
        """One RGB picture for each latent frame of unscaled latents [B, C, T', H', W'] on the CPU."""
        frames, height, width = latents.shape[2:]
        enlarge = min(CELL, self.side / max(height, width))
        size = (round(width * enlarge), round(height * enlarge))
        made = []
        for frame in range(frames):
            picture = Image.fromarray(self.colors.picture(latents, frame).numpy())
            made.append(picture.resize(size, Image.Resampling.BICUBIC))
        for picture, layer in zip(made, self._tracks(frames, size), strict=False):
            picture.paste(layer, (0, 0), layer)
        return made

    def _tracks(self, frames: int, size: tuple[int, int]) -> list[Image.Image]:
        motion = self.motion
        if motion is None or not motion.colors or motion.points.shape[1] != frames:
            return []
        if not self._layers or self._layers[0].size != size:
            times = torch.arange(frames, dtype=torch.float64)
            points, visible = motion.points.double().cpu(), motion.visible.cpu()
            tracks = SampledTracks(points, visible, motion.names, motion.colors, times)
            self._layers = track_layers(tracks, tracks, size)
        return self._layers


@torch.no_grad()
def fit_latent_colors(vae: Any) -> LatentColors:
    """Fit the map by least squares on pictures of soft random colours, sent once through the VAE's encoder.

    It takes one frame of 256x256 pixels, and needs no table of factors for each VAE.

    Args:
        vae: AutoencoderKLCogVideoX, on its device.
    """
    generator = torch.Generator().manual_seed(CALIBRATION_SEED)
    coarse = torch.rand(1, 3, 12, 12, generator=generator)
    pixels = F.interpolate(coarse, (CALIBRATION_SIDE, CALIBRATION_SIDE), mode="bicubic").clamp(0, 1)
    latents = vae.encode((pixels * 2 - 1)[:, :, None].to(compute_device(vae), vae.dtype)).latent_dist.mode()[0, :, 0]
    cells = rearrange(latents.float().cpu(), "c h w -> (h w) c")
    colors = rearrange(F.adaptive_avg_pool2d(pixels, latents.shape[-2:])[0], "c h w -> (h w) c")
    known = torch.cat([cells, torch.ones(len(cells), 1)], dim=1).double()
    # A little ridge: channels that say nothing about colour must not get large opposite weights.
    ridge = 1e-4 * len(cells) * torch.eye(known.shape[1], dtype=torch.float64)
    ridge[-1, -1] = 0
    solved = torch.linalg.solve(known.T @ known + ridge, known.T @ colors.double()).float()
    return LatentColors(solved[:-1], solved[-1])
