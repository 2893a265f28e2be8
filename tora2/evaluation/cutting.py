"""Cut-outs of things in a video, on neutral grey, as the recognizer knows them from references."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .networks import RECOGNIZER_SIZE

FILL = 1.5  # side of a cut-out in square roots of the thing's area: about as references fill their square
SMALLEST, LARGEST = 0.15, 0.6  # sides, as parts of the canvas


def cut_outs(frames: torch.Tensor, places: torch.Tensor, areas: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """[N, 3, 64, 64] in 0..1: everything but the thing is grey.

    Args:
        frames: [N, 3, H, W] in 0..1.
        places: [N, 2] centres in pixels.
        areas: [N] in square pixels; the cut-out's side follows from it.
        shares: [N, h, w] in 0..1, which of the watcher's places belong to the thing.
    """
    size = frames.shape[-1]
    sides = (FILL * areas.sqrt()).clamp(SMALLEST * size, LARGEST * size)
    ramp = (torch.arange(RECOGNIZER_SIZE) + 0.5) / RECOGNIZER_SIZE - 0.5
    offsets = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"), -1)
    grid = (places[:, None, None] + offsets * sides[:, None, None, None]) / size * 2 - 1
    masks = F.interpolate(shares[:, None], size=frames.shape[-2:], mode="bilinear")
    seen = F.grid_sample(torch.cat([frames, masks], 1), grid, mode="bilinear", align_corners=False)
    # A soft mask would mix in the scene: what is more likely the thing than not is kept whole.
    weight = (seen[:, 3:] * 4 - 1).clamp(0, 1)
    return torch.lerp(torch.full_like(seen[:, :3], 0.5), seen[:, :3], weight)


def gallery_pictures(references: torch.Tensor) -> torch.Tensor:
    """References [K, 3, S, S] in the recognizer's size."""
    size = (RECOGNIZER_SIZE, RECOGNIZER_SIZE)
    return F.interpolate(references, size, mode="bilinear", antialias=True).clamp(0, 1)
