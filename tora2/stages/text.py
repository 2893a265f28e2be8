"""Prompt -> text conditions."""

from __future__ import annotations

from typing import Any

import torch

from ..conditions import TextConditions
from ..memory.placement import compute_device
from ..phrases import tokenize_prompt


@torch.no_grad()
def encode_text(
    text_encoder: Any, tokenizer: Any, prompt: str, negative_prompt: str = "", max_length: int = 226
) -> TextConditions:
    """Encode prompt and negative prompt as CogVideoX does: padded to ``max_length``, without an attention mask.

    Args:
        text_encoder: transformers' T5EncoderModel, on its device.
        tokenizer: its fast tokenizer.
        max_length: the transformer's ``max_text_seq_length``.
    """
    ids, offsets, truncated_from = tokenize_prompt(tokenizer, prompt, max_length)
    negative_ids, _, _ = tokenize_prompt(tokenizer, negative_prompt, max_length)
    device = compute_device(text_encoder)
    embeds = text_encoder(torch.cat([ids, negative_ids]).to(device))[0]
    return TextConditions(prompt, negative_prompt, embeds[:1], embeds[1:], offsets, truncated_from)
