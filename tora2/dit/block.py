"""One CogVideoX block with both injection points of Tora2."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.hooks._helpers import TransformerBlockMetadata, TransformerBlockRegistry
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock

from .fuser import fuse
from .personalization_attention import PersonalizationAttention

INJECTION_ORDERS = ("motion_first", "personalization_first")


class Tora2Block(CogVideoXBlock):
    """CogVideoX block that takes its layer's conditions as plain tensors.

    Order ``motion_first`` (the paper's choice, Table 5): motion fuser, full attention with the text, personalization
    attention, feed-forward. ``personalization_first`` attends to the personalization tokens before the fuser.
    Without conditions the block computes exactly what diffusers' CogVideoXBlock does.

    Args:
        attention_width, attention_heads: inner width and heads of the personalization attention; None builds none.
        injection_order: ``motion_first`` or ``personalization_first``.
        block_options: arguments of diffusers' CogVideoXBlock.
    """

    def __init__(
        self,
        *,
        attention_width: int | None = None,
        attention_heads: int = 16,
        injection_order: str = "motion_first",
        **block_options: Any,
    ):
        super().__init__(**block_options)
        self.personalization_first = injection_order == "personalization_first"
        self.personalization_attention = (
            PersonalizationAttention(block_options["dim"], attention_width, attention_heads)
            if attention_width is not None
            else None
        )

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        temb: torch.Tensor,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        frames: int = 1,
        motion_scale: torch.Tensor | None = None,
        motion_shift: torch.Tensor | None = None,
        personalization_key: torch.Tensor | None = None,
        personalization_value: torch.Tensor | None = None,
        personalization_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Visual tokens [B, T'*h*w, dim] and text tokens [B, S, dim] in and out.

        Args:
            temb: [B, time_embed_dim].
            image_rotary_emb: cosine and sine tables, each [T'*h*w, head_dim].
            frames: T', for the fuser's statistics.
            motion_scale, motion_shift: [B or 1, T'*h*w, dim] of this layer's fuser.
            personalization_key, personalization_value: [B or 1, heads, K, d] of this layer.
            personalization_mask: [B, K] bool or None.
        """
        text_length = encoder_hidden_states.shape[1]
        personalization = (personalization_key, personalization_value, personalization_mask)
        personalize = personalization_key is not None

        if personalize and self.personalization_first:
            hidden_states = hidden_states + self.personalization_attention(hidden_states, *personalization)

        norm_hidden, norm_text, gate, text_gate = self.norm1(hidden_states, encoder_hidden_states, temb)
        if motion_scale is not None:
            norm_hidden = fuse(norm_hidden, motion_scale, motion_shift, frames)
        attn_hidden, attn_text = self.attn1(
            hidden_states=norm_hidden,
            encoder_hidden_states=norm_text,
            image_rotary_emb=image_rotary_emb,
            **(attention_kwargs or {}),
        )
        hidden_states = hidden_states + gate * attn_hidden
        encoder_hidden_states = encoder_hidden_states + text_gate * attn_text

        if personalize and not self.personalization_first:
            hidden_states = hidden_states + self.personalization_attention(hidden_states, *personalization)

        norm_hidden, norm_text, gate, text_gate = self.norm2(hidden_states, encoder_hidden_states, temb)
        ff = self.ff(torch.cat([norm_text, norm_hidden], dim=1))
        hidden_states = hidden_states + gate * ff[:, text_length:]
        encoder_hidden_states = encoder_hidden_states + text_gate * ff[:, :text_length]
        return hidden_states, encoder_hidden_states


TransformerBlockRegistry.register(
    Tora2Block,
    TransformerBlockMetadata(return_hidden_states_index=0, return_encoder_hidden_states_index=1),
)
