"""Q-Former of equation 4: learned queries read the visual tokens of one entity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class CrossAttention(nn.Module):
    """Multi-head attention from queries [E, Q, d] to a context [E, V, d]."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, queries: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        query = self.to_q(queries).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.to_kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.to_out(attended.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """Linear, GELU, linear, four times as wide inside."""

    def __init__(self, width: int):
        super().__init__(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class QFormerLayer(nn.Module):
    """Pre-norm cross-attention and feed-forward, both residual, as the paper describes its Q-Former."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_queries = nn.LayerNorm(width)
        self.attention = CrossAttention(width, heads)
        self.norm_ff = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, queries: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        queries = queries + self.attention(self.norm_queries(queries), context)
        return queries + self.ff(self.norm_ff(queries))


class QFormer(nn.Module):
    """Stacked cross-attention and feed-forward layers over ``queries`` learned queries.

    Args:
        width: d_p.
        queries: l_p, number of personalization tokens per entity.
        layers, heads: depth and heads.
    """

    def __init__(self, width: int, queries: int, layers: int, heads: int):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, queries, width) * width**-0.5)
        self.norm_context = nn.LayerNorm(width)
        self.layers = nn.ModuleList(QFormerLayer(width, heads) for _ in range(layers))
        self.norm_out = nn.LayerNorm(width)

    def forward(self, visual_tokens: torch.Tensor) -> torch.Tensor:
        """v_i [E, V, width] -> p_i [E, queries, width]."""
        context = self.norm_context(visual_tokens)
        queries = self.queries.expand(visual_tokens.shape[0], -1, -1)
        for layer in self.layers:
            queries = layer(queries, context)
        return self.norm_out(queries)
