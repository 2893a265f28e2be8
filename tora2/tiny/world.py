"""The tiny world: short clips of emoji on named backgrounds, with exact ground truth, drawn on the fly from a seed.

``World.plan`` draws everything that is random on the CPU (run it in data-loader workers), ``World.render`` turns plans
into pixels on any device; ``clip`` and ``batch`` do both. The same seed, split and settings give the same clip
anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from . import render
from .assets import SPLITS, Atlas
from .backgrounds import BACKGROUNDS, paint, where_words
from .captions import caption, every_phrase_once
from .config import TEXT_LENGTH
from .paths import draw_paths
from .plans import EntityPlan, Plan, Plans


@dataclass
class WorldEntity:
    """One entity and all that is known about it.

    ``reference`` [3, S, S] in 0..1 on neutral grey, as ``prepare_reference`` returns it, with its ``reference_mask``
    [S, S]: the same picture turned, scaled, recoloured and now and then mirrored, never a pixel copy of what the clip
    shows. ``track`` [T, 2] in 0..1: the centre of mass of the whole entity. ``visible`` [T] bool: is that centre on
    the canvas (what a trajectory document calls visible); ``shown`` [T] 0..1: the part of it that no other entity
    covers. ``masks`` [T, H, W] 0..1: the pixels that are seen.
    """

    phrase: str
    name: str
    style: str
    is_human: bool
    reference: torch.Tensor
    reference_mask: torch.Tensor
    track: torch.Tensor
    visible: torch.Tensor
    shown: torch.Tensor
    masks: torch.Tensor


@dataclass
class Clip:
    """``video`` [T, 3, H, W] in -1..1; ``background`` is its name, ``entities`` stand back to front."""

    video: torch.Tensor
    caption: str
    background: str
    entities: list[WorldEntity]
    seed: int


@dataclass
class WorldBatch:
    """A batch of clips, entities padded to E with ``present`` false (zeros, empty strings).

    Shapes: video [B, T, 3, H, W] in -1..1, references [B, E, 3, S, S], reference_masks [B, E, S, S], tracks
    [B, E, T, 2], visible and shown [B, E, T], masks [B, E, T, H, W], present and is_human [B, E], indices [B, E] into
    the atlas (-1 for padding).
    """

    video: torch.Tensor
    captions: list[str]
    backgrounds: list[str]
    phrases: list[list[str]]
    names: list[list[str]]
    references: torch.Tensor
    reference_masks: torch.Tensor
    tracks: torch.Tensor
    visible: torch.Tensor
    shown: torch.Tensor
    masks: torch.Tensor
    present: torch.Tensor
    is_human: torch.Tensor
    indices: torch.Tensor
    seeds: list[int]


class World:
    """Draws clips.

    Args:
        atlas: an Atlas or the folder that holds one.
        split: ``train``, ``heldout_names`` or ``heldout_style``; the same seed gives unrelated clips in different
        splits. frames, size: of the clips; ``frames=1`` is still mode.
        entities: fewest and most entities; ``entity_weights`` are the odds of each count.
        diameter: smallest and largest entity, as part of the canvas (shrunk a little when three or four share it).
        reference_size: S of the references.
        tokenizer: of a model; scenes whose caption it cannot read whole are cast anew.
    """

    def __init__(
        self,
        atlas: Atlas | str,
        split: str = "train",
        frames: int = 17,
        size: int = 128,
        *,
        entities: tuple[int, int] = (1, 4),
        entity_weights: Sequence[float] | None = None,
        diameter: tuple[float, float] = (0.22, 0.42),
        reference_size: int = 96,
        backgrounds: Sequence[str] | None = None,
        mirror: float = 0.1,
        tokenizer: Any | None = None,
    ):
        self.atlas = atlas if isinstance(atlas, Atlas) else Atlas.load(atlas)
        self.split, self.frames, self.size, self.reference_size = split, frames, size, reference_size
        self.indices = self.atlas.split(split)
        self.counts = list(range(entities[0], entities[1] + 1))
        weights = np.asarray(
            entity_weights if entity_weights is not None else [(3, 5, 2, 1)[min(c, 4) - 1] for c in self.counts], float
        )
        self.weights = weights / weights.sum()
        self.diameter, self.mirror, self.tokenizer = diameter, mirror, tokenizer
        self.backgrounds = list(backgrounds or BACKGROUNDS)
        self._pivots: dict[int, torch.Tensor] = {}
        self._on_device: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def plan_bytes(self) -> int:
        """About what a clip's plan is as part of :class:`Plans`; the canvas is nearly all of it."""
        return 3 * self.size**2 + 48 * max(self.counts) * self.frames

    def plan(self, seed: int) -> Plan:
        rng = np.random.default_rng([SPLITS.index(self.split), seed])
        count = int(rng.choice(self.counts, p=self.weights))
        background = self.backgrounds[rng.integers(len(self.backgrounds))]
        picks, text = self._cast(rng, count, where_words(background))
        tracks = draw_paths(rng, self.frames, count)
        entities = [
            self._entity(rng, index, torch.from_numpy(track), count) for index, track in zip(picks, tracks, strict=True)
        ]
        return Plan(seed, text, background, torch.from_numpy(paint(background, rng, self.size)), entities)

    def _cast(self, rng: np.random.Generator, count: int, where: str) -> tuple[list[int], str]:
        """Pictures of distinct names, and a caption in which every phrase stands exactly once."""
        while True:
            picks = [self.indices[i] for i in rng.choice(len(self.indices), count, replace=False)]
            phrases = [self.atlas.phrase(i) for i in picks]
            text = caption(rng, phrases, where, still=self.frames == 1)
            alone = len({self.atlas.names[i] for i in picks}) == count and every_phrase_once(text, phrases)
            if alone and self._is_read_whole(text):
                return picks, text

    def _is_read_whole(self, text: str) -> bool:
        return self.tokenizer is None or len(self.tokenizer(text).input_ids) <= TEXT_LENGTH

    def _entity(self, rng: np.random.Generator, index: int, track: torch.Tensor, count: int) -> EntityPlan:
        atlas, t = self.atlas, torch.linspace(0, 1, self.frames, dtype=torch.float64)
        diameter = rng.uniform(*self.diameter) * (1.0 if count <= 2 else 0.85)
        growth = rng.uniform(0.8, 1.25) if rng.random() < 0.4 else 1.0
        squash = np.exp(rng.normal(0, 0.04))
        aspect = torch.tensor([squash, 1 / squash], dtype=torch.float64)
        size = diameter * aspect * (growth ** (t - 0.5))[:, None]
        lean, sway = rng.normal(0, 0.10), rng.uniform(0, 0.18) * (rng.random() < 0.5)
        angle = lean + sway * torch.sin(2 * torch.pi * (rng.uniform(0.4, 1.3) * t + rng.random()))
        light = _light(rng, 0.06)
        reference_matrix, reference_sharpness, reference_light = self._reference(rng)
        return EntityPlan(
            index,
            atlas.names[index],
            atlas.phrase(index),
            atlas.styles[index],
            atlas.human[index],
            light,
            round(1.1 * diameter * max(growth, 1) * self.size),  # else a small copy would flicker
            render.placement(track, size, angle, self._pivot(index)).float(),
            track.float(),
            reference_light,
            reference_sharpness,
            reference_matrix,
        )

    def _pivot(self, index: int) -> torch.Tensor:
        """The picture's centre of mass, which is what travels along the track."""
        if index not in self._pivots:
            self._pivots[index] = render.centroid(self.atlas.premultiplied(index)).double()
        return self._pivots[index]

    def _reference(self, rng: np.random.Generator) -> tuple[torch.Tensor, int, tuple[float, float, float]]:
        """Another view: turned by up to 20 degrees, other scale, sharpness and light, sometimes mirrored."""
        turn = rng.choice([-1, 1]) * rng.uniform(0.05, 0.35)
        scale = rng.uniform(0.72, 0.94) * np.exp(np.array([1.0, -1.0]) * rng.normal(0, 0.04))
        if rng.random() < self.mirror:
            scale[0] = -scale[0]
        centre = 0.5 + rng.uniform(-0.04, 0.04, 2)
        matrix = render.placement(
            torch.from_numpy(centre),
            torch.from_numpy(scale),
            torch.tensor(turn, dtype=torch.float64),
            torch.zeros(2, dtype=torch.float64),
        )
        sharp = rng.uniform(32, 80) if rng.random() < 0.4 else 96
        return matrix.float(), round(sharp), _light(rng, 0.14)

    def reference_view(self, index: int, rng: np.random.Generator) -> torch.Tensor:
        """A reference picture [3, S, S] in 0..1 on grey of a picture of the atlas."""
        matrix, sharpness, light = self._reference(rng)
        pictures = self._pictures(torch.tensor([index]), torch.tensor([light]), torch.tensor([sharpness]))
        return render.on_grey(render.sample(pictures, matrix[None, None], self.reference_size)[0, 0])

    def _pictures(self, indices: torch.Tensor, lights: torch.Tensor, sharpness: torch.Tensor) -> torch.Tensor:
        """Premultiplied pictures [N, 4, P, P], lit [N, 3] and blurred [N], on the device of ``indices`` [N]."""
        device = indices.device
        if device not in self._on_device:
            pictures = self.atlas.pictures
            self._on_device[device] = (pictures.to(device), render.low_pass_matrices(pictures.shape[-1]).to(device))
        pictures, table = self._on_device[device]
        straight = pictures[indices].float() / 255
        premultiplied = torch.cat([straight[:, :3] * straight[:, 3:], straight[:, 3:]], 1)
        gain, contrast, saturation = lights[..., None, None, None].unbind(1)
        return render.blurred(render.recolour(premultiplied, gain, contrast, saturation), sharpness, table)

    def render(self, plans: Sequence[Plan] | Plans, device: str | torch.device = "cpu") -> WorldBatch:
        p = (plans if isinstance(plans, Plans) else Plans.of(plans)).to(device)
        most = max(len(phrases) for phrases in p.phrases)

        def spread(values: torch.Tensor) -> torch.Tensor:  # one row an entity -> [B, E, ...]
            out = values.new_zeros((len(p.seeds), most, *values.shape[1:]))
            out[p.rows, p.columns] = values
            return out

        pictures = self._pictures(p.indices, p.lights[:, 0], p.sharpness[:, 0])
        layers = spread(render.sample(pictures, p.matrices, self.size))
        pictures = self._pictures(p.indices, p.lights[:, 1], p.sharpness[:, 1])
        references = render.sample(pictures, p.reference_matrices[:, None], self.reference_size)[:, 0]
        video, masks, shown = render.composite(p.canvases, layers)
        tracks = spread(p.tracks)
        present = spread(torch.ones_like(p.is_human))
        return WorldBatch(
            video * 2 - 1,
            p.captions,
            p.backgrounds,
            p.phrases,
            p.names,
            spread(render.on_grey(references)),
            spread(references[:, 3]),
            tracks,
            ((tracks >= 0) & (tracks <= 1)).all(-1) & present[..., None],
            shown,
            masks,
            present,
            spread(p.is_human),
            spread(p.indices + 1) - 1,
            p.seeds,
        )

    def batch(self, seeds: Sequence[int], device: str | torch.device = "cpu") -> WorldBatch:
        return self.render([self.plan(seed) for seed in seeds], device)

    def clip(self, seed: int) -> Clip:
        plan = self.plan(seed)
        b = self.render([plan])
        entities = [
            WorldEntity(
                p.phrase,
                p.name,
                p.style,
                p.is_human,
                b.references[0, e],
                b.reference_masks[0, e],
                b.tracks[0, e],
                b.visible[0, e],
                b.shown[0, e],
                b.masks[0, e],
            )
            for e, p in enumerate(plan.entities)
        ]
        return Clip(b.video[0], plan.caption, plan.background, entities, seed)


def _light(rng: np.random.Generator, spread: float) -> tuple[float, float, float]:
    """Gain, contrast and saturation, each about one."""
    return tuple(float(np.exp(rng.uniform(-spread, spread))) for _ in range(3))
