"""Small synthetic videos with known motion."""

from __future__ import annotations

import torch


def texture(height, width, seed=0, cells=6):
    """[H, W, 3] smooth noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 3, height // cells, width // cells, generator=generator)
    return torch.nn.functional.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)


def moving_square(shifts, side=30, height=80, width=120):
    """[T, H, W, 3]: a textured square whose left upper corner is at ``shifts`` [T] (x, y), on a textured ground."""
    video = texture(height, width)[None].repeat(len(shifts), 1, 1, 1)
    thing = texture(side, side, seed=1, cells=5)
    for frame, (x, y) in zip(video, shifts, strict=True):
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + side, width), min(y + side, height)
        if right > left and bottom > top:
            frame[top:bottom, left:right] = thing[top - y : bottom - y, left - x : right - x]
    return video
