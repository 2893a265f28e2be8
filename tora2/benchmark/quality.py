"""What a preset loses: its videos beside those of ``exact``, same scenes and seeds, on a model with real weights.

The schedule that is measured here is the very one that is timed at full size, pass by pass. How CogVideoX-5B looks with
it is not measured: that takes its weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..acceleration.presets import PRESETS, branch_passes, preset
from ..checkpoints.bundle import Tora2Bundle
from ..evaluation.generation import generate
from ..evaluation.keeping import fingerprint
from ..evaluation.measures import Judges, measure
from ..evaluation.scenes import gallery, make_scene
from ..evaluation.statistics import Estimate, bootstrap, differs
from ..evaluation.suite import Settings
from .timing import Budget, OutOfTime

EXACT = "exact"
GALLERY = 50
MEASURES = ("traj_error", "place_error")
MOST_PSNR = 100.0


@dataclass(frozen=True)
class Loss:
    """One preset over all scenes.

    Attributes:
        preset: its name.
        schedule: a letter a step.
        full_passes: steps that run the transformer.
        branch_passes: single branches through the transformer.
        psnr: of its videos to those of ``exact``, dB.
        worst_psnr: of the worst scene.
        measures: TrajError and place error, px of 128.
        differences: of these to ``exact``, scene by scene.
    """

    preset: str
    schedule: str
    full_passes: int
    branch_passes: int
    psnr: Estimate
    worst_psnr: float
    measures: dict[str, Estimate]
    differences: dict[str, Estimate]


@torch.no_grad()
def measure_presets(
    bundle: Tora2Bundle,
    world: Any,
    judges: Judges,
    *,
    presets: Sequence[str] = tuple(PRESETS),
    scenes: int = 10,
    first_seed: int = 0,
    steps: int = 50,
    out: Path | None = None,
    budget: Budget | None = None,
    progress: Callable[[str], None] = lambda text: None,
    keep: Callable[[Sequence[Loss]], None] = lambda losses: None,
) -> list[Loss]:
    """Generate every scene with every preset, ``exact`` first.

    Args:
        out: keeps each scene's figures there and goes on from there, if model, judges, pictures and schedules are the
            same.
        budget: scenes that would pass its deadline are left out.
        keep: called after each scene with the losses so far.

    Raises:
        OutOfTime: not one scene fits.
    """
    budget = budget or Budget(None)
    names = [EXACT, *(name for name in presets if name != EXACT)]
    schedules = {name: preset(name).schedule(steps) for name in names}
    precision = str(bundle.transformer.dtype).removeprefix("torch.")
    key = fingerprint(bundle, world, Settings(steps=steps, first_seed=first_seed, precision=precision), judges)
    store = _Store(out, {"steps": steps, "model": key})
    longest = 0.0

    def made(scene: Any, seed: int, name: str) -> torch.Tensor:
        """On the CPU, where the judges are."""
        return generate(bundle, scene, seed=seed, steps=steps, preset=name).float().cpu()

    def losses() -> list[Loss]:
        return [_loss(name, schedules[name], found[name], found[EXACT]) for name in names]

    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number, seed in enumerate(range(first_seed, first_seed + scenes)):
        began = budget.now()
        try:
            budget.require(longest)
        except OutOfTime:
            if not found[EXACT]:
                raise
            progress(f"{scenes - number} scenes are left out: the budget was spent")
            break
        scene = make_scene(world, seed)
        pictures, _ = gallery(world, scene, GALLERY, seed)
        exact: torch.Tensor | None = None
        for name in names:
            figures = store.get(seed, name, preset(name))
            if figures is None:
                progress(f"scene {number + 1}/{scenes} (seed {seed}): {name}")
                if exact is None:
                    exact = made(scene, seed, EXACT)
                video = exact if name == EXACT else made(scene, seed, name)
                measured = measure(judges, scene, video, pictures)
                figures = {key: measured[key] for key in MEASURES}
                figures["psnr"] = psnr(video, exact)
                store.put(seed, name, preset(name), figures)
            found[name].append(figures)
        keep(losses())
        longest = max(longest, budget.now() - began)
    return losses()


def psnr(video: torch.Tensor, other: torch.Tensor) -> float:
    """Peak signal-to-noise ratio of videos in 0..1, dB; equal ones get 100."""
    error = (video.float() - other.float()).square().mean().item()
    return min(MOST_PSNR, -10 * math.log10(max(error, 1e-12)))


def table(losses: Sequence[Loss], model: str) -> str:
    """Plain text."""
    scenes = max((loss.psnr.count for loss in losses), default=0)
    lines = [
        f"{model}, {scenes} held-out scenes, mean [95 % bootstrap interval over scenes]; moves by: scene by scene",
        "",
        f"{'preset':<10}{'steps run':>10}{'passes':>8}  {'PSNR to exact, dB':<22}{'worst':>6}  "
        f"{'TrajError px@128':<22}{'moves by':<22}{'place error moves by':<22}",
    ]
    for loss in losses:
        own = loss.preset == EXACT
        cells = (
            "-" if own else _cell(loss.psnr),
            "-" if own else f"{loss.worst_psnr:.1f}",
            _cell(loss.measures["traj_error"]),
            "-" if own else _cell(loss.differences["traj_error"], "+.2f"),
            "-" if own else _cell(loss.differences["place_error"], "+.2f"),
        )
        lines.append(
            f"{loss.preset:<10}{loss.full_passes:>7}/{len(loss.schedule):<2}{loss.branch_passes:>8}  {cells[0]:<22}"
            f"{cells[1]:>6}  {cells[2]:<22}{cells[3]:<22}{cells[4]:<22}".rstrip()
        )
    lines += ["", *(f"{loss.preset:<10}{loss.schedule}" for loss in losses)]
    lines.append("F: both guidance branches, P: the prompt's alone, .: the last clean videos are carried on.")
    return "\n".join(lines)


def _loss(name: str, schedule: str, figures: list[dict[str, float]], exact: list[dict[str, float]]) -> Loss:
    def column(rows: list[dict[str, float]], key: str) -> list[float]:
        return [math.nan if row[key] is None else row[key] for row in rows]

    return Loss(
        preset=name,
        schedule=schedule,
        full_passes=len(schedule) - schedule.count("."),
        branch_passes=branch_passes(schedule),
        psnr=bootstrap(column(figures, "psnr")),
        worst_psnr=min(column(figures, "psnr")),
        measures={key: bootstrap(column(figures, key)) for key in MEASURES},
        differences={key: differs(column(figures, key), column(exact, key)) for key in MEASURES},
    )


def _cell(estimate: Estimate, form: str = ".1f") -> str:
    if not estimate.count:
        return "-"
    return f"{estimate.mean:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


class _Store:
    """Figures by scene and preset in one JSON file, if there is a folder."""

    def __init__(self, out: Path | None, key: dict[str, Any]):
        self.key = key
        self.path = None if out is None else out / "presets.json"
        self.figures: dict[str, dict[str, float]] = {}
        if self.path is not None and self.path.is_file():
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored.get("key") == key:
                self.figures = stored["figures"]

    def get(self, seed: int, name: str, rule: Any) -> dict[str, float] | None:
        return self.figures.get(self._name(seed, name, rule))

    def put(self, seed: int, name: str, rule: Any, figures: dict[str, float]) -> None:
        plain = {key: value if math.isfinite(value) else None for key, value in figures.items()}
        self.figures[self._name(seed, name, rule)] = plain
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps({"key": self.key, "figures": self.figures}, indent=1), encoding="utf-8")
            part.replace(self.path)

    @staticmethod
    def _name(seed: int, name: str, rule: Any) -> str:
        return f"{seed} {name} {rule.warmup} {rule.period} {rule.tail} {rule.slope}"
