"""Where tracking starts: at a drawing's own first places, spread evenly over an area, or at its strongest corners."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import TrackingError
from ..trajectories import SampledTracks
from .points import import_opencv, to_bytes

SAMPLES = 4096  # places of the area that are looked at
ROUNDS = 12


def drawn_starts(sampled: SampledTracks, width: int, height: int) -> tuple[torch.Tensor, list[int]]:
    """[N, 3] frame, x and y in pixels of each track's first visible place, and which tracks these are; tracks that are
    never visible have none. Frames count the sampled times."""
    shown = [index for index in range(len(sampled.names)) if bool(sampled.visible[index].any())]
    frames = sampled.visible[shown].int().argmax(1)
    places = sampled.pixels(width, height)[shown, frames]
    return torch.cat([frames[:, None].double(), places], 1), shown


def starts_in(picture: torch.Tensor, kind: str, count: int, mask: torch.Tensor | None = None) -> torch.Tensor:
    """[N, 3] frame 0, x and y in pixels of up to ``count`` places of a picture [H, W, 3] in 0..1.

    Args:
        kind: one of ``settings.STARTS``. ``even``: spread evenly, a single one in the middle; ``features``: the
            strongest corners.
        mask: [h, w] in 0..1 of any size, 1 where places may be; None is the whole picture.
    """
    height, width = picture.shape[:2]
    area = torch.ones(height, width, dtype=torch.bool) if mask is None else _fitted(mask, height, width)
    if not bool(area.any()):
        raise TrackingError("The mask is empty, so there is nothing to follow; paint it white on the thing.")
    places = _even(area, count) if kind == "even" else _corners(picture, area, count)
    return torch.cat([torch.zeros(len(places), 1, dtype=torch.float64), places + 0.5], 1)


def _fitted(mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    mask = mask.detach().float().cpu()[None, None]
    return F.interpolate(mask, size=(height, width), mode="bilinear", align_corners=False)[0, 0] > 0.5


def _even(area: torch.Tensor, count: int) -> torch.Tensor:
    """[N, 2] x, y of pixels of the area that split it into parts of about one size (k-means)."""
    pixels = area.nonzero().flip(-1).double()
    pixels = pixels[:: max(1, len(pixels) // SAMPLES)]
    centres = [pixels[(pixels - pixels.mean(0)).norm(dim=-1).argmin()]]
    nearest = (pixels - centres[0]).norm(dim=-1)
    while len(centres) < min(count, len(pixels)):
        centres.append(pixels[nearest.argmax()])
        nearest = torch.minimum(nearest, (pixels - centres[-1]).norm(dim=-1))
    middles = torch.stack(centres)
    for _ in range(ROUNDS if len(middles) > 1 else 0):
        owner = torch.cdist(pixels, middles).argmin(1)
        total = torch.zeros_like(middles).index_add_(0, owner, pixels)
        size = torch.bincount(owner, minlength=len(middles))[:, None]
        middles = torch.where(size > 0, total / size.clamp(min=1), middles)
    # The middle of a bent part may lie outside it.
    found = pixels[torch.cdist(middles, pixels).argmin(1)]
    return found[(found[:, 1] * area.shape[1] + found[:, 0]).argsort()]


def _corners(picture: torch.Tensor, area: torch.Tensor, count: int) -> torch.Tensor:
    cv2 = import_opencv()
    grey = cv2.cvtColor(to_bytes(picture[None])[0], cv2.COLOR_RGB2GRAY)
    apart = max(2.0, 0.5 * math.sqrt(float(area.sum()) / count))
    found = cv2.goodFeaturesToTrack(grey, count, 0.01, apart, mask=area.numpy().astype(np.uint8) * 255)
    if found is None or not len(found):
        raise TrackingError("Nothing stands out where tracking should start; choose points even, or another mask.")
    return torch.from_numpy(found.reshape(-1, 2)).double()
