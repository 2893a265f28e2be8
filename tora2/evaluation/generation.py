"""Videos of a scene through the very stage functions that the nodes call, asked for in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange

from ..checkpoints.bundle import Tora2Bundle
from ..conditions import Entity
from ..errors import Tora2Error
from ..personalization.encoders import needed_encoders
from ..stages import (
    bind_entities,
    decode,
    denoise,
    encode_motion,
    encode_text,
    extract_personalization,
    resolve_size,
)
from .scenes import Scene

GENERATED = ("generated", "no trajectory", "no reference", "shuffled binding", "other background")
"""Ways to ask the model for a scene; the first is the real one, the others each take one condition away or turn it."""

GIVEN = ("ground truth", "codec only")
"""Videos that need no model: the rendered clip itself, and the clip after the VAE's encoder and decoder."""


def entities_for(scene: Scene, way: str) -> tuple[Entity, ...]:
    """The scene's entities as ``way`` hands them over.

    ``shuffled binding`` gives every entity the next one's picture; words and paths stay. ``no reference`` leaves words
    and paths only.
    """
    own = scene.entities
    if way == "no reference":
        return tuple(replace(entity, image=None, mask=None) for entity in own)
    if way == "shuffled binding":
        return tuple(
            replace(entity, image=other.image, mask=other.mask)
            for entity, other in zip(own, own[1:] + own[:1], strict=True)
        )
    return own


@torch.no_grad()
def generate(
    bundle: Tora2Bundle,
    scene: Scene,
    way: str = "generated",
    *,
    seed: int = 0,
    steps: int = 50,
    guidance: float = 6.0,
    preset: str = "exact",
    on_step: Callable[[Any], None] | None = None,
) -> torch.Tensor:
    """One video [T, 3, H, W] in 0..1."""
    if way not in GENERATED:
        raise Tora2Error(f"There is no way to ask named {way!r}; choose from {', '.join(GENERATED)}.")
    transformer, vae = bundle.transformer, bundle.vae
    if not (transformer.has_motion and transformer.has_personalization):
        raise Tora2Error(f"{bundle.name} lacks motion or personalization parts, so the tiny suite cannot measure it.")
    frames = (bundle.size.frames, bundle.size.height, bundle.size.width)
    if frames != (len(scene.truth.video), scene.size, scene.size):
        raise Tora2Error(
            f"{bundle.name} makes {frames[0]} frames of {frames[2]}x{frames[1]}, but the tiny suite's scenes have "
            f"{len(scene.truth.video)} of {scene.size}x{scene.size}; evaluate a model of the tiny world."
        )
    prompt = scene.other_caption if way == "other background" else scene.caption
    text = encode_text(bundle.text_encoder, bundle.tokenizer, prompt, "", bundle.max_text_length)
    entities, reads = entities_for(scene, way), transformer.personalization_extractor.config
    personalization = extract_personalization(
        transformer,
        entities,
        semantic=bundle.encoder("semantic"),
        **needed_encoders(entities, bundle.component, uses_face=reads.uses_face, uses_reid=reads.uses_reid),
        size=bundle.config.reference_size,
    )
    motion = None
    if way != "no trajectory":
        motion = encode_motion(vae, scene.document, sigma=bundle.config.flow_sigma, window=bundle.config.flow_window)
    conditioning = bind_entities(transformer, text, motion, personalization)
    latents = denoise(
        transformer,
        bundle.scheduler,
        conditioning,
        size=resolve_size(transformer, conditioning.size, scene.size, scene.size, len(scene.truth.video)),
        scaling_factor=vae.config.scaling_factor,
        seeds=(seed,),
        steps=steps,
        guidance_scale=guidance,
        preset=preset,
        on_step=on_step,
    )
    return rearrange(decode(vae, latents), "t h w c -> t c h w")


@torch.no_grad()
def given(scene: Scene, way: str, vae: Any = None) -> torch.Tensor:
    """A video of ``GIVEN``."""
    video = scene.true_video()
    if way == "ground truth":
        return video
    pixels = rearrange(video, "t c h w -> 1 c t h w").to(vae.device, vae.dtype) * 2 - 1
    return rearrange(decode(vae, vae.encode(pixels).latent_dist.mode()), "t h w c -> t c h w")
