"""The motion map that the video VAE sees: displacements spread by Gaussians, then coded as colours.

Matches alibaba/Tora v1's map (its ``process_traj`` followed by torchvision's ``flow_to_image``) for points on whole
pixels wherever no two tracks share a pixel in a frame; there Tora keeps the last track and we add. Here points need not
be on whole pixels.
"""

from __future__ import annotations

import torch

from . import colorwheel

# Displacements are float64 differences; what is smaller is rounding, and at the wheel's seam its sign would flicker.
_REST = 1e-6
# A Gaussian map of one frame at 480x720 is 2.8 MB; a few frames at a time keep intermediates small.
_PIXELS_AT_ONCE = 4_000_000


def motion_flow(
    points_px: torch.Tensor,
    visible: torch.Tensor,
    height: int,
    width: int,
    sigma: float = 10.0,
    window: int = 99,
) -> torch.Tensor:
    """Dense motion of sparse tracks.

    At frame t > 0 every track adds its displacement p(t) - p(t-1) at p(t-1), spread by a Gaussian of peak 1 that is cut
    off beyond (window - 1) / 2 pixels in x or y. Borders reflect as OpenCV's reflect-101 does (the border pixel is not
    repeated). A track that is invisible at t-1 or at t, or whose p(t-1) is off the canvas, adds nothing. Frame 0 is
    zero.

    Args:
        points_px: [B?, N, T, 2] x and y in pixels; pixel centres are whole numbers, the canvas is 0..width, 0..height.
        visible: [B?, N, T] bool.
        height, width: at least 2.
        sigma: pixels. window: odd, pixels.

    Returns:
        [B?, T, 2, H, W] float32 on the points' device.
    """
    if points_px.ndim == 3:
        return motion_flow(points_px[None], visible[None], height, width, sigma, window)[0]
    if points_px.ndim != 4 or points_px.shape[-1] != 2 or visible.shape != points_px.shape[:-1]:
        raise ValueError(f"points {tuple(points_px.shape)} and visible {tuple(visible.shape)} do not fit together")
    if height < 2 or width < 2 or window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError(f"no motion map of {width}x{height} with sigma {sigma} and window {window}")
    batch, _, frames, _ = points_px.shape
    flow = torch.zeros(batch, frames, 2, height, width, dtype=torch.float32, device=points_px.device)
    if points_px.device.type in ("cpu", "cuda"):  # others may have no float64
        points_px = points_px.double()
    source, target = points_px[:, :, :-1], points_px[:, :, 1:]
    size = torch.tensor([width, height], dtype=points_px.dtype, device=points_px.device)
    inside = ((source >= -_REST) & (source <= size + _REST)).all(-1)
    moving = visible[:, :, :-1] & visible[:, :, 1:] & inside
    shift = torch.where(moving[..., None], target - source, 0.0)
    shift = torch.where(shift.abs() < _REST, 0.0, shift).transpose(1, 2)  # [B, T-1, N, 2]
    source = torch.where(moving[..., None], source, 0.0).transpose(1, 2)
    step = max(1, _PIXELS_AT_ONCE // (batch * height * width))
    for begin in range(0, frames - 1, step):
        part = slice(begin, begin + step)
        across = _spread(source[:, part, :, 0], width, sigma, window)  # [B, t, N, W]
        down = _spread(source[:, part, :, 1], height, sigma, window)  # [B, t, N, H]
        rows = torch.einsum("btnc,btnh->btchn", shift[:, part].float(), down)
        flow[:, begin + 1 : begin + 1 + rows.shape[1]] = (rows.flatten(2, 3) @ across).unflatten(2, (2, height))
    return flow


def flow_to_color(flow: torch.Tensor) -> torch.Tensor:
    """Colour-coded clips: flow [..., T, 2, H, W] -> [..., T, 3, H, W] uint8.

    Each clip is divided by its longest vector (plus float32's epsilon, as torchvision does); a clip at rest is white.
    """
    height, width = flow.shape[-2:]
    result = torch.empty(*flow.shape[:-3], 3, height, width, dtype=torch.uint8, device=flow.device)
    if not result.numel():
        return result
    clips, images = (
        flow.flatten(0, -5) if flow.ndim > 4 else flow[None],
        result.view(-1, flow.shape[-4], 3, height, width),
    )
    step = max(1, _PIXELS_AT_ONCE // (height * width))
    longest = torch.stack([_longest(clip, step) for clip in clips]) + torch.finfo(torch.float32).eps
    longest = longest.repeat_interleave(flow.shape[-4])[:, None, None, None]
    frames, images = clips.flatten(0, 1), images.flatten(0, 1)
    for begin in range(0, len(frames), step):
        part = slice(begin, begin + step)
        images[part] = colorwheel.colors(frames[part].float() / longest[part])
    return result


def _longest(clip: torch.Tensor, step: int) -> torch.Tensor:
    """Length of the longest vector of a clip [T, 2, H, W]."""
    return torch.stack([part.float().square().sum(1).max() for part in clip.split(step)]).max().sqrt()


def _spread(place: torch.Tensor, size: int, sigma: float, window: int) -> torch.Tensor:
    """Weights [..., size] float32 that a source at ``place`` [...] has on each pixel of one axis, reflections included.

    Reflect-101 means that a pixel sees, beyond the border, the mirror images of sources. On the border itself source
    and image are one and count once; for places between pixels the image fades in over the first pixel, which keeps the
    map continuous and exact at whole pixels.
    """
    half = window // 2
    period = 2 * (size - 1)
    pixels = torch.arange(size, dtype=place.dtype, device=place.device)
    image_weight = torch.minimum(place, size - 1 - place).clamp(0.0, 1.0)
    total = torch.zeros(*place.shape, size, dtype=place.dtype, device=place.device)
    reach = -(-(half + 1) // period)
    for turn in range(-reach, reach + 1):
        for sign, weight in ((1.0, None), (-1.0, image_weight)):
            distance = pixels - (sign * place + turn * period)[..., None]
            bell = torch.exp(-0.5 * (distance / sigma) ** 2).masked_fill_(distance.abs() > half, 0.0)
            total += bell if weight is None else bell * weight[..., None]
    return total.float()
