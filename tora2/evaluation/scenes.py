"""Held-out scenes of the tiny suite: what is asked of the model, and the clip that would be the perfect answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..conditions import Entity
from ..errors import Tora2Error
from ..tiny.assets import Atlas, to_square
from ..tiny.backgrounds import BACKGROUNDS, where_words
from ..tiny.names import HELD_OUT_STYLE
from ..tiny.world import Clip, World
from ..trajectories import Point, Track, TrajectoryDocument

INPUTS = Path(__file__).resolve().parents[2] / "workflows" / "inputs"
SHIPPED = {
    "clown_face": True,
    "duck": False,
    "fox_twitter": False,
    "kangaroo": False,
    "lion": False,
    "man_firefighter": True,
    "mushroom": False,
    "penguin": False,
    "teddy_bear": False,
    "truck": False,
}
"""Pictures of ``workflows/inputs`` (all of held-out names or of the held-out style), and whether they have a face."""

FPS = 8.0


@dataclass(frozen=True)
class Scene:
    """One scene. ``asked`` [E, T, 2] in pixels and ``visible`` [E, T] are its paths, ``other_caption`` names another
    background, ``truth`` is the rendered clip and ``indices`` its pictures' places in the atlas."""

    caption: str
    other_caption: str
    background: str
    entities: tuple[Entity, ...]
    document: TrajectoryDocument
    asked: torch.Tensor
    visible: torch.Tensor
    truth: Clip
    indices: tuple[int, ...]

    @property
    def references(self) -> torch.Tensor:
        """[E, 3, S, S] in 0..1 on neutral grey."""
        return torch.stack([entity.reference for entity in self.truth.entities])

    @property
    def size(self) -> int:
        return self.truth.video.shape[-1]

    def true_video(self) -> torch.Tensor:
        """[T, 3, H, W] in 0..1."""
        return self.truth.video.add(1).div(2).clamp(0, 1)


def shipped_atlas(folder: Path = INPUTS) -> Atlas:
    """The ten pictures that come with the example workflows, as an atlas of their own."""
    from PIL import Image

    missing = [name for name in SHIPPED if not (folder / f"tora2_{name}.png").is_file()]
    if missing:
        raise Tora2Error(
            f"{folder} lacks tora2_{missing[0]}.png; restore the pack's workflows, or give an atlas (--atlas)."
        )
    pictures = [to_square(Image.open(folder / f"tora2_{name}.png"), 72) for name in SHIPPED]
    styles = [HELD_OUT_STYLE if name.endswith(HELD_OUT_STYLE) else "google" for name in SHIPPED]
    names = [name.removesuffix("_" + HELD_OUT_STYLE).replace("_", " ") for name in SHIPPED]
    return Atlas(torch.from_numpy(np.stack(pictures)), names, styles, [""] * len(names), list(SHIPPED.values()))


def make_world(atlas: Path | str | Atlas | None, split: str, entities: int, **options) -> World:
    """A world of scenes with exactly so many entities; without an atlas, of the shipped pictures (all held out)."""
    if not 1 <= entities <= 4:
        raise Tora2Error(f"A scene has 1 to 4 entities, not {entities}; change --entities.")
    if split == "train":
        raise Tora2Error("Scenes of the train split say nothing about unseen things; use a held-out split.")
    world = World(shipped_atlas() if atlas is None else atlas, split, entities=(entities, entities), **options)
    if atlas is None:
        world.indices = list(range(len(world.atlas)))
    if len({world.atlas.names[i] for i in world.indices}) < entities:
        raise Tora2Error(f"The atlas holds fewer than {entities} names of the split {split!r}; build a whole atlas.")
    return world


def make_scene(world: World, seed: int) -> Scene:
    """Scene ``seed`` of a world: the same everywhere."""
    clip = world.clip(seed)
    plan = world.plan(seed)
    asked = torch.stack([entity.track for entity in clip.entities]) * world.size
    entities = tuple(
        Entity(entity.phrase, entity.reference.permute(1, 2, 0), entity.reference_mask) for entity in clip.entities
    )
    return Scene(
        clip.caption,
        other_background(clip, seed),
        clip.background,
        entities,
        document(clip, world.size),
        asked,
        torch.stack([entity.visible for entity in clip.entities]),
        clip,
        tuple(entity.index for entity in plan.entities),
    )


def document(clip: Clip, size: int) -> TrajectoryDocument:
    """The clip's true tracks as a drawing with one key a frame."""
    frames = len(clip.video)
    tracks = [
        Track(
            [Point(float(x), float(y), frame=float(t)) for t, (x, y) in enumerate(entity.track.double().clamp(-1, 2))],
            name=entity.phrase,
            interpolation="linear",
        )
        for entity in clip.entities
    ]
    return TrajectoryDocument(width=size, height=size, frames=frames, fps=FPS, tracks=tracks)


def other_background(clip: Clip, seed: int) -> str:
    """The caption with the words of another background, drawn from the seed."""
    others = [name for name in BACKGROUNDS if name != clip.background]
    other = others[int(np.random.default_rng([7, seed]).integers(len(others)))]
    return clip.caption.replace(where_words(clip.background), where_words(other))


def gallery(world: World, scene: Scene, count: int, seed: int) -> tuple[torch.Tensor, list[int]]:
    """Reference views of up to ``count`` pictures of distinct names: the scene's own, as the model was given them,
    first, then others of the split.

    Returns:
        [K, 3, S, S] in 0..1 on grey, and their indices in the atlas.
    """
    rng = np.random.default_rng([11, seed])
    names = {world.atlas.names[i] for i in scene.indices}
    pictures, indices = [scene.references], list(scene.indices)
    for i in rng.permutation(world.indices).tolist():
        if len(indices) >= count:
            break
        if world.atlas.names[i] not in names:
            names.add(world.atlas.names[i])
            indices.append(i)
            pictures.append(world.reference_view(i, rng)[None])
    return torch.cat(pictures), indices
