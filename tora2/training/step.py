"""One training step: conditions from a batch, the paper's dropouts, prediction and losses."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch

from ..binding import BoundEntities, EntityBatch
from .draws import Draws, draw
from .gather import gather_rows, rank
from .losses import add_noise, contrastive_loss, diffusion_loss


@dataclass
class TrainingBatch:
    """B clips with E entities in all, as latents and frozen features.

    Attributes:
        latents: [B, T', C, H', W'] scaled clean latents; T' = 1 for stills.
        motion_latents: [B, T', C, H', W'] scaled latents of the motion map.
        text: [B, S, D] states of the captions; null_text: [1, S, D] of the empty caption.
        weights: [B, T', 1, H', W'] of the diffusion loss, mean 1.
        semantic, reid, face, is_human: features of the E references, as PersonalizationExtractor takes them.
        word_index: [E, l_c] int, token positions of the phrase in the caption, -1 for padding.
        points: [E, K, T', 2] and visible [E, K, T']: the entity's tracks at the latent frames.
        video: [E] int, the entity's clip.
        identity: [E] int, equal for the same thing.
        has_reference: [E] bool; None means that every entity has one.
        first_frame: [B, 1, C, H', W'], the first frame as an image-to-video model is given it, encoded by itself; None
            takes the clip's own first latent.
    """

    latents: torch.Tensor
    motion_latents: torch.Tensor
    text: torch.Tensor
    null_text: torch.Tensor
    weights: torch.Tensor
    semantic: torch.Tensor
    reid: torch.Tensor
    face: torch.Tensor
    is_human: torch.Tensor
    word_index: torch.Tensor
    points: torch.Tensor
    visible: torch.Tensor
    video: torch.Tensor
    identity: torch.Tensor
    has_reference: torch.Tensor | None = None
    first_frame: torch.Tensor | None = None

    def to(self, device: str | torch.device) -> TrainingBatch:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return TrainingBatch(**{name: value if value is None else value.to(device) for name, value in values.items()})

    def referenced(self, drop_references: torch.Tensor) -> torch.Tensor:
        """[E] bool, entities whose reference is there and not dropped with its clip's, [B] bool."""
        kept = ~drop_references[self.video]
        return kept if self.has_reference is None else kept & self.has_reference


@dataclass(frozen=True)
class Recipe:
    """What the paper sets (section 4.1), and what it leaves open.

    Attributes:
        drop_caption, drop_references, drop_trajectories: probability per clip, each drawn on its own.
        drop_entities: probability of not binding any entity of a clip: its trajectories are then plain Tora's.
        contrastive_weight: lambda of equation 7.
        temperature: tau of equation 6 (not given in the paper).
        keep_first_frame: probability of giving the first frame to a model that takes one.
        timestep_shift: more than 1 draws more of the noisy timesteps (3: half of them in the noisiest quarter), where
            references and trajectories decide; 1 draws all alike.
    """

    drop_caption: float = 0.5
    drop_references: float = 0.33
    drop_trajectories: float = 0.33
    drop_entities: float = 0.0
    contrastive_weight: float = 0.2
    temperature: float = 0.07
    keep_first_frame: float = 1.0
    timestep_shift: float = 1.0


def training_losses(
    transformer: Any,
    batch: TrainingBatch,
    alphas_cumprod: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor] | None,
    recipe: Recipe,
    generator: torch.Generator | None = None,
    draws: Draws | None = None,
    contrast: bool = True,
) -> dict[str, torch.Tensor]:
    """Losses of a batch.

    Args:
        transformer: Tora2Transformer3DModel with motion and personalization parts.
        alphas_cumprod: [1000] of the scheduler.
        rotary: tables from :func:`tora2.stages.denoising.rotary_tables`, or None.
        generator: on the CPU; draws timesteps, noise and dropouts, so that a resumed step repeats itself.
        draws: made beforehand (see :func:`tora2.training.draws.draw_per_clip`), instead of by ``generator``.
        contrast: False leaves the contrastive loss out, for :func:`entity_contrast` to compute over more clips.

    Returns:
        ``loss`` (equation 7), ``diffusion`` and ``contrastive``. Where several processes train together, the contrast
        is over the entities of all of them, and each process returns the same value of it.
    """
    device, videos = batch.latents.device, len(batch.latents)
    if draws is None:
        draws = draw(recipe, batch.latents.shape, len(alphas_cumprod), generator)
    draws = draws.to(device)
    drop_caption, drop_trajectories = draws.drop_caption, draws.drop_trajectories
    drop_entities, drop_references = draws.drop_entities, draws.drop_references | draws.drop_entities
    timesteps = draws.timesteps

    bound, motion_maps = bind_batch(transformer, batch, drop_references, drop_trajectories, drop_entities)
    tokens, mask = tokens_per_video(bound.tokens, batch.referenced(drop_references), batch.video, videos)
    keep_motion = (~drop_trajectories).to(batch.latents.dtype)[:, None, None]

    noisy, velocity = add_noise(batch.latents, draws.noise, alphas_cumprod.to(device)[timesteps])
    if transformer.takes_first_frame:
        first = torch.zeros_like(batch.latents)
        given = batch.latents[:, :1] if batch.first_frame is None else batch.first_frame
        first[:, :1] = given * draws.keep_first_frame[:, None, None, None, None]
        noisy = torch.cat([noisy, first], dim=2)
    prediction = transformer(
        noisy,
        torch.where(drop_caption[:, None, None], batch.null_text, batch.text),
        timesteps,
        image_rotary_emb=rotary,
        motion_maps=motion_maps,  # not their modulations: gradient checkpointing makes those anew, layer by layer
        motion_strength=keep_motion,
        personalization=transformer.personalization_keys_values(tokens),
        personalization_mask=mask,
        return_dict=False,
    )[0]

    diffusion = diffusion_loss(prediction, velocity, batch.weights)
    if contrast:
        contrastive = _contrast(bound, batch, recipe)
    else:  # every parameter stays part of every backward pass, as DDP wants it
        contrastive = (bound.appearance.sum() + bound.motion.sum()) * 0.0
    return {
        "loss": diffusion + recipe.contrastive_weight * contrastive,
        "diffusion": diffusion,
        "contrastive": contrastive,
    }


def entity_contrast(transformer: Any, batch: TrainingBatch, recipe: Recipe, draws: Draws) -> torch.Tensor:
    """The contrastive loss alone, over many clips: it needs no denoising, so a whole batch fits where a clip did.

    ``batch.latents`` and ``draws.noise`` are not read.
    """
    drop_references = draws.drop_references | draws.drop_entities
    bound = _bind(transformer, batch, drop_references, draws.drop_trajectories, draws.drop_entities)
    return _contrast(bound, batch, recipe)


def _contrast(bound: BoundEntities, batch: TrainingBatch, recipe: Recipe) -> torch.Tensor:
    video = batch.video + rank() * len(batch.motion_latents)  # every process holds as many clips
    entities = gather_rows(bound.appearance, bound.motion, bound.complete, batch.identity, video)
    return contrastive_loss(*entities, recipe.temperature)


def bind_batch(
    transformer: Any,
    batch: TrainingBatch,
    drop_references: torch.Tensor,
    drop_trajectories: torch.Tensor,
    drop_entities: torch.Tensor,
) -> tuple[BoundEntities, tuple[torch.Tensor, ...]]:
    """Personalization, binding and motion maps of a batch; what is dropped, each [B] bool, is out of the binding."""
    bound = _bind(transformer, batch, drop_references, drop_trajectories, drop_entities)
    return bound, transformer.traj_extractor.remaining_maps(bound.first_map)


def _bind(
    transformer: Any,
    batch: TrainingBatch,
    drop_references: torch.Tensor,
    drop_trajectories: torch.Tensor,
    drop_entities: torch.Tensor,
) -> BoundEntities:
    videos = len(batch.motion_latents)
    has_reference = batch.referenced(drop_references)
    tokens = transformer.personalization_extractor(batch.semantic, batch.reid, batch.face, batch.is_human)
    words_mask = (batch.word_index >= 0) & ~drop_entities[batch.video][:, None]
    words = batch.text[batch.video[:, None], batch.word_index.clamp(min=0)] * words_mask[..., None]
    entities = EntityBatch(
        tokens=tokens * has_reference[:, None, None],
        has_reference=has_reference,
        words=words,
        words_mask=words_mask,
        points=batch.points,
        visible=batch.visible & ~(drop_trajectories | drop_entities)[batch.video][:, None, None],
        video=batch.video,
    )
    return transformer.binding(entities, transformer.traj_extractor.first_map(batch.motion_latents), videos)


def tokens_per_video(
    tokens: torch.Tensor, present: torch.Tensor, video: torch.Tensor, videos: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of entities -> one padded row of tokens per video.

    Args:
        tokens: [E, l_p, d_p]; present: [E] bool; video: [E] int, ascending.

    Returns:
        [B, n * l_p, d_p] and the mask [B, n * l_p] of real tokens, n = most entities in a video.
    """
    counts = torch.bincount(video, minlength=videos)
    most = max(1, int(counts.max()))
    place = torch.arange(len(video), device=video.device) - (counts.cumsum(0) - counts)[video]
    rows = tokens.new_zeros(videos, most, *tokens.shape[1:])
    rows = rows.index_put((video, place), tokens)
    mask = torch.zeros(videos, most, dtype=torch.bool, device=video.device)
    mask = mask.index_put((video, place), present)
    return rows.flatten(1, 2), mask.repeat_interleave(tokens.shape[1], dim=1)
