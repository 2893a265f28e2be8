"""Motion-guidance fuser of Tora: an adaptive normalisation of the visual tokens by the motion map of their layer.

Tora computes h + GroupNorm(h) * gamma + beta. The norm's own affine parameters are constant, so they are folded into
gamma and beta once per video and the transformer block only needs ``fuse``, which has no parameters.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import nn

GROUPS = 32
EPS = 1e-5


class FoldedGroupNorm(nn.GroupNorm):
    """The affine half of a group norm, folded into a modulation.

    (n * weight + bias) * gamma + beta == n * (weight * gamma) + (bias * gamma + beta) for the normalised n.
    It stays a GroupNorm so that Tora's state dict fits and offloading hooks see its parameters used in ``forward``.
    """

    def forward(self, gamma: torch.Tensor, beta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self.weight[:, None], self.bias[:, None]
        return gamma * weight, torch.addcmul(beta, gamma, bias)


class MotionGuidanceFuser(nn.Module):
    """Scale and shift of one transformer layer from its motion map; names are Tora's (``MGF``).

    Args:
        motion_channels: width of the motion map.
        dim: width of the transformer's tokens, a multiple of 32.
    """

    def __init__(self, motion_channels: int, dim: int):
        super().__init__()
        hidden = dim // 4
        self.flow_gamma_spatial = nn.Conv2d(motion_channels, hidden, 3, padding=1)
        self.flow_gamma_temporal = nn.Conv1d(hidden, dim, 3, padding=1, padding_mode="replicate")
        self.flow_beta_spatial = nn.Conv2d(motion_channels, hidden, 3, padding=1)
        self.flow_beta_temporal = nn.Conv1d(hidden, dim, 3, padding=1, padding_mode="replicate")
        self.flow_cond_norm = FoldedGroupNorm(GROUPS, dim, eps=EPS)
        for convolution in (self.flow_gamma_temporal, self.flow_beta_temporal):
            nn.init.zeros_(convolution.weight)
            nn.init.zeros_(convolution.bias)

    def forward(self, motion_map: torch.Tensor, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift for ``fuse``.

        Args:
            motion_map: [B*T', c, h, w].
            frames: T', number of latent frames.

        Returns:
            scale and shift, each [B, T'*h*w, dim]. Both are zero for untrained temporal convolutions.
        """
        gamma = self._temporal(self.flow_gamma_temporal, self.flow_gamma_spatial(motion_map), frames)
        beta = self._temporal(self.flow_beta_temporal, self.flow_beta_spatial(motion_map), frames)
        scale, shift = self.flow_cond_norm(gamma, beta)
        h, w = motion_map.shape[-2:]
        pattern = "(b h w) c t -> b (t h w) c"
        return rearrange(scale, pattern, h=h, w=w), rearrange(shift, pattern, h=h, w=w)

    @staticmethod
    def _temporal(convolution: nn.Conv1d, spatial: torch.Tensor, frames: int) -> torch.Tensor:
        return convolution(rearrange(spatial, "(b t) c h w -> (b h w) c t", t=frames))


def fuse(hidden: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, frames: int) -> torch.Tensor:
    """h + normalised(h) * scale + shift, equation 2 as Tora implements it.

    Args:
        hidden: [B, T'*h*w, dim] visual tokens after the block's first norm.
        scale, shift: [B or 1, T'*h*w, dim] from :class:`MotionGuidanceFuser`.
        frames: T'; the statistics are per latent frame and group of channels, in float32.
    """
    # No copy of the tokens in float32: reductions widen on the way in, and the normalisation is one scale and one shift
    # a group. At 5B this halves the memory traffic of the fuser.
    grouped = hidden.unflatten(1, (frames, -1)).unflatten(-1, (GROUPS, -1))
    count = grouped.shape[2] * grouped.shape[4]
    mean = grouped.mean(dim=(2, 4), keepdim=True, dtype=torch.float32)
    norm = torch.linalg.vector_norm(grouped, dim=(2, 4), keepdim=True, dtype=torch.float32)
    variance = (norm.square() / count - mean.square()).clamp_min(0)
    inverse = torch.rsqrt(variance + EPS)
    centre = (-mean * inverse).to(hidden.dtype)
    normalised = torch.addcmul(centre, grouped, inverse.to(hidden.dtype)).flatten(-2).flatten(1, 2)
    return torch.addcmul(hidden + shift, normalised, scale)
