"""The tiny suite: held-out scenes, made in every way of asking, measured; a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.bundle import Tora2Bundle
from ..tiny.world import World
from . import words
from .generation import GENERATED, GIVEN, generate, given
from .measures import METRICS, Judges, measure
from .metrics import NOTHING
from .networks import WEIGHTS
from .scenes import FPS, gallery, make_scene
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
    key = fingerprint(bundle, world, settings)
    named = words.make_world(world.atlas, frames=world.frames, size=world.size) if _whole(settings) else None
    ways = (*GIVEN, *settings.ways, *(words.WAYS if named is not None else ()))
    table: dict[str, list[Figures]] = {way: [] for way in ways}
    for number, seed in enumerate(settings.seeds()):
        kept = _Kept(out, seed, key, videos)
        scene = make_scene(world, seed)
        pictures, _ = gallery(world, scene, settings.gallery, seed)
        word_scene = words.make_scene(named, seed, settings.gallery) if named is not None else None
        options = {"seed": seed, "steps": settings.steps, "guidance": settings.guidance}
        for way in ways:
            if way not in kept.figures:
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
                if way == GIVEN[0] and word_scene is not None:
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


def fingerprint(bundle: Tora2Bundle, world: World, settings: Settings) -> str:
    """Changes with anything that a scene's figures depend on: model, judges, pictures, settings (but not which scenes).

    The model counts by its parameters as loaded, not by its files' names.
    """
    digest = hashlib.sha256()
    for name in ("transformer", "vae", "text_encoder"):
        for tensor in bundle.component(name).state_dict().values():
            digest.update(tensor.detach().float().cpu().sum(dtype=torch.float64).numpy().tobytes())
    for path in sorted(WEIGHTS.glob("*.safetensors")):
        digest.update(path.read_bytes())
    digest.update(world.atlas.pictures[world.indices].float().mean((1, 2, 3)).numpy().tobytes())
    scene = {k: v for k, v in asdict(settings).items() if k not in ("scenes", "first_seed", "ways")}
    digest.update(json.dumps(scene, sort_keys=True).encode())
    return digest.hexdigest()[:16]


class _Kept:
    """Figures of one scene, on disk if there is a folder."""

    def __init__(self, out: Path | None, seed: int, key: str, videos: bool = True):
        self.out, self.seed, self.key, self.videos = out, seed, key, videos
        self.figures: dict[str, Figures] = {}
        if out is not None and self.path.is_file():
            stored: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            if stored.get("key") == key:
                self.figures = stored["figures"]

    @property
    def path(self) -> Path:
        return self.out / "scenes" / f"{self.seed:05d}.json"

    def add(self, way: str, figures: Figures, video: torch.Tensor) -> None:
        self.figures[way] = figures
        if self.out is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.videos:
            from ..headless.video import Video, write_mp4

            folder = self.out / "videos"
            folder.mkdir(parents=True, exist_ok=True)
            write_mp4(folder / f"{self.seed:05d} {way}.mp4", Video(video.permute(0, 2, 3, 1), FPS), crf=10)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"key": self.key, "figures": self.figures}, indent=1), encoding="utf-8")
        part.replace(self.path)
