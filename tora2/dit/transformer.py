"""CogVideoX's transformer with Tora's motion guidance and Tora2's personalization hung on it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
from diffusers.utils import apply_lora_scale
from torch import nn

from ..binding import Binding, BindingConfig
from ..errors import ConditionError
from ..personalization.extractor import ExtractorConfig, PersonalizationExtractor
from .block import INJECTION_ORDERS, Tora2Block
from .fuser import MotionGuidanceFuser
from .patch_embed import Tora2PatchEmbed
from .personalization_attention import PersonalizationProjection
from .trajectory_extractor import TrajectoryExtractor

ADAPTER_MODULES = ("traj_extractor", "fuser", "personalization_extractor", "personalization_projection", "binding")


def is_adapter_key(name: str) -> bool:
    """Whether a state-dict key belongs to the adapter (Tora's and Tora2's parts) and not to the CogVideoX base."""
    return name.split(".", 1)[0] in ADAPTER_MODULES or ".personalization_attention." in name


class Tora2Transformer3DModel(CogVideoXTransformer3DModel):
    """CogVideoXTransformer3DModel that takes per-layer motion and personalization conditions.

    The arguments up to ``patch_bias`` are diffusers' own; with ``motion_channels=None`` and
    ``personalization_config=None`` the model is plain CogVideoX, key for key. The adapter's modules are

    - ``traj_extractor`` and ``fuser`` (Tora's names, so public Tora weights load as they are),
    - ``personalization_extractor`` (DPE: adapters and Q-Former), ``binding`` (equation 5),
    - ``personalization_projection`` (keys and values per layer) and, in each block, ``personalization_attention``.

    What they compute is constant over the denoising steps, so the stage functions call them once per video and hand the
    results to ``forward``.

    Args:
        motion_channels: width of the trajectory extractor's maps (128 in the public weights); None builds no motion
            parts.
        personalization_config: fields of :class:`ExtractorConfig`; None builds no Tora2 parts.
        binding_config: fields of :class:`BindingConfig`; needs both of the above.
        attention_width, attention_heads: inner width and heads of the personalization attention.
        injection_order: ``motion_first`` or ``personalization_first`` (Table 5).
        first_frame_optional: a model with room for a first frame (twice the latent channels in) that was trained
            without one too, as tora2-tiny was; the public image-to-video models always need one.
    """

    _no_split_modules = ["Tora2Block", "CogVideoXPatchEmbed", "Tora2PatchEmbed"]
    _repeated_blocks = ["Tora2Block"]

    @register_to_config
    def __init__(
        self,
        num_attention_heads: int = 30,
        attention_head_dim: int = 64,
        in_channels: int = 16,
        out_channels: int | None = 16,
        flip_sin_to_cos: bool = True,
        freq_shift: int = 0,
        time_embed_dim: int = 512,
        ofs_embed_dim: int | None = None,
        text_embed_dim: int = 4096,
        num_layers: int = 30,
        dropout: float = 0.0,
        attention_bias: bool = True,
        sample_width: int = 90,
        sample_height: int = 60,
        sample_frames: int = 49,
        patch_size: int = 2,
        patch_size_t: int | None = None,
        temporal_compression_ratio: int = 4,
        max_text_seq_length: int = 226,
        activation_fn: str = "gelu-approximate",
        timestep_activation_fn: str = "silu",
        norm_elementwise_affine: bool = True,
        norm_eps: float = 1e-5,
        spatial_interpolation_scale: float = 1.875,
        temporal_interpolation_scale: float = 1.0,
        use_rotary_positional_embeddings: bool = False,
        use_learned_positional_embeddings: bool = False,
        patch_bias: bool = True,
        motion_channels: int | None = 128,
        personalization_config: dict[str, Any] | None = None,
        binding_config: dict[str, Any] | None = None,
        attention_width: int = 1024,
        attention_heads: int = 16,
        injection_order: str = "motion_first",
        first_frame_optional: bool = False,
    ):
        if injection_order not in INJECTION_ORDERS:
            raise ConditionError(f"injection_order is {injection_order!r}; use one of {', '.join(INJECTION_ORDERS)}.")
        # No blocks upstream: they are built once, below, as our own class.
        super().__init__(
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            in_channels=in_channels,
            out_channels=out_channels,
            flip_sin_to_cos=flip_sin_to_cos,
            freq_shift=freq_shift,
            time_embed_dim=time_embed_dim,
            ofs_embed_dim=ofs_embed_dim,
            text_embed_dim=text_embed_dim,
            num_layers=0,
            dropout=dropout,
            attention_bias=attention_bias,
            sample_width=sample_width,
            sample_height=sample_height,
            sample_frames=sample_frames,
            patch_size=patch_size,
            patch_size_t=patch_size_t,
            temporal_compression_ratio=temporal_compression_ratio,
            max_text_seq_length=max_text_seq_length,
            activation_fn=activation_fn,
            timestep_activation_fn=timestep_activation_fn,
            norm_elementwise_affine=norm_elementwise_affine,
            norm_eps=norm_eps,
            spatial_interpolation_scale=spatial_interpolation_scale,
            temporal_interpolation_scale=temporal_interpolation_scale,
            use_rotary_positional_embeddings=use_rotary_positional_embeddings,
            use_learned_positional_embeddings=use_learned_positional_embeddings,
            patch_bias=patch_bias,
        )
        self.register_to_config(num_layers=num_layers)
        inner_dim = num_attention_heads * attention_head_dim
        self.patch_embed = Tora2PatchEmbed(
            patch_size=patch_size,
            patch_size_t=patch_size_t,
            in_channels=in_channels,
            embed_dim=inner_dim,
            text_embed_dim=text_embed_dim,
            bias=patch_bias,
            sample_width=sample_width,
            sample_height=sample_height,
            sample_frames=sample_frames,
            temporal_compression_ratio=temporal_compression_ratio,
            max_text_seq_length=max_text_seq_length,
            spatial_interpolation_scale=spatial_interpolation_scale,
            temporal_interpolation_scale=temporal_interpolation_scale,
            use_positional_embeddings=not use_rotary_positional_embeddings,
            use_learned_positional_embeddings=use_learned_positional_embeddings,
        )
        self.transformer_blocks = nn.ModuleList(
            Tora2Block(
                dim=inner_dim,
                num_attention_heads=num_attention_heads,
                attention_head_dim=attention_head_dim,
                time_embed_dim=time_embed_dim,
                dropout=dropout,
                activation_fn=activation_fn,
                attention_bias=attention_bias,
                norm_elementwise_affine=norm_elementwise_affine,
                norm_eps=norm_eps,
                attention_width=attention_width if personalization_config is not None else None,
                attention_heads=attention_heads,
                injection_order=injection_order,
            )
            for _ in range(num_layers)
        )

        self.traj_extractor = self.fuser = None
        if motion_channels is not None:
            latent_channels = out_channels or in_channels
            self.traj_extractor = TrajectoryExtractor(
                latent_channels, motion_channels, num_layers, patch_size, patch_size_t or 1
            )
            self.fuser = nn.ModuleList(MotionGuidanceFuser(motion_channels, inner_dim) for _ in range(num_layers))

        self.personalization_extractor = self.personalization_projection = self.binding = None
        if personalization_config is not None:
            extractor = ExtractorConfig(**personalization_config)
            self.personalization_extractor = PersonalizationExtractor(extractor)
            self.personalization_projection = nn.ModuleList(
                PersonalizationProjection(extractor.token_width, attention_width, attention_heads)
                for _ in range(num_layers)
            )
            if binding_config is not None:
                if motion_channels is None:
                    raise ConditionError("A binding needs motion_channels: it ties entities to motion maps.")
                self.binding = Binding(
                    BindingConfig(**binding_config),
                    token_width=extractor.token_width,
                    motion_width=motion_channels,
                    text_width=text_embed_dim,
                )

    @property
    def has_motion(self) -> bool:
        return self.traj_extractor is not None

    @property
    def has_personalization(self) -> bool:
        return self.personalization_extractor is not None

    @property
    def takes_first_frame(self) -> bool:
        return self.config.in_channels == 2 * (self.config.out_channels or self.config.in_channels)

    def motion_modulations(
        self, motion_maps: tuple[torch.Tensor, ...], frames: int, strength: float = 1.0
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Scale and shift of every layer, each [B, T'*h*w, dim]; at 5B about 9 GB in bfloat16 for one video."""
        return [self.motion_modulation(layer, motion_maps[layer], frames, strength) for layer in range(len(self.fuser))]

    def motion_modulation(
        self, layer: int, motion_map: torch.Tensor, frames: int, strength: float | torch.Tensor = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift of one layer from its map [B*T', c, h, w]."""
        scale, shift = self.fuser[layer](motion_map, frames)
        whole = isinstance(strength, (int, float)) and strength == 1.0
        return (scale, shift) if whole else (scale * strength, shift * strength)

    def personalization_keys_values(self, tokens: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values of every layer from bound tokens [B, K, d_p]."""
        return [projection(tokens) for projection in self.personalization_projection]

    @apply_lora_scale("attention_kwargs")
    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep: int | float | torch.LongTensor,
        timestep_cond: torch.Tensor | None = None,
        ofs: int | float | torch.LongTensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        return_dict: bool = True,
        text_is_projected: bool = False,
        motion_modulations: list[tuple[torch.Tensor, torch.Tensor]] | None = None,
        motion_maps: tuple[torch.Tensor, ...] | None = None,
        motion_strength: float | torch.Tensor = 1.0,
        personalization: list[tuple[torch.Tensor, torch.Tensor]] | None = None,
        personalization_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor] | Transformer2DModelOutput:
        """One denoising prediction; arguments up to ``return_dict`` are those of diffusers' CogVideoX.

        Args:
            hidden_states: [B, T', C, H', W'] latents (for image-to-video with the image latents along C).
            encoder_hidden_states: [B, S, text_embed_dim], or [B, S, dim] if ``text_is_projected``.
            text_is_projected: the text went through ``patch_embed.text_proj`` already (once per video, not per step).
            motion_modulations: per layer (scale, shift), each [B or 1, T'*h*w, dim]: fast, keeps much memory.
            motion_maps: per layer [B*T' or T', c, h, w]; the modulation is computed layer by layer in this call.
            motion_strength: factor on a modulation that is computed in this call; also one a video, [B, 1, 1].
            personalization: per layer (key, value), each [B or 1, heads, K, d].
            personalization_mask: [B, K] bool, True on real tokens; None means all are real.
        """
        height, width = hidden_states.shape[-2:]
        frames = hidden_states.shape[1] // (self.config.patch_size_t or 1)

        temb = self._time_embedding(timestep, timestep_cond, ofs, hidden_states.dtype)
        text_length = encoder_hidden_states.shape[1]
        embedded = self.embedding_dropout(
            self.patch_embed(encoder_hidden_states, hidden_states, text_is_projected=text_is_projected)
        )
        # Laid out as the blocks leave them: torch.compile takes other strides in the first layer for another program.
        text, video = (
            part.clone(memory_format=torch.contiguous_format) for part in embedded.tensor_split((text_length,), dim=1)
        )

        for layer in range(len(self.transformer_blocks)):
            arguments = (
                layer,
                video,
                text,
                temb,
                image_rotary_emb,
                attention_kwargs,
                frames,
                None if motion_modulations is None else motion_modulations[layer],
                None if motion_maps is None else motion_maps[layer],
                motion_strength,
                (None, None) if personalization is None else personalization[layer],
                personalization_mask,
            )
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                video, text = self._gradient_checkpointing_func(self._layer, *arguments)
            else:
                video, text = self._layer(*arguments)

        video = self.proj_out(self.norm_out(self.norm_final(video), temb=temb))
        output = self._unpatchify(video, frames, height, width)
        if not return_dict:
            return (output,)
        return Transformer2DModelOutput(sample=output)

    def _layer(
        self,
        layer: int,
        video: torch.Tensor,
        text: torch.Tensor,
        temb: torch.Tensor,
        rotary: tuple[torch.Tensor, torch.Tensor] | None,
        attention_kwargs: dict[str, Any] | None,
        frames: int,
        modulation: tuple[torch.Tensor, torch.Tensor] | None,
        motion_map: torch.Tensor | None,
        motion_strength: float | torch.Tensor,
        key_value: tuple[torch.Tensor | None, torch.Tensor | None],
        personalization_mask: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's modulation, unless it is given, and its block: the unit that gradient checkpointing recomputes."""
        scale, shift = modulation or (None, None)
        if modulation is None and motion_map is not None:
            scale, shift = self.motion_modulation(layer, motion_map, frames, motion_strength)
        block = self.transformer_blocks[layer]
        return block(
            video, text, temb, rotary, attention_kwargs, frames, scale, shift, *key_value, personalization_mask
        )

    def _time_embedding(self, timestep, timestep_cond, ofs, dtype: torch.dtype) -> torch.Tensor:
        temb = self.time_embedding(self.time_proj(timestep).to(dtype), timestep_cond)
        if self.ofs_embedding is not None:
            temb = temb + self.ofs_embedding(self.ofs_proj(ofs).to(dtype))
        return temb

    def _unpatchify(self, tokens: torch.Tensor, frames: int, height: int, width: int) -> torch.Tensor:
        p, p_t = self.config.patch_size, self.config.patch_size_t
        h, w = height // p, width // p
        if p_t is None:
            output = tokens.unflatten(1, (frames, h, w)).unflatten(-1, (-1, p, p))
            return output.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4)
        output = tokens.unflatten(1, (frames, h, w)).unflatten(-1, (-1, p_t, p, p))
        return output.permute(0, 1, 5, 4, 2, 6, 3, 7).flatten(6, 7).flatten(4, 5).flatten(1, 2)
