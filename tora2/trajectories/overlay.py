"""Tracks drawn over pictures: the path, the part already travelled, and a dot where the track is now."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont

from .drawing import TrajectoryDocument
from .sampling import SampledTracks, sample

SUPERSAMPLING = 2
"""Lines are drawn this many times larger and shrunk, which smooths them."""

SUBSTEPS = 4
"""Points of a drawn line per frame of the clip; a path's bends between frames show."""

AHEAD, TRAVELLED = 110, 255
"""Opacity of the path, 0..255, before and after the dot has been there."""


def draw_trajectories(
    images: torch.Tensor,
    document: TrajectoryDocument,
    *,
    names: bool = True,
    labels: Mapping[str, str] | None = None,
) -> torch.Tensor:
    """Draw every track that is not hidden over the pictures.

    Args:
        images: [F, H, W, C] float in 0..1, C of 3 or more. One picture gets the whole paths with a dot at their start.
            As many as the clip has frames (or a multiple: several videos in a row) get a moving dot; any other number
            is taken as the clip at another speed.
        document: the drawing, of any canvas size.
        names: write each track's name beside its dot.
        labels: other words for the names, such as an entity's phrase.

    Returns:
        [F, H, W, 3] float32 on the CPU; ``images`` is not changed.
    """
    pictures = images[..., :3].detach().float().cpu().clamp(0, 1)
    count, height, width, _ = pictures.shape
    clip = document.frames if count % document.frames == 0 else count
    times = torch.linspace(0, document.frames - 1, clip, dtype=torch.float64)
    places = sample(document, times)
    steps = torch.linspace(0, document.frames - 1, (document.frames - 1) * SUBSTEPS + 1, dtype=torch.float64)
    lines = sample(document, steps)
    scale = SUPERSAMPLING * torch.tensor([width, height], dtype=torch.float64)
    texts = [(labels or {}).get(name) or name for name in places.names] if names else None
    still = count == 1

    drawn = torch.empty_like(pictures)
    layers: dict[int, Image.Image] = {}  # videos of a batch share the drawing
    for index in range(count):
        frame = index % clip
        if frame not in layers:
            now = float(times[-1]) if still else float(times[frame])
            layers[frame] = _layer(places, lines, scale, frame, now, (width, height), texts)
        drawn[index] = _composite(pictures[index], layers[frame])
    return drawn


def _layer(
    places: SampledTracks,
    lines: SampledTracks,
    scale: torch.Tensor,
    frame: int,
    now: float,
    size: tuple[int, int],
    texts: list[str] | None,
) -> Image.Image:
    """The transparent picture of all tracks at one frame, RGBA."""
    large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    layer = Image.new("RGBA", large, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    thickness = max(1.0, min(size) / 160) * SUPERSAMPLING
    radius = 2.2 * thickness
    for index, color in enumerate(places.colors):
        rgb = ImageColor.getrgb(color)
        path = (lines.points[index] * scale).tolist()
        seen = lines.visible[index].tolist()
        for step in range(1, len(path)):
            if seen[step - 1] and seen[step]:
                opacity = TRAVELLED if lines.times[step] <= now + 1e-6 else AHEAD
                draw.line((*path[step - 1], *path[step]), fill=(*rgb, opacity), width=round(thickness))
    for index, color in enumerate(places.colors):
        if not places.visible[index, frame]:
            continue
        x, y = (places.points[index, frame] * scale).tolist()
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=ImageColor.getrgb(color), outline=(255, 255, 255), width=max(1, round(thickness * 0.7)))
        if texts is not None:
            _write(draw, texts[index], (x, y), radius, large)
    return layer.resize(size, Image.Resampling.LANCZOS)


def _write(
    draw: ImageDraw.ImageDraw, text: str, place: tuple[float, float], radius: float, size: tuple[int, int]
) -> None:
    """Text beside a dot, white with a dark rim, kept inside the picture."""
    font = _font(max(10.0, min(size) / 28))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x = place[0] + radius * 1.4
    if x + right - left > size[0]:
        x = place[0] - radius * 1.4 - (right - left)
    x = min(max(x, 0), max(0, size[0] - (right - left)))
    y = min(max(place[1] - (bottom - top) / 2, 0), max(0, size[1] - (bottom - top)))
    draw.text((x - left, y - top), text, font=font, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))


def _font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow 10.0 knows one size only
        return ImageFont.load_default()


def _composite(picture: torch.Tensor, layer: Image.Image) -> torch.Tensor:
    rgba = torch.from_numpy(np.asarray(layer, dtype=np.float32) / 255)
    alpha = rgba[..., 3:]
    return picture + alpha * (rgba[..., :3] - picture)
