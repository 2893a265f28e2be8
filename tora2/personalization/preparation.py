"""A reference picture made ready for the encoders: background removed, cropped to the entity, square.

The paper takes the background away with the entity's mask, so that an encoder describes the entity and not the place
where it was photographed. Everything here is plain torch on [H, W, C] pictures in 0..1, as ComfyUI keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ..errors import EncoderError

NEUTRAL = 0.5
"""Background grey. Mid grey is near zero after every encoder's normalisation, so it says as little as possible."""

MARGIN = 0.1
"""Free space around the entity on each side, as a part of the longer side of its box."""


def prepare_reference(
    image: torch.Tensor,
    mask: torch.Tensor | None,
    size: int,
    *,
    margin: float = MARGIN,
    background: float | Sequence[float] = NEUTRAL,
) -> torch.Tensor:
    """Return the entity as [3, size, size] float32 in 0..1. See :func:`square_reference` for the arguments."""
    return resize(square_reference(image, mask, margin=margin, background=background), size)


def square_reference(
    image: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    margin: float = MARGIN,
    background: float | Sequence[float] = NEUTRAL,
) -> torch.Tensor:
    """Put the entity in the middle of a square of the background colour, at the picture's own resolution.

    Args:
        image: [H, W, 3] float 0..1; also [H, W], [H, W, 1], [H, W, 4] (alpha serves as the mask if none is given), a
            batch of one in front of these, and uint8.
        mask: [h, w] in 0..1, 1 on the entity, of any size (it is stretched over the picture); soft edges are blended.
            None, with no alpha, keeps the whole picture and only pads it to a square.
        margin: free space around the mask's box on each side, as a part of its longer side.
        background: one grey or three values in 0..1.

    Returns:
        [3, side, side] float32 in 0..1.

    Raises:
        EncoderError: the picture or the mask cannot be used.
    """
    picture, alpha = _read_image(image)
    colour = _background(background).to(picture.device)[:, None, None]
    if mask is None:
        mask = alpha
        if mask is None:
            _, height, width = picture.shape
            return _window(picture, (height / 2, width / 2), max(height, width), colour)
    mask = _read_mask(mask, picture.shape[1:]).to(picture.device)
    top, bottom, left, right = _box(mask)
    side = max(1, round(max(bottom - top, right - left) * (1 + 2 * margin)))
    centre = ((top + bottom) / 2, (left + right) / 2)
    weight = _window(mask[None], centre, side, torch.zeros(1, 1, 1, device=mask.device))
    return torch.lerp(colour, _window(picture, centre, side, colour), weight)


def resize(image: torch.Tensor, size: int) -> torch.Tensor:
    """Resize [..., 3, H, W] to [..., 3, size, size] with antialiased bicubic interpolation, clamped to 0..1."""
    if tuple(image.shape[-2:]) == (size, size):
        return image
    lead = image.shape[:-3]
    flat = image.reshape(-1, *image.shape[-3:]).float()
    flat = F.interpolate(flat, (size, size), mode="bicubic", align_corners=False, antialias=True)
    return flat.clamp(0, 1).reshape(*lead, *flat.shape[-3:])


def _read_image(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return [3, H, W] float32 in 0..1 and the alpha channel [H, W] or None."""
    image = _floats(image, "reference image")
    if image.ndim == 4:
        if image.shape[0] != 1:
            raise EncoderError(
                f"An entity takes one reference image, but this is a batch of {image.shape[0]}: pick one of them, or "
                "add one entity for each."
            )
        image = image[0]
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4):
        raise EncoderError(
            f"A reference image is [height, width, channels] with 1, 3 or 4 channels, but this has shape "
            f"{list(image.shape)}."
        )
    image = image.movedim(-1, 0)
    alpha = image[3] if image.shape[0] == 4 else None
    return image[:3].expand(3, -1, -1), alpha


def entity_mask(mask: torch.Tensor | None, shows: str) -> torch.Tensor | None:
    """A mask that is 1 on the entity, of one that may mark the entity or all the rest.

    ComfyUI's LoadImage marks what is transparent, its mask editor what was painted, and both come out of one socket.

    Args:
        mask: [..., h, w] in 0..1; None stays None.
        shows: ``entity``, ``background``, or ``auto``: the border belongs to the background, and a mask without any
            difference (LoadImage's of a picture without transparency) says nothing.
    """
    if mask is None or shows == "entity":
        return mask
    if shows == "auto":
        if mask.numel() == 0 or mask.max() == mask.min():
            return None
        rows, columns = mask[..., [0, -1], :], mask[..., 1:-1, :][..., [0, -1]]
        border = torch.cat([rows.flatten(), columns.flatten()])
        if border.float().mean() < 0.5:
            return mask
    return 1 - mask


def _read_mask(mask: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return the mask as [H, W] float32 in 0..1 of the picture's size."""
    mask = _floats(mask, "mask")
    if mask.ndim == 3 and mask.shape[-1] == 1 and mask.shape[0] != 1:  # [h, w, 1]
        mask = mask[..., 0]
    while mask.ndim > 2 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim != 2:
        raise EncoderError(
            f"An entity takes one mask [height, width], but this has shape {list(mask.shape)}: give one mask for each "
            "reference image."
        )
    if tuple(mask.shape) != tuple(size):
        mask = F.interpolate(mask[None, None], tuple(size), mode="bilinear", align_corners=False, antialias=True)[0, 0]
    return mask.clamp(0, 1)


def _floats(values: torch.Tensor, what: str) -> torch.Tensor:
    if not isinstance(values, torch.Tensor):
        raise EncoderError(f"The {what} is a torch tensor, but this is {type(values).__name__}.")
    if values.numel() == 0:
        raise EncoderError(f"The {what} is empty (shape {list(values.shape)}): connect a picture with pixels.")
    if values.dtype == torch.uint8:
        return values.float() / 255
    values = values.detach().float()
    if not torch.isfinite(values).all():
        raise EncoderError(f"The {what} holds values that are not numbers (NaN or infinity): load it anew.")
    return values.clamp(0, 1)


def _box(mask: torch.Tensor) -> tuple[int, int, int, int]:
    """Top, bottom, left, right (ends exclusive) of the mask; pixels of at least half its peak (at most 0.5) count."""
    peak = mask.max().item()
    if peak < 1 / 255:
        raise EncoderError(
            "The mask marks nothing, so no entity is left of the reference image: paint the entity, invert the mask if "
            "it marks the background, or disconnect it (LoadImage's mask of a picture without transparency is empty)."
        )
    inside = mask >= min(0.5, peak / 2)
    rows, columns = inside.any(1).nonzero()[:, 0], inside.any(0).nonzero()[:, 0]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _window(image: torch.Tensor, centre: tuple[float, float], side: int, fill: torch.Tensor) -> torch.Tensor:
    """Cut a square of ``side`` pixels around ``centre`` out of [C, H, W]; ``fill`` where it reaches past the edge."""
    channels, height, width = image.shape
    top, left = round(centre[0] - side / 2), round(centre[1] - side / 2)
    result = fill.to(image).expand(channels, side, side).clone()
    y0, y1, x0, x1 = max(top, 0), min(top + side, height), max(left, 0), min(left + side, width)
    result[:, y0 - top : y1 - top, x0 - left : x1 - left] = image[:, y0:y1, x0:x1]
    return result


def _background(value: float | Sequence[float]) -> torch.Tensor:
    colour = torch.as_tensor(value, dtype=torch.float32).flatten()
    if colour.numel() not in (1, 3) or not ((colour >= 0) & (colour <= 1)).all():
        raise EncoderError(f"The background is one grey or three values in 0..1, not {value!r}.")
    return colour.expand(3)
