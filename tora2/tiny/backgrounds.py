"""Named procedural backgrounds: numpy, deterministic, different with every draw.

Each painter takes a random generator and a size and returns [S, S, 3] float in about 0..1; ``paint`` clips it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Painter = Callable[[np.random.Generator, int], np.ndarray]
BACKGROUNDS: dict[str, tuple[str, Painter]] = {}


def background(name: str, where: str) -> Callable[[Painter], Painter]:
    """Registers a painter under its name and the words that place a scene on it."""

    def register(painter: Painter) -> Painter:
        BACKGROUNDS[name] = (where, painter)
        return painter

    return register


def paint(name: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """[3, S, S] float32 0..1."""
    image = np.clip(BACKGROUNDS[name][1](rng, size), 0, 1)
    image = np.clip((image - 0.5) * rng.uniform(0.9, 1.05) + 0.5 + rng.uniform(-0.04, 0.04), 0, 1)
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)


def where_words(name: str) -> str:
    return BACKGROUNDS[name][0]


def noise(rng: np.random.Generator, size: int, cells: int | tuple[int, int], octaves: int = 1) -> np.ndarray:
    """Smooth value noise [S, S] about 0..1; ``cells`` per side, or (down, across)."""
    down, across = (cells, cells) if isinstance(cells, int) else cells
    total, weight, sum_ = 1.0, 1.0, np.zeros((size, size))
    total = 0.0
    for _ in range(octaves):
        down, across = min(down, size), min(across, size)
        sum_ += weight * _upsample(rng.random((down + 1, across + 1)), size)
        total += weight
        weight, down, across = weight / 2, down * 2, across * 2
    return sum_ / total


def _upsample(grid: np.ndarray, size: int) -> np.ndarray:
    for axis in (0, 1):
        at = np.linspace(0, grid.shape[axis] - 1, size, endpoint=False)
        low = at.astype(int)
        f = at - low
        f = (f * f * (3 - 2 * f)).reshape((-1, 1) if axis == 0 else (1, -1))
        grid = np.take(grid, low, axis) * (1 - f) + np.take(grid, low + 1, axis) * f
    return grid


def mix(low: tuple[float, float, float], high: tuple[float, float, float], amount: np.ndarray) -> np.ndarray:
    return np.asarray(low) + (np.asarray(high) - np.asarray(low)) * amount[..., None]


def _yx(size: int) -> tuple[np.ndarray, np.ndarray]:
    ramp = (np.arange(size) + 0.5) / size
    return np.meshgrid(ramp, ramp, indexing="ij")


@background("sky", "in a blue sky")
def _sky(rng, size):
    y, _ = _yx(size)
    clouds = np.clip((noise(rng, size, (4, 2), 3) - 0.55) * 4, 0, 1) * 0.8
    return mix((0.35, 0.62, 0.95), (0.78, 0.9, 1.0), y) * (1 - clouds[..., None]) + clouds[..., None]


@background("night", "under a night sky")
def _night(rng, size):
    y, _ = _yx(size)
    image = mix((0.02, 0.03, 0.12), (0.10, 0.10, 0.30), y)
    stars = rng.integers(0, size, (int(rng.integers(25, 60)), 2))
    image[stars[:, 0], stars[:, 1]] += rng.uniform(0.4, 0.9, (len(stars), 1))
    return image


@background("grass", "on green grass")
def _grass(rng, size):
    return mix((0.16, 0.42, 0.12), (0.45, 0.72, 0.25), 0.6 * noise(rng, size, (12, 40)) + 0.4 * noise(rng, size, 4))


@background("sand", "on a sandy beach")
def _sand(rng, size):
    y, _ = _yx(size)
    ripple = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(6, 10) * y + 0.8 * noise(rng, size, 3)))
    return mix((0.84, 0.72, 0.48), (0.96, 0.87, 0.66), 0.5 * ripple + 0.5 * noise(rng, size, 32))


@background("ocean", "in the ocean")
def _ocean(rng, size):
    y, _ = _yx(size)
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(7, 12) * y + 1.2 * noise(rng, size, (4, 3), 2)))
    return mix((0.02, 0.28, 0.52), (0.18, 0.58, 0.75), 0.7 * waves + 0.3 * y)


@background("sunset", "at sunset")
def _sunset(rng, size):
    y, x = _yx(size)
    image = np.where(
        y[..., None] < 0.5,
        mix((0.35, 0.16, 0.45), (0.95, 0.42, 0.32), 2 * y),
        mix((0.95, 0.42, 0.32), (1.0, 0.80, 0.40), 2 * y - 1),
    )
    centre = rng.uniform(0.2, 0.8), rng.uniform(0.55, 0.85)
    disc = np.clip((rng.uniform(0.08, 0.13) - np.hypot(x - centre[0], y - centre[1])) * size / 2, 0, 1)
    return image + disc[..., None] * (np.array([1, 0.95, 0.7]) - image)


@background("snow", "in the snow")
def _snow(rng, size):
    return mix((0.80, 0.86, 0.94), (1.0, 1.0, 1.0), noise(rng, size, (5, 3), 2))


@background("brick wall", "in front of a brick wall")
def _bricks(rng, size):
    rows = int(rng.integers(8, 13))
    y, x = _yx(size)
    row = np.floor(y * rows)
    across = x * rows / 2 + 0.5 * (row % 2)
    joint = ((y * rows % 1) < 0.14) | ((across % 1) < 0.07)
    tone = rng.random((rows + 1, rows + 2))[row.astype(int), np.floor(across).astype(int)]
    image = mix((0.50, 0.20, 0.14), (0.72, 0.34, 0.24), 0.7 * tone + 0.3 * noise(rng, size, 24))
    image[joint] = (0.75, 0.71, 0.66)
    return image


@background("checkered floor", "on a checkered floor")
def _checkers(rng, size):
    count = int(rng.integers(5, 9))
    y, x = _yx(size)
    dark = (np.floor(y * count) + np.floor(x * count)) % 2
    shade = rng.uniform(0.15, 0.35)
    return mix((shade, shade, shade), (0.92, 0.92, 0.9), dark)


@background("wooden table", "on a wooden table")
def _wood(rng, size):
    y, _ = _yx(size)
    grain = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(5, 9) * y + 1.1 * noise(rng, size, (6, 2), 2)))
    planks = (y * 4 % 1) < 0.03
    image = mix((0.45, 0.27, 0.13), (0.70, 0.47, 0.26), 0.7 * grain + 0.3 * noise(rng, size, (48, 6)))
    image[planks] *= 0.6
    return image


@background("forest", "in a dark forest")
def _forest(rng, size):
    y, x = _yx(size)
    image = mix((0.05, 0.18, 0.10), (0.18, 0.40, 0.20), noise(rng, size, 10, 2)) * (1.1 - 0.5 * y[..., None])
    for _ in range(int(rng.integers(4, 8))):
        centre, half = rng.random(), rng.uniform(0.015, 0.04)
        trunk = (np.abs(x - centre - 0.02 * np.sin(6 * y)) < half) & (y > rng.uniform(0.0, 0.25))
        image[trunk] = np.array([0.22, 0.14, 0.09]) * rng.uniform(0.7, 1.2)
    return image


@background("desert", "in the desert")
def _desert(rng, size):
    y, x = _yx(size)
    image = mix((0.55, 0.78, 0.95), (0.98, 0.90, 0.75), np.clip(2 * y, 0, 1))
    for level, colour in ((0.45, (0.93, 0.72, 0.42)), (0.62, (0.86, 0.62, 0.33)), (0.8, (0.78, 0.52, 0.26))):
        dune = level + 0.06 * np.sin(2 * np.pi * (rng.uniform(0.6, 1.5) * x + rng.random()))
        image[y > dune] = colour
    return image


@background("mountains", "in front of mountains")
def _mountains(rng, size):
    y, x = _yx(size)
    image = mix((0.55, 0.75, 0.95), (0.90, 0.94, 0.98), y)
    for level, colour in ((0.35, (0.55, 0.60, 0.72)), (0.55, (0.38, 0.44, 0.56)), (0.75, (0.22, 0.33, 0.30))):
        ridge = level + 0.30 * (noise(rng, size, (1, 5), 3)[0] - 0.5)
        image[y > ridge[None, :]] = colour
    return image


@background("city", "in a city")
def _city(rng, size):
    y, x = _yx(size)
    image = mix((0.60, 0.75, 0.90), (0.85, 0.88, 0.92), y)
    edge = 0.0
    while edge < 1:
        width, top = rng.uniform(0.12, 0.24), rng.uniform(0.2, 0.6)
        wall = np.array(mix((0.30, 0.33, 0.40), (0.66, 0.60, 0.56), rng.random((1,)))[0])
        house = (x >= edge) & (x < edge + width - 0.015) & (y > top)
        image[house] = wall
        image[house & ((x - edge) * 24 % 1 > 0.5) & ((y - top) * 18 % 1 > 0.5)] = wall + 0.25
        edge += width
    return image


@background("polka dots", "on polka dots")
def _dots(rng, size):
    count, colours = int(rng.integers(5, 9)), _two_colours(rng)
    y, x = _yx(size)
    distance = np.hypot(y * count % 1 - 0.5, (x * count + 0.5 * (np.floor(y * count) % 2)) % 1 - 0.5)
    return mix(*colours, np.clip((0.30 - distance) * size / count / 1.5, 0, 1))


@background("stripes", "on colorful stripes")
def _stripes(rng, size):
    y, x = _yx(size)
    angle = rng.uniform(0, np.pi)
    wave = np.sin(2 * np.pi * rng.uniform(3, 7) * (x * np.cos(angle) + y * np.sin(angle)))
    return mix(*_two_colours(rng), np.clip(wave * 3 + 0.5, 0, 1))


@background("wall", "in front of a plain wall")
def _wall(rng, size):
    y, x = _yx(size)
    base = rng.uniform(0.3, 0.85, 3)
    return base + 0.10 * (0.5 - y)[..., None] + 0.05 * (x - 0.5)[..., None] * rng.choice([-1, 1])


@background("clouds", "above the clouds")
def _clouds(rng, size):
    y, _ = _yx(size)
    heaps = np.clip((noise(rng, size, (6, 4), 3) - 0.75 + 0.7 * y) * 3, 0, 1)
    return mix((0.30, 0.55, 0.92), (0.97, 0.97, 1.0), heaps)


@background("lava", "over hot lava")
def _lava(rng, size):
    veins = np.abs(noise(rng, size, 5, 3) - 0.5) * 5
    return mix((1.0, 0.65, 0.15), (0.22, 0.06, 0.05), np.clip(veins, 0, 1))


@background("meadow", "in a flower meadow")
def _meadow(rng, size):
    y, x = _yx(size)
    image = mix((0.30, 0.58, 0.22), (0.55, 0.78, 0.36), noise(rng, size, 10, 2))
    for _ in range(int(rng.integers(25, 45))):
        cx, cy, radius = rng.random(), rng.random(), rng.uniform(0.012, 0.028)
        colour = ((0.95, 0.85, 0.25), (0.95, 0.45, 0.55), (0.98, 0.98, 0.95), (0.6, 0.4, 0.85))[rng.integers(4)]
        image[np.hypot(x - cx, y - cy) < radius] = colour
    return image


def _two_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A light and a less light colour that differ visibly."""
    light = rng.uniform(0.7, 1.0, 3)
    return light, np.clip(light - rng.uniform(0.1, 0.55, 3), 0, 1)
