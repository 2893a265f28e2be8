"""Optical flow as colours: the Middlebury wheel.

Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", ICCV 2007. Hue is direction, saturation
is speed, white is rest. Behaves as torchvision's ``flow_to_image``, without needing torchvision.
"""

from __future__ import annotations

import functools

import torch

# Steps between red, yellow, green, cyan, blue, magenta and red again; hues are spaced as the eye tells them apart.
_STEPS = (15, 6, 4, 11, 13, 6)
# Per step: the channel that changes and whether it rises. Starts at pure red.
_CHANGES = ((1, True), (0, False), (2, True), (1, False), (0, True), (2, False))


@functools.lru_cache(maxsize=1)
def wheel() -> torch.Tensor:
    """[55, 3] float32 in 0..255, whole numbers."""
    rows = []
    color = [255, 0, 0]
    for steps, (channel, rises) in zip(_STEPS, _CHANGES, strict=True):
        for step in range(steps):
            ramp = 255 * step // steps
            color[channel] = ramp if rises else 255 - ramp
            rows.append(tuple(color))
        color[channel] = 255 if rises else 0
    return torch.tensor(rows, dtype=torch.float32)


def colors(flow: torch.Tensor) -> torch.Tensor:
    """Colours of flow [..., 2, H, W] whose vectors are at most 1 long -> [..., 3, H, W] uint8, floored."""
    table = wheel().to(flow.device) / 255.0
    count = len(table)
    u, v = flow.float().unbind(-3)
    speed = torch.sqrt(u * u + v * v)
    # Rightwards is the wheel's seam: v = +0.0 is its first entry, v = -0.0 its last.
    place = (torch.atan2(-v, -u) / torch.pi + 1) / 2 * (count - 1)
    low = place.floor().long().clamp_(0, count - 1)
    share = (place - low)[..., None]
    hue = (1 - share) * table[low] + share * table[(low + 1) % count]
    return (255 * (1 - speed[..., None] * (1 - hue))).floor().to(torch.uint8).movedim(-1, -3)
