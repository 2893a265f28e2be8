"""Appearance adapters f_theta of equation 3: an identity vector becomes a few tokens of the personalization width."""

from __future__ import annotations

import torch
from torch import nn


class AppearanceAdapter(nn.Module):
    """Two-layer MLP from one identity vector to ``tokens`` tokens.

    Args:
        width: length of the identity vector (512 for ArcFace, 1024 for the re-identification network).
        token_width: d_p.
        tokens: k, number of tokens.
    """

    def __init__(self, width: int, token_width: int, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.norm_in = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, token_width * 2)
        self.out = nn.Linear(token_width * 2, token_width * tokens)
        self.norm_out = nn.LayerNorm(token_width)

    def forward(self, identity: torch.Tensor) -> torch.Tensor:
        """[E, width] -> [E, tokens, token_width]."""
        hidden = nn.functional.gelu(self.hidden(self.norm_in(identity)))
        return self.norm_out(self.out(hidden).unflatten(-1, (self.tokens, -1)))
