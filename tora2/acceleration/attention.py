"""Which kernel computes the blocks' full attention: one hook, set as diffusers' attention processor.

CogVideoX calls plain SDPA whatever diffusers' ``set_attention_backend`` says. ``use_attention`` gives every block one
processor of ours instead, with the kernel of the user's choice, after a check that the kernel computes what plain SDPA
does: SageAttention has returned noise for CogVideoX with Tora on some machines, and nothing but the video showed it.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import apply_rotary_emb

from ..errors import AccelerationError
from .attention_check import check_attention
from .attention_kernels import Attend, kernel

logger = logging.getLogger(__name__)

HOPPER = (9, 0)  # from here on cuDNN's kernel is faster than the flash kernel that SDPA takes by itself


class Tora2AttentionProcessor:
    """diffusers' CogVideoX attention with the kernel as a choice; it holds nothing else.

    With ``sdpa`` the result is bit for bit that of diffusers' CogVideoXAttnProcessor2_0.
    """

    def __init__(self, backend: str, attend: Attend, choice: str = ""):
        self.backend = backend
        self.attend = attend
        self.choice = choice or backend

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Visual [B, N, dim] and text [B, S, dim] tokens -> the same, attended."""
        text = encoder_hidden_states.shape[1]
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (
            projection(tokens).unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for projection in (attn.to_q, attn.to_k, attn.to_v)
        )
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)
        if image_rotary_emb is not None:
            query[:, :, text:] = apply_rotary_emb(query[:, :, text:], image_rotary_emb)
            key[:, :, text:] = apply_rotary_emb(key[:, :, text:], image_rotary_emb)
        if attention_mask is not None:  # only plain SDPA takes a mask
            attention_mask = attn.prepare_attention_mask(attention_mask, tokens.shape[1], tokens.shape[0])
            attention_mask = attention_mask.unflatten(0, (-1, attn.heads))
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        else:
            attended = self.attend(query, key, value)
        attended = attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))
        return attended[:, text:], attended[:, :text]


def use_attention(transformer: Any, choice: str = "auto", device: torch.device | None = None) -> str:
    """Let every block attend through one kernel, checked on this device; returns the kernel's name.

    ``auto`` takes cuDNN's kernel on Hopper and newer GPUs if it passes the check, else what SDPA takes by itself.

    Args:
        device: where the blocks compute; None means where they are.

    Raises:
        AccelerationError: unknown, not installed, not able to run here, or wrong.
    """
    processors = list(transformer.attn_processors.values())
    if all(isinstance(p, Tora2AttentionProcessor) and p.choice == choice for p in processors) and processors:
        return processors[0].backend  # a new object would be compiled anew
    device = device or transformer.device
    name = _preferred(device, transformer.dtype) if choice == "auto" else choice
    try:
        check_attention(name, transformer, device)
    except AccelerationError as error:
        if choice != "auto":
            raise
        # Beyond PyTorch's own there is nothing to fall back to, so nobody must be left to find out by the pictures.
        logger.warning("%s %s", error, "Going on with it all the same." if name == "sdpa" else "Taking sdpa instead.")
        name = "sdpa"
    transformer.set_attn_processor(Tora2AttentionProcessor(name, kernel(name), choice))
    return name


def current_attention(transformer: Any) -> str:
    """Name of the kernel in use; ``sdpa`` where diffusers' own processor is left in place."""
    processors = set(transformer.attn_processors.values())
    return next((p.backend for p in processors if isinstance(p, Tora2AttentionProcessor)), "sdpa")


def _preferred(device: torch.device, dtype: torch.dtype) -> str:
    half = dtype in (torch.bfloat16, torch.float16)
    if device.type == "cuda" and half and torch.cuda.get_device_capability(device) >= HOPPER:
        return "cudnn"
    return "sdpa"
