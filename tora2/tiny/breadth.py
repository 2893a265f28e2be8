"""Pictures that are no emoji, for open-set breadth: photographs of things, and random shapes cut out of photographs and
of drawn textures.

An emoji model would learn that things have outlines and flat colours. Photographed things come as Tux Paint's stamps
(cut out, with a line that names them); the shapes have whatever lies in the photographs. Both are for training alone:
evaluation stays on emoji, and a photographed thing whose name is held out is held out here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .backgrounds import mix, noise
from .names import MAX_WORDS
from .squares import to_square

PHOTO, CUT_OUT, TEXTURE = "photo", "cutout", "texture"
STYLES = (PHOTO, CUT_OUT, TEXTURE)
STAMPS = "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
_MATE, _SKIMAGE = "mate-backgrounds/usr/share/backgrounds/mate/nature", "scikit-image/skimage/data"
PHOTOGRAPHS = (
    *(
        f"{_MATE}/{name}.jpg"
        for name in (
            *("Aqua", "Dune", "FreshFlower", "Garden", "GreenMeadow", "LadyBird"),
            *("RainDrops", "Storm", "TwoWings", "Wood", "YellowFlower"),
        )
    ),
    *(f"{_SKIMAGE}/{name}.png" for name in ("astronaut", "brick", "chelsea", "coffee", "grass", "gravel")),
    *(f"{_SKIMAGE}/{name}.jpg" for name in ("hubble_deep_field", "rocket")),
)
KINDS = ("animals", "clothes", "food", "hobbies", "household", "medical", "plants", "space", "sports", "vehicles")
FEWEST_COLOURS = 400  # of a thumbnail; drawings have fewer
SOFT_EDGE = 1.0  # pixels

COLOURS = {
    "black": (0.08, 0.08, 0.08),
    "white": (0.95, 0.95, 0.95),
    "grey": (0.5, 0.5, 0.5),
    "red": (0.8, 0.15, 0.15),
    "green": (0.2, 0.55, 0.2),
    "blue": (0.2, 0.35, 0.8),
    "yellow": (0.9, 0.8, 0.2),
    "orange": (0.9, 0.5, 0.15),
    "purple": (0.5, 0.25, 0.6),
    "pink": (0.9, 0.55, 0.65),
    "brown": (0.42, 0.28, 0.16),
}


@dataclass(frozen=True)
class Extra:
    """``picture`` [4, S, S] uint8 with straight alpha, its name without article, and its style."""

    picture: np.ndarray
    name: str
    style: str


def stamps(folder: Path, size: int) -> list[Extra]:
    """Photographed things of an unpacked Tux Paint stamps folder; drawings and what has no short name are left out."""
    from PIL import Image

    found = []
    for part in KINDS:
        for path in sorted((folder / part).rglob("*.png")):
            label = path.with_suffix(".txt")
            if "cartoon" in path.parts or re.search(r"_(mirror|flip)", path.stem) or not label.is_file():
                continue
            name = stamp_name(label.read_text(encoding="utf-8", errors="ignore").splitlines()[0])
            picture = Image.open(path).convert("RGBA")
            colours = picture.convert("RGB").resize((64, 64)).getcolors(64 * 64)
            square = to_square(picture, size) if name and len(colours) >= FEWEST_COLOURS else None
            if square is not None:
                found.append(Extra(square, name, PHOTO))
    return found


def stamp_name(line: str) -> str | None:
    """``An albino peahen (a female peafowl).`` -> ``albino peahen``; None for sentences and long names."""
    name = re.sub(r"\(.*?\)", "", line).strip(" .!").lower()
    name = re.sub(r"^(an?|the|some) ", "", name)
    name = re.sub(r"[“”‘’\"']", "", name).strip()
    words = name.split()
    if not words or len(words) > MAX_WORDS or re.search(r"[^a-z0-9 \-]|\b(is|was|are|of|our|this|these|by)\b", name):
        return None
    return name


def cut_outs(photographs: Sequence[np.ndarray], count: int, size: int, seed: int = 0) -> list[Extra]:
    """``count`` shapes, each filled with a random part of one of the photographs [H, W, 3] uint8."""
    rng = np.random.default_rng([17, seed])
    return [_cut(rng, _part(rng, photographs[rng.integers(len(photographs))], size), CUT_OUT) for _ in range(count)]


def textures(count: int, size: int, seed: int = 0) -> list[Extra]:
    """``count`` shapes filled with drawn textures."""
    rng = np.random.default_rng([19, seed])
    return [_cut(rng, _texture(rng, size), TEXTURE) for _ in range(count)]


def photographs(paths: Iterable[Path]) -> list[np.ndarray]:
    """Those of the files that are there, at most 1024 pixels wide and high, [H, W, 3] uint8."""
    from PIL import Image

    found = []
    for path in paths:
        if path.is_file():
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
            found.append(np.asarray(picture))
    return found


def colour_name(rgb: np.ndarray) -> str:
    """The nearest of the eleven basic colours to [3] in 0..1."""
    return min(COLOURS, key=lambda name: float(np.square(np.asarray(COLOURS[name]) - rgb).sum()))


def _cut(rng: np.random.Generator, rgb: np.ndarray, style: str) -> Extra:
    size = len(rgb)
    kind = list(SHAPES)[rng.integers(len(SHAPES))]
    alpha = _silhouette(rng, kind, size)
    mean = (rgb * alpha[..., None]).sum((0, 1)) / alpha.sum()
    picture = np.concatenate([rgb, alpha[..., None]], -1)
    picture = (picture * 255).round().clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
    return Extra(np.ascontiguousarray(picture), f"{colour_name(mean)} {kind} {style}", style)


def _part(rng: np.random.Generator, photograph: np.ndarray, size: int) -> np.ndarray:
    """[size, size, 3] float: a window of between an eighth and all of the shorter side, perhaps turned."""
    from PIL import Image

    height, width = photograph.shape[:2]
    side = int(min(height, width) * rng.uniform(0.125, 1.0))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    window = Image.fromarray(photograph[top : top + side, left : left + side])
    window = np.asarray(window.resize((size, size), Image.Resampling.LANCZOS), np.float64) / 255
    window = np.rot90(window, int(rng.integers(4)))
    low, high = np.quantile(window, (0.02, 0.98))  # a dark or hazy part still has something to show
    stretch = rng.uniform(0.3, 1.0)
    return window * (1 - stretch) + ((window - low) / max(high - low, 0.15)).clip(0, 1) * stretch


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two or three colours mixed by noise, stripes, rings, checks or dots."""
    a, b, c = rng.uniform(0, 1, (3, 3))
    ramp = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    angle, often = rng.uniform(0, np.pi), rng.uniform(2, 9)
    bent = 0.5 * rng.random() * noise(rng, size, int(rng.integers(2, 6)), 2)
    along = x * np.cos(angle) + y * np.sin(angle) + bent
    across = y * np.cos(angle) - x * np.sin(angle) + bent
    kind = rng.integers(5)
    if kind == 0:
        share = noise(rng, size, int(rng.integers(2, 12)), 3)
        share = (share - share.min()) / max(np.ptp(share), 1e-6)
    elif kind == 1:
        share = 0.5 + 0.5 * np.sin(2 * np.pi * often * along)
    elif kind == 2:
        share = 0.5 + 0.5 * np.sin(2 * np.pi * often * np.hypot(x - rng.random() + bent, y - rng.random()))
    elif kind == 3:
        share = ((np.floor(along * often) + np.floor(across * often)) % 2).astype(float)
    else:
        share = (np.hypot(along * often % 1 - 0.5, across * often % 1 - 0.5) < rng.uniform(0.2, 0.42)).astype(float)
    image = mix(a, b, share)
    third = noise(rng, size, int(rng.integers(2, 6)))[..., None] > rng.uniform(0.55, 0.8)
    return np.where(third, 0.5 * image + 0.5 * c, image)


def _silhouette(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    """Alpha [size, size] of a shape that nearly fills the square."""
    ramp = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    turn = rng.uniform(0, 2 * np.pi)
    angle, distance = np.arctan2(y, x) + turn, np.hypot(x, y)
    radius = SHAPES[kind](rng, angle % (2 * np.pi))
    radius = radius / radius.max() * 0.96
    return ((radius - distance) * size / 2 / SOFT_EDGE + 0.5).clip(0, 1)


def _blob(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    waves = [(k, rng.normal(0, 0.35 / k), rng.uniform(0, 2 * np.pi)) for k in range(2, 7)]
    return np.maximum(1 + sum(a * np.sin(k * angle + phase) for k, a, phase in waves), 0.25)


def _polygon(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    """A regular polygon with 3 to 7 corners."""
    sector = 2 * np.pi / rng.integers(3, 8)
    return np.cos(sector / 2) / np.cos(angle % sector - sector / 2)


def _star(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    sector, depth = 2 * np.pi / rng.integers(4, 10), rng.uniform(0.35, 0.7)
    return 1 - depth * np.abs(angle % sector / sector * 2 - 1)


def _flower(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    return 1 - rng.uniform(0.2, 0.5) * (0.5 + 0.5 * np.cos(rng.integers(3, 9) * angle))


def _shard(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    """Straight edges between uneven corners."""
    corners = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 9))))
    lengths = rng.uniform(0.5, 1.0, len(corners))
    return np.interp(angle, corners, lengths, period=2 * np.pi)


def _drop(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    return 0.45 + 0.55 * (0.5 + 0.5 * np.cos(angle)) ** rng.uniform(2, 6)


SHAPES = {"blob": _blob, "polygon": _polygon, "star": _star, "flower": _flower, "shard": _shard, "drop": _drop}
