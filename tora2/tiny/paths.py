"""Paths of the world's entities: smooth, sharp, straight, round, swinging or none, at many speeds and with pauses.

Every path is [T, 2] float64, x and y in 0..1 of the canvas (a little outside where an entity enters or leaves).
Positions follow arc length, as trajectory documents are sampled, so speeds are even along bends unless a pause or an
ease says otherwise.
"""

from __future__ import annotations

import math

import numpy as np

KINDS = ("smooth", "sharp", "line", "round", "swing", "static")
WEIGHTS = (0.34, 0.16, 0.20, 0.12, 0.08, 0.10)
MARGIN = 0.12  # of the canvas, kept free by way points
MAX_STEP = 0.085  # of the canvas, the longest way per frame


def draw_path(
    rng: np.random.Generator, frames: int, kind: str | None = None, start: np.ndarray | None = None
) -> np.ndarray:
    """One path of ``frames`` points; ``kind`` is one of KINDS or drawn, ``start`` fixes the first point."""
    kind = kind or KINDS[rng.choice(len(KINDS), p=WEIGHTS)]
    first = inside(rng) if start is None else np.asarray(start, dtype=np.float64)
    if kind == "static" or frames == 1:
        return np.repeat(first[None], frames, 0)
    curve = _CURVES[kind](rng, first)
    if rng.random() < 0.07 and kind in ("line", "smooth"):  # comes from outside, or leaves
        curve = _through_the_edge(rng, curve)
    return travel(curve, _progress(rng, frames))


def inside(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(MARGIN + 0.03, 1 - MARGIN - 0.03, 2)


def travel(curve: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """Dense curve [K, 2] -> the places at ``progress`` [T] in 0..1 of its arc length, cut so that no step is too
    long."""
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    fastest = np.diff(progress).max()
    reach = min(length[-1], MAX_STEP / max(fastest, 1e-6))
    at = progress * reach
    return np.stack([np.interp(at, length, curve[:, axis]) for axis in (0, 1)], 1)


def _progress(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Monotonous 0 -> 1 over the frames: even, eased, or with a pause; sometimes slow (ends before 1)."""
    t = np.linspace(0, 1, frames)
    choice = rng.random()
    if choice < 0.2:
        t = t * t * (3 - 2 * t)
    elif choice < 0.3:
        t = t**2 if rng.random() < 0.5 else 1 - (1 - t) ** 2
    elif choice < 0.5:
        begin, rest = rng.uniform(0.0, 0.7), rng.uniform(0.2, 0.3)
        t = (np.minimum(t, begin) + np.maximum(t - begin - rest, 0)) / (1 - rest)
    return t * (1.0 if rng.random() < 0.7 else rng.uniform(0.35, 0.9))


def _way_points(rng: np.random.Generator, first: np.ndarray, count: int) -> np.ndarray:
    points, heading = [first], rng.uniform(0, 2 * math.pi)
    for _ in range(count):
        for _ in range(12):
            step = rng.uniform(0.18, 0.5)
            point = points[-1] + step * np.array([math.cos(heading), math.sin(heading)])
            if MARGIN <= point.min() and point.max() <= 1 - MARGIN:
                break
            heading += rng.uniform(0.6, 2.4)
        points.append(np.clip(point, MARGIN, 1 - MARGIN))
        heading += rng.choice([-1, 1]) * rng.uniform(0.3, 2.0)
    return np.stack(points)


def _smooth(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    """Catmull-Rom through 3 to 5 way points."""
    points = _way_points(rng, first, int(rng.integers(2, 5)))
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 24, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.clip(np.concatenate([*parts, points[-1:]]), 0.03, 0.97)


def _sharp(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    return _way_points(rng, first, int(rng.integers(2, 5)))


def _line(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    far = max((inside(rng) for _ in range(3)), key=lambda p: np.linalg.norm(p - first))
    return np.stack([first, far])


def _round(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    """Part of an ellipse through the first point, about a centre on the side of the canvas' middle."""
    radius = rng.uniform(0.12, 0.3, 2)
    toward = np.array([0.5, 0.5]) - first + rng.normal(0, 0.05, 2)
    angle = math.atan2(-toward[1], -toward[0])
    centre = first - radius * np.array([math.cos(angle), math.sin(angle)])
    turn = rng.choice([-1, 1]) * rng.uniform(0.8, 2.0) * math.pi
    angles = angle + np.linspace(0, turn, 64)
    return np.clip(centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1), 0.05, 0.95)


def _swing(rng: np.random.Generator, first: np.ndarray) -> np.ndarray:
    """A line with a wave across it."""
    line = _line(rng, first)
    t = np.linspace(0, 1, 96)[:, None]
    along = line[1] - line[0]
    across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-6)
    wave = rng.uniform(0.05, 0.12) * np.sin(2 * math.pi * rng.uniform(1, 2.2) * t)
    return np.clip(line[0] + along * t + across * wave, 0.05, 0.95)


def _through_the_edge(rng: np.random.Generator, curve: np.ndarray) -> np.ndarray:
    end = curve[-1] if rng.random() < 0.5 else curve[0]
    axis = int(rng.integers(2))
    outside = end.copy()
    outside[axis] = -0.15 if end[axis] < 0.5 else 1.15
    return np.concatenate([curve, outside[None]]) if end is curve[-1] else np.concatenate([outside[None], curve])


_CURVES = {"smooth": _smooth, "sharp": _sharp, "line": _line, "round": _round, "swing": _swing}


def draw_paths(rng: np.random.Generator, frames: int, count: int, tries: int = 12) -> np.ndarray:
    """[N, T, 2] paths that start apart and do not stay on top of one another (they may cross and occlude)."""
    apart = {1: 0.0, 2: 0.32, 3: 0.28}.get(count, 0.24)
    paths: list[np.ndarray] = []
    for _ in range(count):
        best, best_score = None, -1.0
        for _ in range(tries):
            path = draw_path(rng, frames)
            if not paths:
                best = path
                break
            gaps = np.stack([np.linalg.norm(path - other, axis=1) for other in paths])
            score = min(gaps[:, 0].min(), np.quantile(gaps, 0.4, axis=1).min())
            if score > best_score:
                best, best_score = path, score
            if score > apart:
                break
        paths.append(best)
    return np.stack(paths)
