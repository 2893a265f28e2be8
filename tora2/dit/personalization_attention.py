"""Cross-attention from visual tokens to the personalization tokens of all entities (Tora2, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class PersonalizationProjection(nn.Module):
    """Keys and values of one layer. They are constant over the denoising steps, so they are computed once per video.

    Args:
        token_dim: width d_p of the personalization tokens.
        inner_dim: width of the attention (1024 at 5B).
        heads: number of heads.
    """

    def __init__(self, token_dim: int, inner_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_k = nn.Linear(token_dim, inner_dim, bias=False)
        self.to_v = nn.Linear(token_dim, inner_dim, bias=False)
        self.norm_k = nn.LayerNorm(inner_dim // heads)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, K, token_dim] -> key and value, each [B, heads, K, inner_dim / heads]."""
        key = self.norm_k(self.to_k(tokens).unflatten(-1, (self.heads, -1))).transpose(1, 2)
        value = self.to_v(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return key, value


class PersonalizationAttention(nn.Module):
    """The query side of one layer; returns the update of the visual tokens.

    The output projection starts at zero, so an untrained layer changes nothing.

    Args:
        dim: width of the visual tokens.
        inner_dim, heads: as in :class:`PersonalizationProjection`.
    """

    def __init__(self, dim: int, inner_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner_dim, bias=False)
        self.norm_q = nn.LayerNorm(inner_dim // heads)
        self.to_out = nn.Linear(inner_dim, dim)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def forward(
        self, hidden: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Update [B, S, dim] to be added to ``hidden``.

        Args:
            hidden: [B, S, dim] visual tokens.
            key, value: [B or 1, heads, K, d].
            mask: [B, K] bool, True on real tokens; a video without any gets a zero update. None means all are real.
        """
        batch = hidden.shape[0]
        query = self.norm_q(self.to_q(self.norm(hidden)).unflatten(-1, (self.heads, -1))).transpose(1, 2)
        key, value = key.expand(batch, -1, -1, -1), value.expand(batch, -1, -1, -1)
        if mask is None:
            attended = F.scaled_dot_product_attention(query, key, value)
            return self.to_out(attended.transpose(1, 2).flatten(2))
        present = mask.any(dim=1)
        attention_mask = (mask | ~present[:, None])[:, None, None, :]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        return self.to_out(attended.transpose(1, 2).flatten(2)) * present[:, None, None].to(hidden.dtype)
