"""Means over scenes with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .metrics import NOTHING

RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over ``count`` scenes and the 95 % interval ``low`` .. ``high`` of that mean."""

    mean: float
    low: float
    high: float
    count: int


def bootstrap(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0, level: float = 0.95) -> Estimate:
    """Percentile bootstrap of the mean; NaN values are scenes in which nothing could be measured and are left out.

    One value is one scene: entities of a scene share a video, so they must not be resampled apart.
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return Estimate(NOTHING, NOTHING, NOTHING, 0)
    picks = np.random.default_rng(seed).integers(0, len(kept), (resamples, len(kept)))
    low, high = np.quantile(kept[picks].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(kept.mean()), float(low), float(high), len(kept))


def differs(values: Sequence[float], others: Sequence[float], **options) -> Estimate:
    """Bootstrap of the mean difference ``values - others``, scene by scene; both hold the same scenes in order."""
    return bootstrap(np.asarray(values, dtype=np.float64) - np.asarray(others, dtype=np.float64), **options)


def separates(difference: Estimate, sign: int, least_scenes: int = 3) -> bool:
    """Whether the whole interval lies on the side ``sign`` (1 or -1), which a metric needs to mean anything."""
    if difference.count < least_scenes:
        return False
    return difference.low > 0 if sign > 0 else difference.high < 0
