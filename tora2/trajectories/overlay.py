"""Tracks drawn over pictures: the path, the part already travelled, and a dot where the track is now."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ..errors import TrajectoryError
from .drawing import TrajectoryDocument
from .sampling import SampledTracks, sample

SUPERSAMPLING = 2
"""Lines are drawn this many times larger and shrunk, which smooths them."""

SUBSTEPS = 4
"""Points of a drawn line per frame of the clip; a path's bends between frames show."""

WIDE_FONTS = ("msyh.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "NotoSansCJK-Regular.ttc", "DejaVuSans.ttf")
"""Fonts with more than Latin letters, as Windows, macOS and Linux name their files."""

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

    Raises:
        TrajectoryError: there is no picture.
    """
    pictures = images[..., :3].detach().float().cpu().clamp(0, 1)
    count, height, width, _ = pictures.shape
    if not count:
        raise TrajectoryError("There is no picture to draw the trajectories on; connect at least one.")
    clip = document.frames if count % document.frames == 0 else count
    times = torch.linspace(0, document.frames - 1, clip, dtype=torch.float64)
    places = sample(document, times)
    steps = torch.linspace(0, document.frames - 1, (document.frames - 1) * SUBSTEPS + 1, dtype=torch.float64)
    lines = sample(document, steps)
    texts = [(labels or {}).get(name) or name for name in places.names] if names else None
    # Videos of a batch share the layers.
    layers = track_layers(places, lines, (width, height), texts, whole=count == 1)
    return torch.stack([_composite(picture, layers[index % clip]) for index, picture in enumerate(pictures)])


def track_layers(
    places: SampledTracks,
    lines: SampledTracks,
    size: tuple[int, int],
    texts: list[str] | None = None,
    *,
    whole: bool = False,
) -> list[Image.Image]:
    """Transparent RGBA pictures of the tracks, one for each time of ``places``.

    Args:
        places: where the dots are.
        lines: the same tracks at the times between which straight lines are drawn.
        size: (width, height) in pixels.
        texts: what stands beside the dots.
        whole: show the whole paths as travelled, as a plan of the motion.
    """
    canvas = _Canvas(places, lines, SUPERSAMPLING * torch.tensor(size, dtype=torch.float64), size, texts)
    return [canvas.layer(frame, math.inf if whole else float(time)) for frame, time in enumerate(places.times)]


class _Canvas:
    """The drawing, enlarged. The travelled part of the paths only grows, so each frame adds its own stretch."""

    def __init__(
        self,
        places: SampledTracks,
        lines: SampledTracks,
        scale: torch.Tensor,
        size: tuple[int, int],
        texts: list[str] | None,
    ):
        self.places, self.texts, self.scale = places, texts, scale
        self.colors = [ImageColor.getrgb(color) for color in places.colors]
        self.thickness = max(1.3, min(size) / 140) * SUPERSAMPLING
        self.times = lines.times.tolist()
        self.paths = (lines.points * scale).tolist()
        self.seen = (lines.visible[:, :-1] & lines.visible[:, 1:]).tolist()
        self.done = 0
        self.paper = Image.new("RGBA", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING), (0, 0, 0, 0))
        self._stretch(0, len(self.times) - 1, AHEAD)

    def layer(self, frame: int, until: float) -> Image.Image:
        """The transparent picture at one frame, RGBA, with the paths travelled up to the time ``until``."""
        reached = sum(time <= until + 1e-6 for time in self.times[1:])
        self._stretch(self.done, reached, TRAVELLED)
        self.done = max(self.done, reached)
        picture = self.paper.copy()
        draw = ImageDraw.Draw(picture)
        radius = 2.0 * self.thickness
        for index, color in enumerate(self.colors):
            if not self.places.visible[index, frame]:
                continue
            x, y = (self.places.points[index, frame] * self.scale).tolist()
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=color, outline=(255, 255, 255), width=max(1, round(self.thickness * 0.7)))
            if self.texts is not None:
                _write(draw, self.texts[index], (x, y), radius, picture.size)
        return picture.reduce(SUPERSAMPLING)

    def _stretch(self, first: int, last: int, opacity: int) -> None:
        draw = ImageDraw.Draw(self.paper)
        for color, path, seen in zip(self.colors, self.paths, self.seen, strict=True):
            for step in range(first, last):
                if seen[step]:
                    line = (*path[step], *path[step + 1])
                    draw.line(line, fill=(*color, opacity), width=round(self.thickness))


def _write(
    draw: ImageDraw.ImageDraw, text: str, place: tuple[float, float], radius: float, size: tuple[int, int]
) -> None:
    """Text beside a dot, white with a dark rim, kept inside the picture."""
    font = _font(text, max(9.0 * SUPERSAMPLING, min(size) / 28))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x = place[0] + radius * 1.4
    if x + right - left > size[0]:
        x = place[0] - radius * 1.4 - (right - left)
    x = min(max(x, 0), max(0, size[0] - (right - left)))
    y = min(max(place[1] - (bottom - top) / 2, 0), max(0, size[1] - (bottom - top)))
    draw.text((x - left, y - top), text, font=font, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))


def _font(text: str, size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own font has Latin letters only; for others the system may have one."""
    for name in () if text.isascii() else WIDE_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _composite(picture: torch.Tensor, layer: Image.Image) -> torch.Tensor:
    rgba = torch.from_numpy(np.asarray(layer, dtype=np.float32) / 255)
    alpha = rgba[..., 3:]
    return picture + alpha * (rgba[..., :3] - picture)
