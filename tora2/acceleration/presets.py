"""Which steps run the transformer: presets as explicit schedules, the same for every video.

Adaptive caches (first-block, TeaCache, MagCache) decide by thresholds on what the network says, so a timing with other
weights, random ones above all, says nothing. A schedule by step number skips the same passes whatever the weights are:
its speed is measured with one model and its loss with another, and both hold together.

At a skipped step the *clean* video that the network last predicted is carried on (``reuse.py``). tora2-tiny, 50 steps,
against ``exact``: see the table in README, made by ``python -m tora2 bench --what quality``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import AccelerationError

FULL, PROMPT, REUSED = "F", "P", "."
"""A step with both guidance branches, with the prompt's branch alone, and without the transformer."""


@dataclass(frozen=True)
class Preset:
    """A rule for schedules of any length.

    Attributes:
        warmup: share of the steps at the start that are full: there the layout is decided.
        period: one step in this many runs after that; 1 runs all.
        tail: number of full steps at the end, for the details.
        slope: how the clean video is carried on: 0 holds the last one, 1 follows the line through the last two, between
            them is in between.
    """

    warmup: float = 1.0
    period: int = 1
    tail: int = 0
    slope: float = 0.0

    def schedule(self, steps: int) -> str:
        """One letter a step, e.g. ``FFFF..F..F..FF``."""
        warmup = max(2, round(self.warmup * steps))
        last = steps - self.tail
        return "".join(
            FULL if step < warmup or step >= last or (step - warmup) % self.period == self.period - 1 else REUSED
            for step in range(steps)
        )


PRESETS: dict[str, Preset] = {
    "exact": Preset(),
    "balanced": Preset(0.16, 3, 2, 0.6),
    "fast": Preset(0.1, 4, 1, 0.4),
}


def preset(choice: str | Preset) -> Preset:
    """A preset by name, or one of your own.

    Raises:
        AccelerationError: there is none of that name.
    """
    if isinstance(choice, Preset):
        return choice
    if choice not in PRESETS:
        raise AccelerationError(f"There is no preset {choice!r}; use one of {', '.join(PRESETS)}.")
    return PRESETS[choice]


def check_interval(interval: tuple[float, float]) -> tuple[float, float]:
    """The part of the steps, 0..1, in which there is guidance; AccelerationError if there is no such part."""
    start, end = interval
    if not 0 <= start < end <= 1:
        raise AccelerationError(
            f"Guidance is set to run from {start} to {end} of the steps; the start must be less than the end, and both "
            "lie between 0 and 1."
        )
    return interval


def with_guidance_interval(schedule: str, interval: tuple[float, float]) -> str:
    """The schedule with the prompt's branch alone at full steps outside of the interval.

    The interval's first step is always full: steps that reuse need to know what guidance adds.
    """
    steps, kinds, inside = len(schedule), "", False
    for step, kind in enumerate(schedule):
        before, inside = inside, in_interval(step, steps, interval)
        if inside and not before:
            kind = FULL
        elif kind == FULL and not inside:
            kind = PROMPT
        kinds += kind
    return kinds


def in_interval(step: int, steps: int, interval: tuple[float, float]) -> bool:
    return interval[0] <= step / steps < interval[1]


def branch_passes(schedule: str, guided: bool = True) -> int:
    """How often one branch goes through the transformer: twice in a full step with guidance."""
    return (2 if guided else 1) * schedule.count(FULL) + schedule.count(PROMPT)
