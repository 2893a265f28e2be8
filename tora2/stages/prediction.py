"""What the transformer says about one step, with everything that is constant over a video computed once and held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid

from ..acceleration.compiling import is_compiled, share_graph_between_entity_counts
from ..conditions import Conditioning, VideoSize
from ..memory.placement import compute_device


class Predictor:
    """The predictions of both guidance branches at one step.

    Text projection, rotary tables, personalization keys and values and, when memory allows, the motion's scale and
    shift of every layer are computed when it is made. ``kept`` says how many bytes each of them holds.

    Args:
        transformer: Tora2Transformer3DModel, on its device.
        guided: both branches; else the prompt's alone.
        together: both in one batch, else one after the other.
        first_frame: [1, T', C, H', W'] image latents, or None.
        keep_modulations: see ``denoise``.
    """

    def __init__(
        self,
        transformer: Any,
        conditioning: Conditioning,
        *,
        size: VideoSize,
        guided: bool,
        together: bool,
        first_frame: torch.Tensor | None = None,
        keep_modulations: bool | None = None,
        attention_kwargs: dict[str, Any] | None = None,
    ):
        device, dtype = compute_device(transformer), transformer.dtype
        self.transformer, self.dtype = transformer, dtype
        self.first_frame = None if first_frame is None else first_frame.to(device, dtype)
        self.guided = guided
        self.together = together
        self.attention_kwargs = attention_kwargs
        embeds = [conditioning.negative_embeds, conditioning.embeds] if guided else [conditioning.embeds]
        self.text = [transformer.patch_embed.text_proj(states.to(device, dtype)) for states in embeds]
        self.rotary = rotary_tables(transformer, size, device)
        self.personalization = None
        if conditioning.tokens is not None:
            self.personalization = transformer.personalization_keys_values(conditioning.tokens.to(device, dtype))
            if is_compiled(transformer):
                share_graph_between_entity_counts(self.personalization)
        self.motion: dict[str, Any] = {}
        if conditioning.motion_maps is not None:
            self.motion = self._motion(conditioning, keep_modulations, device, dtype)

    def _motion(self, conditioning: Conditioning, keep: bool | None, device, dtype) -> dict[str, Any]:
        maps = tuple(motion_map.to(device, dtype) for motion_map in conditioning.motion_maps)
        strength = conditioning.motion.strength
        frames = maps[0].shape[0]
        if keep is None:
            keep = kept_bytes(self.transformer, maps) <= _free_memory(device) / 2
        if keep:
            return {"motion_modulations": self.transformer.motion_modulations(maps, frames, strength)}
        return {"motion_maps": maps, "motion_strength": strength}

    @property
    def kept(self) -> dict[str, int]:
        """Bytes held over the steps, by what they are."""
        held = {
            "text": self.text,
            "rotary tables": self.rotary,
            "personalization keys and values": self.personalization,
            "motion scale and shift": self.motion.get("motion_modulations"),
            "motion maps": self.motion.get("motion_maps"),
            "first frame": self.first_frame,
        }
        return {name: _bytes(value) for name, value in held.items() if value is not None}

    def __call__(
        self, latents: torch.Tensor, timestep: torch.Tensor, scale: float, *, with_motion: bool
    ) -> torch.Tensor:
        """[B, T', C, H', W'] -> guided prediction of the same shape, float32."""
        if not self.guided:
            return self.prompt_branch(latents, timestep, with_motion=with_motion)
        negative, positive = self.both_branches(latents, timestep, with_motion=with_motion)
        return negative + scale * (positive - negative)

    def both_branches(
        self, latents: torch.Tensor, timestep: torch.Tensor, *, with_motion: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predictions of the negative and of the prompt's branch, each [B, T', C, H', W'] in float32."""
        if not self.together:
            first, second = (self._run(latents, [text], timestep, with_motion) for text in self.text)
            return first, second
        negative, positive = self._run(latents, self.text, timestep, with_motion).chunk(2)
        return negative, positive

    def prompt_branch(self, latents: torch.Tensor, timestep: torch.Tensor, *, with_motion: bool) -> torch.Tensor:
        """Prediction of the prompt's branch alone."""
        return self._run(latents, self.text[-1:], timestep, with_motion)

    def _run(
        self, latents: torch.Tensor, texts: Sequence[torch.Tensor], timestep: torch.Tensor, with_motion: bool
    ) -> torch.Tensor:
        latents = latents.to(self.dtype)
        if self.first_frame is not None:
            latents = torch.cat([latents, self.first_frame.expand(latents.shape[0], -1, -1, -1, -1)], dim=2)
        text = torch.cat([states.expand(latents.shape[0], -1, -1) for states in texts])
        batch = text.shape[0]
        return self.transformer(
            hidden_states=latents if len(texts) == 1 else torch.cat([latents] * len(texts)),
            encoder_hidden_states=text,
            timestep=timestep.expand(batch),
            ofs=self._ofs(latents),
            image_rotary_emb=self.rotary,
            attention_kwargs=self.attention_kwargs,
            return_dict=False,
            text_is_projected=True,
            personalization=self.personalization,
            **(self.motion if with_motion else {}),
        )[0].float()

    def _ofs(self, latents: torch.Tensor) -> torch.Tensor | None:
        return None if self.transformer.config.ofs_embed_dim is None else latents.new_full((1,), 2.0)


def rotary_tables(transformer: Any, size: VideoSize, device: torch.device) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Cosine and sine tables [T'*h*w, head_dim] as diffusers' CogVideoX pipelines prepare them; None without rotary."""
    config = transformer.config
    if not config.use_rotary_positional_embeddings:
        return None
    patch = config.patch_size
    latent_frames, height, width = size.latent
    grid = (height // patch, width // patch)
    base = (config.sample_height // patch, config.sample_width // patch)
    if config.patch_size_t is None:
        return get_3d_rotary_pos_embed(
            embed_dim=config.attention_head_dim,
            crops_coords=get_resize_crop_region_for_grid(grid, base[1], base[0]),
            grid_size=grid,
            temporal_size=latent_frames,
            device=device,
        )
    return get_3d_rotary_pos_embed(
        embed_dim=config.attention_head_dim,
        crops_coords=None,
        grid_size=grid,
        temporal_size=-(-latent_frames // config.patch_size_t),
        grid_type="slice",
        max_size=base,
        device=device,
    )


def kept_bytes(transformer: Any, maps: Sequence[torch.Tensor]) -> int:
    """Memory of the scale and shift of every layer for one video; ``memory.estimates`` reckons it without maps."""
    frames, _, height, width = maps[0].shape
    dim = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    return 2 * len(maps) * frames * height * width * dim * maps[0].element_size()


def _free_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return math.inf


def _bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    return sum(map(_bytes, value))
