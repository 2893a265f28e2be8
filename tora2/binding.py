"""Binding of an entity's appearance, motion and words (Tora2, equation 5).

Per entity [p_i ; m_i ; c_i] -> self-attention -> p_i += G_p(.), m_i += G_m(.). The paper does not say how a path
becomes tokens; here m_i are bilinear samples of the trajectory extractor's first map at the entity's places, one per
track and latent frame, and their update is painted back onto the same places, so that the motion carries who travels
there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .errors import ConditionError

VARIANTS = ("gated", "linear", "none")
OFFSET_FREQUENCIES = 4


@dataclass(frozen=True)
class BindingConfig:
    """Sizes of the binding; the defaults are those of the 5B model.

    Attributes:
        variant: a row of the paper's Table 3: ``gated`` self-attention, ``linear`` projection of each token with the
            pooled others, or ``none``. The linear one keeps gates and painting too, so that it begins as exactly Tora;
            what the two rows differ in is attention against pooling.
        width: d, common width of the three kinds of token.
        layers, heads: of the self-attention.
        footprint: standard deviation of the painted Gaussian in cells of the motion map (16 px at full size).
    """

    variant: str = "gated"
    width: int = 768
    layers: int = 2
    heads: int = 12
    footprint: float = 2.0

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ConditionError(
                f"The binding variant {self.variant!r} does not exist; use one of {', '.join(VARIANTS)}."
            )


@dataclass(frozen=True)
class EntityBatch:
    """Entities of all videos of a batch, padded to common lengths.

    Attributes:
        tokens: p_i [E, l_p, d_p].
        has_reference: [E] bool; p_i without a reference are neither read nor updated.
        words: c_i [E, l_c, D] text states of the phrase's own tokens, zero-padded (l_c may be 0).
        words_mask: [E, l_c] bool.
        points: [E, K, T', 2] float 0..1, places of the entity's up to K tracks at the latent frames.
        visible: [E, K, T'] bool; False too where a track does not exist.
        video: [E] int, index of the video in the batch.
    """

    tokens: torch.Tensor
    has_reference: torch.Tensor
    words: torch.Tensor
    words_mask: torch.Tensor
    points: torch.Tensor
    visible: torch.Tensor
    video: torch.Tensor


@dataclass(frozen=True)
class BoundEntities:
    """Result of the binding.

    Attributes:
        tokens: bound p_i [E, l_p, d_p].
        first_map: the trajectory extractor's first map with all m_i painted in, or None if none was given.
        appearance, motion: [E, d] unit vectors of pooled bound p_i and m_i, for the contrastive loss.
        complete: [E] bool, entities that have both a reference and a visible track.
    """

    tokens: torch.Tensor
    first_map: torch.Tensor | None
    appearance: torch.Tensor
    motion: torch.Tensor
    complete: torch.Tensor


class SelfAttentionLayer(nn.Module):
    """Pre-norm self-attention and feed-forward over one entity's tokens."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)
        self.norm_ff = nn.LayerNorm(width)
        self.ff = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[E, n, width] with mask [E, n] of real tokens."""
        query, key, value = (
            self.to_qkv(self.norm_attention(hidden)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        hidden = hidden + self.to_out(attended.transpose(1, 2).flatten(2))
        return hidden + self.ff(self.norm_ff(hidden))


class Binding(nn.Module):
    """Equation 5 with its two ablations.

    Gates start at zero, so an untrained binding changes nothing.

    Args:
        config: sizes and variant.
        token_width: d_p of the personalization tokens.
        motion_width: width of the motion map.
        text_width: width of the text encoder's states.
    """

    def __init__(self, config: BindingConfig, *, token_width: int, motion_width: int, text_width: int):
        super().__init__()
        self.config = config
        width = config.width
        # The contrastive loss compares p_i and m_i in every variant, so these two exist in every variant.
        self.contrast_appearance = nn.Linear(token_width, width, bias=False)
        self.contrast_motion = nn.Linear(motion_width, width, bias=False)
        if config.variant == "none":
            return
        self.appearance_in = nn.Linear(token_width, width)
        self.motion_in = nn.Linear(motion_width, width)
        self.words_in = nn.Linear(text_width, width)
        self.kind = nn.Parameter(torch.randn(3, width) * 0.02)
        self.place_in = nn.Linear(6 * OFFSET_FREQUENCIES, width)
        if config.variant == "gated":
            self.layers = nn.ModuleList(SelfAttentionLayer(width, config.heads) for _ in range(config.layers))
            self.norm_out = nn.LayerNorm(width)
        else:
            self.appearance_linear = nn.Linear(3 * width, width)
            self.motion_linear = nn.Linear(3 * width, width)
        self.appearance_out = nn.Linear(width, token_width)
        self.appearance_gate = nn.Parameter(torch.zeros(token_width))
        self.paint = nn.Sequential(
            nn.Linear(width + 4 * OFFSET_FREQUENCIES, width), nn.SiLU(), nn.Linear(width, motion_width)
        )
        self.motion_gate = nn.Parameter(torch.zeros(motion_width))

    def forward(self, entities: EntityBatch, first_map: torch.Tensor | None, videos: int = 1) -> BoundEntities:
        """Bind every entity to its own tracks and words, and to nobody else's.

        Args:
            entities: all entities of the batch.
            first_map: [B*T', c, h, w] from ``TrajectoryExtractor.first_map``; None binds appearance and words alone.
            videos: B.
        """
        motion = self._sample(entities, first_map, videos)
        tokens, painted, motion_bound = entities.tokens, first_map, motion
        if self.config.variant != "none":
            appearance_hat, motion_hat = self._mix(entities, motion)
            update = torch.tanh(self.appearance_gate) * self.appearance_out(appearance_hat)
            tokens = tokens + update * entities.has_reference[:, None, None]
            if first_map is not None:
                gate = torch.tanh(self.motion_gate)
                centre = motion_hat.new_zeros(*motion_hat.shape[:-1], 2)
                motion_bound = motion + gate * self._paint(motion_hat, centre)
                painted = first_map + gate[:, None, None] * self._footprints(entities, motion_hat, first_map, videos)
        weights = entities.visible.flatten(1).to(motion.dtype)
        pooled = (motion_bound.flatten(1, 2) * weights[..., None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1)
        return BoundEntities(
            tokens=tokens,
            first_map=painted,
            appearance=F.normalize(self.contrast_appearance(tokens.mean(1)), dim=-1),
            motion=F.normalize(self.contrast_motion(pooled), dim=-1),
            complete=entities.has_reference & entities.visible.flatten(1).any(1),
        )

    def _sample(self, entities: EntityBatch, first_map: torch.Tensor | None, videos: int) -> torch.Tensor:
        """m_i [E, K, T', c]: the map at the places of the tracks, zero where there is no map."""
        count, tracks, frames = entities.visible.shape
        if first_map is None:
            return entities.tokens.new_zeros(count, tracks, frames, self.contrast_motion.in_features)
        maps = first_map.unflatten(0, (videos, frames))[entities.video]
        # Half precision would round places by up to 4 px at full size. Places beyond the centres of the border's cells
        # are moved there, which is border padding, and that MPS lacks before torch 2.13.
        half_a_cell = 0.5 / torch.tensor(maps.shape[:-3:-1], device=maps.device)
        places = entities.points.float().maximum(half_a_cell).minimum(1 - half_a_cell)
        grid = (places * 2 - 1).transpose(1, 2).flatten(0, 1)[:, :, None]
        samples = F.grid_sample(maps.flatten(0, 1).float(), grid, align_corners=False).to(maps.dtype)
        return samples.squeeze(-1).unflatten(0, (count, frames)).permute(0, 3, 1, 2)

    def _mix(self, entities: EntityBatch, motion: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """p^ [E, l_p, d] and m^ [E, K, T', d]."""
        count, tracks, frames, _ = motion.shape
        appearance = self.appearance_in(entities.tokens) + self.kind[0]
        moving = (self.motion_in(motion) + self._place(entities.points, motion.dtype) + self.kind[1]).flatten(1, 2)
        words = self.words_in(entities.words) + self.kind[2]
        appearance_mask = entities.has_reference[:, None].expand(-1, appearance.shape[1])
        motion_mask = entities.visible.flatten(1)
        if self.config.variant == "gated":
            hidden = torch.cat([appearance, moving, words], dim=1)
            mask = torch.cat([appearance_mask, motion_mask, entities.words_mask], dim=1)
            # An entity with nothing at all would attend to nothing and give NaN; its results are not used.
            mask = mask | ~mask.any(1, keepdim=True)
            for layer in self.layers:
                hidden = layer(hidden, mask)
            hidden = self.norm_out(hidden)
            appearance, moving = (
                hidden[:, : appearance.shape[1]],
                hidden[:, appearance.shape[1] :][:, : moving.shape[1]],
            )
        else:
            pooled = [
                _masked_mean(tokens, mask)
                for tokens, mask in (
                    (appearance, appearance_mask),
                    (moving, motion_mask),
                    (words, entities.words_mask),
                )
            ]
            appearance = self.appearance_linear(_join(appearance, pooled[1], pooled[2]))
            moving = self.motion_linear(_join(moving, pooled[0], pooled[2]))
        return appearance, moving.unflatten(1, (tracks, frames))

    def _place(self, points: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Encoding of the latent frame and the place, [E, K, T', d]."""
        frames = points.shape[2]
        time = torch.arange(frames, device=points.device, dtype=points.dtype) / max(frames - 1, 1)
        place = torch.cat([points, time[:, None].expand_as(points[..., :1])], dim=-1)
        return self.place_in(_fourier(place, OFFSET_FREQUENCIES).to(dtype))

    def _paint(self, motion_hat: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
        """Update of a cell [..., c] from the track's token [..., d] and the cell's offset [..., 2] in footprints."""
        encoded = _fourier(offset / 4, OFFSET_FREQUENCIES).to(motion_hat.dtype)
        return self.paint(torch.cat([motion_hat, encoded], dim=-1))

    def _footprints(
        self, entities: EntityBatch, motion_hat: torch.Tensor, first_map: torch.Tensor, videos: int
    ) -> torch.Tensor:
        """Sum over all tracks of Gaussian footprints [B*T', c, h, w], each cell knowing its offset from the centre."""
        height, width = first_map.shape[-2:]
        frames = entities.visible.shape[-1]
        scale = torch.tensor([width, height], device=first_map.device, dtype=torch.float32)
        reach = math.ceil(3 * self.config.footprint)
        side = 2 * reach + 1
        window = torch.cartesian_prod(*(torch.arange(-reach, reach + 1, device=first_map.device),) * 2).flip(-1)

        # Only the cells under a footprint are computed: at 5B a map has 1350 cells, a footprint of 2 cells covers 169.
        places = entities.points.float() * scale
        nearest = torch.floor(places)
        cell = (nearest[..., None, :] + window).long()
        inside = ((cell >= 0) & (cell < scale.long())).all(-1) & entities.visible[..., None]
        offset = (cell + 0.5 - places[..., None, :]) / self.config.footprint
        weight = torch.exp(-0.5 * offset.square().sum(-1)) * inside
        values = self._paint(motion_hat[..., None, :].expand(*motion_hat.shape[:-1], side * side, -1), offset)

        video = entities.video[:, None, None, None]
        time = torch.arange(frames, device=first_map.device)[None, None, :, None]
        cell = cell.clamp(min=0).minimum(scale.long() - 1)
        index = ((video * frames + time) * height + cell[..., 1]) * width + cell[..., 0]
        canvas = values.new_zeros(videos * frames * height * width, values.shape[-1])
        canvas = canvas.index_add(0, index.flatten(), (values * weight[..., None].to(values.dtype)).flatten(0, -2))
        return canvas.unflatten(0, (videos * frames, height, width)).permute(0, 3, 1, 2)


def _fourier(values: torch.Tensor, frequencies: int) -> torch.Tensor:
    """Sines and cosines of values [..., n] at octaves 2^0..2^(frequencies-1) times pi: [..., 2 * n * frequencies]."""
    octaves = math.pi * 2.0 ** torch.arange(frequencies, device=values.device, dtype=torch.float32)
    angles = (values.float()[..., None] * octaves).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _masked_mean(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask.to(tokens.dtype)[..., None]
    return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)


def _join(tokens: torch.Tensor, *pooled: torch.Tensor) -> torch.Tensor:
    return torch.cat([tokens, *(vector[:, None].expand(-1, tokens.shape[1], -1) for vector in pooled)], dim=-1)
