"""What travels between the stages: scene -> (text | personalization | motion) -> binding -> denoising -> decoding.

Plain frozen dataclasses of tensors. Shapes use B videos, N tracks, E entities, T frames of the video,
T' latent frames = (T - 1) / 4 + 1, H'xW' latent size, h x w = H'/2 x W'/2 patches, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

TEMPORAL_COMPRESSION = 4
SPATIAL_COMPRESSION = 8


@dataclass(frozen=True)
class VideoSize:
    """Size of the video in frames and pixels."""

    frames: int
    height: int
    width: int

    @classmethod
    def of_latents(cls, frames: int, height: int, width: int) -> VideoSize:
        return cls((frames - 1) * TEMPORAL_COMPRESSION + 1, height * SPATIAL_COMPRESSION, width * SPATIAL_COMPRESSION)

    @classmethod
    def trained(cls, config: Any) -> VideoSize:
        """What a CogVideoX transformer was trained on, by its config."""
        return cls(
            config.sample_frames, config.sample_height * SPATIAL_COMPRESSION, config.sample_width * SPATIAL_COMPRESSION
        )

    @property
    def latent(self) -> tuple[int, int, int]:
        """Latent frames T', rows H', columns W' of CogVideoX's VAE: the first frame by itself, then four at a time."""
        frames = (self.frames - 1) // TEMPORAL_COMPRESSION + 1
        return frames, self.height // SPATIAL_COMPRESSION, self.width // SPATIAL_COMPRESSION


@dataclass(frozen=True)
class TextConditions:
    """The prompt and its negative as the text encoder sees them.

    Attributes:
        prompt: the text itself; entity phrases are looked up in it.
        embeds: [1, S, D] encoder states of the prompt, S = the transformer's ``max_text_seq_length`` (226 at 5B).
        negative_embeds: [1, S, D] of the negative prompt.
        offsets: [S, 2] int, first and one-past-last character of each token in ``prompt``; (0, 0) for padding and
            end-of-sequence. It ties a phrase to its tokens.
        truncated_from: number of tokens that the prompt would have had if it had not been cut at S, or None if nothing
            was cut.
    """

    prompt: str
    negative_prompt: str
    embeds: torch.Tensor
    negative_embeds: torch.Tensor
    offsets: torch.Tensor
    truncated_from: int | None = None


@dataclass(frozen=True)
class MotionConditions:
    """Trajectories after the motion VAE.

    Attributes:
        latents: [1, T', C, H', W'] scaled latents of the colour-coded motion map.
        points: [N, T', 2] float, x and y in 0..1 of the canvas, the track's place at each latent frame.
        visible: [N, T'] bool.
        names: N track names; several tracks may share one name (one entity, held at several points).
        size: the video that the trajectories were drawn for.
        strength: factor on the motion-guidance fuser's scale and shift; 1 is what was trained.
        start, end: part of the denoising steps, 0..1, in which motion guides.
        flow_preview: [T, 3, H, W] uint8, the colour-coded map that was encoded.
        colors: N colours, "#rrggbb", in which previews draw the tracks; empty where nobody looks.
    """

    latents: torch.Tensor
    points: torch.Tensor
    visible: torch.Tensor
    names: tuple[str, ...]
    size: VideoSize
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    flow_preview: torch.Tensor | None = None
    colors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entity:
    """One entity as the user gives it.

    Attributes:
        phrase: the words of the prompt that name it, e.g. ``"a red fox"``; empty if it is not in the prompt.
        image: [H, W, 3] float 0..1 reference picture, or None (then only its words and track are bound).
        mask: [H, W] float 0..1, 1 on the entity; None keeps the whole picture.
        kind: ``auto`` (human if a face is found), ``human`` or ``object``.
        track: name of its track(s); empty means the phrase is the name.
    """

    phrase: str
    image: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    kind: str = "auto"
    track: str = ""

    @property
    def track_name(self) -> str:
        return self.track or self.phrase


@dataclass(frozen=True)
class PersonalizationConditions:
    """Personalization embeddings p_i of equation 4, one row an entity.

    Attributes:
        tokens: [E, l_p, d_p].
        has_reference: [E] bool; False where the entity came without a picture (its tokens are zero and masked out).
        is_human: [E] bool, which identity encoder was used.
        entities: the E entities, for their phrases and track names.
        seen: [E, S, S, 3] float 0..1, the pictures that the encoders saw, for the preview.
    """

    tokens: torch.Tensor
    has_reference: torch.Tensor
    is_human: torch.Tensor
    entities: tuple[Entity, ...]
    seen: torch.Tensor | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Track name -> the phrase of its entity, or those of all that share the track."""
        phrases: dict[str, list[str]] = {}
        for entity in self.entities:
            phrases.setdefault(entity.track_name, []).append(entity.phrase)
        return {name: " + ".join(filter(None, dict.fromkeys(own))) for name, own in phrases.items()}


@dataclass(frozen=True)
class Conditioning:
    """Everything the denoising loop needs, bound and constant over its steps.

    Attributes:
        embeds, negative_embeds: [1, S, D] text states.
        motion_maps: L maps [T', c, h, w] of the trajectory extractor, one per transformer layer; None without motion.
        tokens: [1, K, d_p], bound tokens of all entities that have a reference, in one row; None without.
        size: the video's size if motion fixed it, else None.
        motion: the motion conditions, for the parameters of the fuser and for previews.
        doubts: sentences about entities that were probably meant otherwise.
    """

    embeds: torch.Tensor
    negative_embeds: torch.Tensor
    motion_maps: tuple[torch.Tensor, ...] | None = None
    tokens: torch.Tensor | None = None
    size: VideoSize | None = None
    motion: MotionConditions | None = None
    doubts: tuple[str, ...] = ()
