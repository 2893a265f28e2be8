"""Random draws of a training step, one generator a clip.

A clip's draws follow from the run's seed and the clip's place in the run (0 for the very first clip). So they depend
neither on how a batch is spread over processes and micro-batches nor on whether the run was broken off before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

_MASK = (1 << 64) - 1


@dataclass
class Draws:
    """What a step draws for B clips.

    Attributes:
        drop_caption, drop_references, drop_trajectories, drop_entities, keep_first_frame: [B] bool.
        timesteps: [B] int of the diffusion.
        noise: [B, T', C, H', W'].
    """

    drop_caption: torch.Tensor
    drop_references: torch.Tensor
    drop_trajectories: torch.Tensor
    keep_first_frame: torch.Tensor
    timesteps: torch.Tensor
    noise: torch.Tensor
    drop_entities: torch.Tensor

    def to(self, device: str | torch.device) -> Draws:
        return Draws(**{item.name: getattr(self, item.name).to(device) for item in fields(self)})


def draw(recipe, shape: Sequence[int], timesteps: int, generator: torch.Generator | None = None) -> Draws:
    """Draws of B clips from one generator.

    Args:
        recipe: :class:`tora2.training.step.Recipe`, for its probabilities and its shift of the timesteps.
        shape: [B, T', C, H', W'] of the latents.
        timesteps: number of the diffusion's.
    """

    def chance(probability: float) -> torch.Tensor:
        return torch.rand(shape[0], generator=generator) < probability

    return Draws(
        drop_caption=chance(recipe.drop_caption),
        drop_references=chance(recipe.drop_references),
        drop_trajectories=chance(recipe.drop_trajectories),
        keep_first_frame=chance(recipe.keep_first_frame),
        timesteps=shifted(torch.randint(timesteps, (shape[0],), generator=generator), timesteps, recipe.timestep_shift),
        noise=torch.randn(tuple(shape), generator=generator),
        drop_entities=chance(recipe.drop_entities),
    )


def shifted(drawn: torch.Tensor, timesteps: int, shift: float) -> torch.Tensor:
    """Timesteps in 0..timesteps-1 moved towards the noise: s u / (1 + (s - 1) u), as Stable Diffusion 3 shifts them."""
    part = (drawn.double() + 0.5) / timesteps
    return (timesteps * shift * part / (1 + (shift - 1) * part)).long()


def draw_per_clip(recipe, shape: Sequence[int], timesteps: int, seed: int, places: Sequence[int]) -> Draws:
    """Draws of B clips, each from its own generator.

    Args:
        seed: the run's.
        places: B places in the run.
    """
    one = [
        draw(recipe, (1, *shape[1:]), timesteps, torch.Generator().manual_seed(mix(seed, place))) for place in places
    ]
    return Draws(**{item.name: torch.cat([getattr(part, item.name) for part in one]) for item in fields(Draws)})


def without_noise(parts: Sequence[Draws]) -> Draws:
    """The draws of several passes as one, without what only the denoising needs."""
    names = [item.name for item in fields(Draws) if item.name != "noise"]
    return Draws(noise=torch.empty(0), **{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def mix(seed: int, place: int) -> int:
    """A well-spread 63-bit number of two (splitmix64), so that neighbouring clips have unrelated generators."""
    value = (seed * 0x9E3779B97F4A7C15 + (place + 1) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return (value ^ (value >> 31)) >> 1
