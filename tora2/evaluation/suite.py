"""The tiny suite: held-out scenes, made in every way of asking, measured; a stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.bundle import Tora2Bundle
from ..tiny.world import World
from . import words
from .generation import GENERATED, GIVEN, generate, given
from .keeping import Kept, fingerprint
from .measures import METRICS, Judges, measure
from .metrics import NOTHING
from .scenes import gallery, make_scene
from .statistics import Estimate, bootstrap, differs, separates

Figures = dict[str, float]
"""Metric -> value of one video."""


@dataclass(frozen=True)
class Settings:
    """What a run's figures depend on besides the model.

    ``first_seed`` and ``scenes`` say which scenes; ``gallery`` is the number of pictures to recognise an entity among.
    """

    split: str = "heldout_names"
    scenes: int = 12
    first_seed: int = 0
    entities: int = 2
    steps: int = 50
    guidance: float = 6.0
    precision: str = "float32"
    gallery: int = 50
    ways: tuple[str, ...] = GENERATED

    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.scenes)


@dataclass(frozen=True)
class Row:
    """Figures of one way of asking. ``values`` holds one number a scene, NaN where there was nothing to measure."""

    way: str
    values: dict[str, list[float]]
    estimates: dict[str, Estimate]


@dataclass(frozen=True)
class Result:
    """``separated``: metric -> the difference between the real thing and its control, and whether it is on the right
    side for certain; None where the control was not run."""

    model: str
    settings: Settings
    gallery: int
    rows: tuple[Row, ...]
    separated: dict[str, tuple[Estimate, bool] | None]

    def row(self, way: str) -> Row:
        return next(row for row in self.rows if row.way == way)


def run(
    bundle: Tora2Bundle,
    world: World,
    judges: Judges,
    settings: Settings,
    *,
    out: Path | None = None,
    videos: bool = True,
    progress: Callable[[str], None] = lambda text: None,
) -> Result:
    """Every scene in every way.

    Args:
        out: keeps each scene's figures and videos there and reads what is there already, if it was made by the same
            model with the same settings. Several processes may fill one folder with different scenes.
        videos: keep the videos there, too.
    """
    key = fingerprint(bundle, world, settings, judges)
    named = words.make_world(world.atlas, frames=world.frames, size=world.size) if _whole(settings) else None
    ways = (*GIVEN, *settings.ways, *(words.WAYS if named is not None else ()))
    table: dict[str, list[Figures]] = {way: [] for way in ways}
    for number, seed in enumerate(settings.seeds()):
        kept = Kept(out, seed, key, videos)
        scene = make_scene(world, seed)
        pictures, _ = gallery(world, scene, settings.gallery, seed)
        word_scene = words.make_scene(named, seed, settings.gallery) if named is not None else None
        options = {"seed": seed, "steps": settings.steps, "guidance": settings.guidance}
        for way in ways:
            # A run without controls leaves the given clip without what a run with them asks of it.
            wanted = words.METRIC if way == GIVEN[0] and word_scene is not None else None
            if not kept.has(way, wanted):
                progress(f"scene {number + 1}/{settings.scenes} (seed {seed}): {way}")
                if way in words.WAYS:
                    video = words.generate(bundle, word_scene, way, **options).float().cpu()
                    figures = words.measure(judges, word_scene, video)
                else:
                    if way in GIVEN:
                        video = given(scene, way, bundle.vae if way != GIVEN[0] else None)
                    else:
                        video = generate(bundle, scene, way, **options)
                    video = video.float().cpu()
                    figures = measure(judges, scene, video, pictures)
                if wanted is not None:
                    figures |= words.measure(judges, word_scene, word_scene.truth)
                kept.add(way, figures, video)
            table[way].append(kept.figures[way])
    distinct = len({world.atlas.names[i] for i in world.indices})
    return summarize(bundle.name, settings, min(settings.gallery, distinct), table)


def summarize(model: str, settings: Settings, gallery: int, table: dict[str, list[Figures]]) -> Result:
    """Figures of scenes -> means, intervals, and which metrics tell the real thing from its control."""
    rows = []
    for way, figures in table.items():
        values = {metric.name: [f.get(metric.name, NOTHING) for f in figures] for metric in METRICS}
        rows.append(Row(way, values, {name: bootstrap(numbers) for name, numbers in values.items()}))
    by_way = {row.way: row.values for row in rows}
    separated: dict[str, tuple[Estimate, bool] | None] = {}
    for metric in METRICS:
        separated[metric.name] = None
        if metric.way in by_way and metric.control in by_way:
            gap = differs(by_way[metric.way][metric.name], by_way[metric.control][metric.name])
            separated[metric.name] = (gap, separates(gap, metric.better))
    return Result(model, settings, gallery, tuple(rows), separated)


def _whole(settings: Settings) -> bool:
    """Whether all controls are wanted."""
    return len(settings.ways) > 1
