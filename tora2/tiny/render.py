"""Plans of clips -> pixels, batched torch on any device: affine sampling of pictures and compositing with alpha.

All pictures are premultiplied RGBA, so that interpolation never mixes in the colour of transparent pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

SOFTEST = 8  # pixels across, of the strongest blur


def low_pass(picture: torch.Tensor, pixels: float) -> torch.Tensor:
    """[4, P, P] -> the same size, blurred to what ``pixels`` across can show (else a small copy would flicker)."""
    size = picture.shape[-1]
    target = max(SOFTEST, round(pixels))
    if target >= size:
        return picture
    small = F.interpolate(picture[None], size=(target, target), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)[0]


def low_pass_matrices(size: int) -> torch.Tensor:
    """[size + 1, size, size]: row n of the table is ``low_pass`` to n pixels along one axis, so that
    ``table[n] @ picture @ table[n].T`` blurs whole batches of pictures, each to its own sharpness."""
    table = torch.eye(size).repeat(size + 1, 1, 1)
    for pixels in range(size):
        target = max(SOFTEST, pixels)
        if target < size:
            small = F.interpolate(table[-1:, None], (target, size), mode="bilinear", antialias=True)
            table[pixels] = F.interpolate(small, (size, size), mode="bilinear")[0, 0]
    return table


def blurred(pictures: torch.Tensor, pixels: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """``low_pass`` of pictures [N, 4, P, P] to ``pixels`` [N] int, with the table of :func:`low_pass_matrices`."""
    along = table[pixels.clamp(0, len(table) - 1)]
    return along[:, None] @ pictures @ along[:, None].transpose(-1, -2)


def centroid(picture: torch.Tensor) -> torch.Tensor:
    """[2] centre of the alpha's mass in grid coordinates (-1..1, x then y)."""
    alpha = picture[3]
    ramp = (torch.arange(alpha.shape[-1]) + 0.5) / alpha.shape[-1] * 2 - 1
    mass = alpha.sum()
    return torch.stack([(alpha.sum(0) * ramp).sum(), (alpha.sum(1) * ramp).sum()]) / mass


def recolour(
    picture: torch.Tensor,
    gain: float | torch.Tensor,
    contrast: float | torch.Tensor,
    saturation: float | torch.Tensor,
) -> torch.Tensor:
    """Brightness, contrast about mid grey and saturation of a premultiplied picture [..., 4, H, W]; the three may be
    tensors [..., 1, 1, 1]."""
    rgb, alpha = picture[..., :3, :, :], picture[..., 3:, :, :]
    grey = rgb.mean(-3, keepdim=True)
    rgb = (grey + (rgb - grey) * saturation) * contrast + alpha * 0.5 * (1 - contrast)
    return torch.cat([torch.minimum((rgb * gain).clamp_min(0), alpha), alpha], -3)


def placement(centre: torch.Tensor, size: torch.Tensor, angle: torch.Tensor, pivot: torch.Tensor) -> torch.Tensor:
    """Affine matrices [..., 2, 3] from canvas to picture coordinates, for ``affine_grid``.

    ``centre`` [..., 2] in 0..1 is where the picture's ``pivot`` [..., 2] (grid coordinates) goes, ``size`` [..., 2] the
    picture's width and height as parts of the canvas (a negative width mirrors it), ``angle`` [...] radians.
    """
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrix = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2) / size[..., :, None]
    shift = pivot - (matrix @ (centre * 2 - 1)[..., None])[..., 0]
    return torch.cat([matrix, shift[..., None]], -1)


def sample(pictures: torch.Tensor, matrices: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures [M, 4, P, P] seen through matrices [M, T, 2, 3] -> layers [M, T, 4, size, size]."""
    count, frames = matrices.shape[:2]
    # The frames of one picture stand below one another in one tall grid: the picture is not copied per frame.
    grid = F.affine_grid(matrices.reshape(-1, 2, 3), (count * frames, 1, size, size), align_corners=False)
    grid = grid.reshape(count, frames * size, size, 2)
    layers = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return layers.reshape(count, 4, frames, size, size).transpose(1, 2)


def composite(background: torch.Tensor, layers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Background [B, 3, H, W] and layers [B, E, T, 4, H, W], back to front -> video [B, T, 3, H, W] in 0..1, the masks
    that stay visible [B, E, T, H, W] and the visible part of each entity's own area inside the canvas [B, E, T]."""
    alpha = layers[:, :, :, 3]
    video = background[:, None].expand(-1, layers.shape[2], -1, -1, -1)
    for e in range(layers.shape[1]):
        video = video * (1 - alpha[:, e, :, None]) + layers[:, e, :, :3]
    free, masks = torch.ones_like(alpha[:, 0]), []
    for e in reversed(range(layers.shape[1])):
        masks.append(alpha[:, e] * free)
        free = free * (1 - alpha[:, e])
    masks = torch.stack(masks[::-1], 1)
    shown = masks.sum((-1, -2)) / alpha.sum((-1, -2)).clamp_min(1e-3)
    return video, masks, shown


def on_grey(layer: torch.Tensor, grey: float = 0.5) -> torch.Tensor:
    """Premultiplied [..., 4, H, W] -> [..., 3, H, W] on a neutral background."""
    return layer[..., :3, :, :] + grey * (1 - layer[..., 3:, :, :])
