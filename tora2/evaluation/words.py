"""Does a name in the caption bring the thing? Videos asked for by words alone, judged by what is seen in them.

The names are those of the train split: a model can draw from its words only what its words have met. The scene, the
place and the words around the name are new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..checkpoints.bundle import Tora2Bundle
from ..stages import bind_entities, decode, denoise, encode_text, resolve_size
from ..tiny import breadth
from ..tiny.assets import Atlas
from ..tiny.captions import every_phrase_once
from ..tiny.world import World
from .cutting import gallery_pictures
from .tracking import identity_vector, look, track

WAYS = ("caption alone", "other name")
"""The caption with the thing's own name, and, as the control, with the name of something else."""


METRIC = "named"


@dataclass(frozen=True)
class WordScene:
    """``truth`` [T, 3, H, W] in 0..1 shows what ``caption`` names; ``gallery`` [K, 3, S, S] are pictures of ``names``
    [K], the thing's own first; a name may have several pictures."""

    caption: str
    other_caption: str
    name: str
    truth: torch.Tensor
    gallery: torch.Tensor
    names: tuple[str, ...]


def make_world(atlas: Atlas, **options) -> World | None:
    """A world of single named emoji that were trained on; None if the atlas holds fewer than two."""
    world = World(atlas, "train", entities=(1, 1), **options)
    world.indices = [i for i in world.indices if atlas.styles[i] not in breadth.STYLES]
    return world if len({atlas.names[i] for i in world.indices}) > 1 else None


def make_scene(world: World, seed: int, gallery: int = 50) -> WordScene:
    """Scene ``seed``, the same everywhere, with ``gallery`` names to choose from."""
    plan, clip = world.plan(seed), world.clip(seed)
    entity, rng, atlas = plan.entities[0], np.random.default_rng([13, seed]), world.atlas
    pictures: dict[str, list[int]] = {}
    for index in world.indices:
        pictures.setdefault(atlas.names[index], []).append(index)
    others = [name for name in rng.permutation(sorted(pictures)).tolist() if name != entity.name]
    names = [entity.name, *others[: gallery - 1]]
    chosen = [index for name in names for index in pictures[name]]
    other_caption = next(
        caption
        for index in (pictures[name][0] for name in others)
        if every_phrase_once(caption := clip.caption.replace(entity.phrase, atlas.phrase(index)), [atlas.phrase(index)])
    )
    return WordScene(
        clip.caption,
        other_caption,
        entity.name,
        clip.video.add(1).div(2).clamp(0, 1),
        torch.stack([world.reference_view(index, rng) for index in chosen]),
        tuple(atlas.names[index] for index in chosen),
    )


@torch.no_grad()
def generate(
    bundle: Tora2Bundle, scene: WordScene, way: str, *, seed: int = 0, steps: int = 50, guidance: float = 6.0
) -> torch.Tensor:
    """A video [T, 3, H, W] in 0..1 of the caption and nothing else."""
    transformer = bundle.transformer
    prompt = scene.caption if way == WAYS[0] else scene.other_caption
    text = encode_text(bundle.text_encoder, bundle.tokenizer, prompt, "", bundle.max_text_length)
    conditioning = bind_entities(transformer, text, None, None)
    frames, _, height, width = scene.truth.shape
    latents = denoise(
        transformer,
        bundle.scheduler,
        conditioning,
        size=resolve_size(transformer, None, width, height, frames),
        scaling_factor=bundle.vae.config.scaling_factor,
        seeds=(seed,),
        steps=steps,
        guidance_scale=guidance,
    )
    return decode(bundle.vae, latents).permute(0, 3, 1, 2)


@torch.no_grad()
def measure(judges, scene: WordScene, video: torch.Tensor) -> dict[str, float]:
    """``named``: is the thing in the video most like a picture of the name in the scene's caption?"""
    sight = look(judges.watcher, video)
    # With one reference all solid places are its own: this finds the thing, whatever it looks like.
    tracks = track(judges.watcher, judges.recognizer, sight, video, scene.gallery[:1])
    vector = identity_vector(judges.recognizer, video, tracks, 0)
    vectors = judges.recognizer(gallery_pictures(scene.gallery))
    best = int((vectors @ vector).argmax())  # unit vectors but for the mean over frames, whose length does not matter
    return {METRIC: float(scene.names[best] == scene.name)}
