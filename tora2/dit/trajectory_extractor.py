"""Trajectory extractor of Tora: motion latents in, one feature map per transformer layer out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

BLOCKS_PER_LAYER = 2


class StoredBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm by its stored statistics and in their precision.

    FSDP hands in the affine parameters in bf16 beside statistics in float32, which torch's backward pass refuses.
    """

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        dtype = self.running_mean.dtype
        weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        return F.batch_norm(hidden, self.running_mean, self.running_var, weight, bias, eps=self.eps)


class ResidualBlock(nn.Module):
    """Pre-activation residual block (BatchNorm, ReLU, 3x3 conv, twice), width preserved. Names are Tora's."""

    def __init__(self, channels: int):
        super().__init__()
        self.bn1 = StoredBatchNorm2d(channels)
        self.block1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = StoredBatchNorm2d(channels)
        self.block2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        residual = self.block1(F.relu(self.bn1(hidden)))
        return hidden + self.block2(F.relu(self.bn2(residual)))


class TrajectoryExtractor(nn.Module):
    """Patchify, one convolution, then two residual blocks per transformer layer.

    State-dict names and outputs equal ``TrajExtractor`` of alibaba/Tora as its CogVideoX models build it. The maps
    depend neither on the diffusion step nor on the guidance branch.

    BatchNorm always uses its stored statistics, in training too: a training batch is a handful of clips per device, and
    per-device statistics would make the result depend on how the batch is spread.

    Args:
        in_channels: channels of the motion latents (the VAE's latent channels).
        channels: width of every map; 128 in the public weights.
        num_layers: number of transformer layers.
        patch_size: spatial patch of the transformer.
        patch_size_t: temporal patch; 1 for CogVideoX 1.0.
    """

    def __init__(self, in_channels: int, channels: int, num_layers: int, patch_size: int = 2, patch_size_t: int = 1):
        super().__init__()
        self.patch_size = patch_size
        self.patch_size_t = patch_size_t
        self.num_layers = num_layers
        self.conv_in = nn.Conv2d(in_channels * patch_size_t * patch_size**2, channels, 3, padding=1)
        self.body = nn.ModuleList(ResidualBlock(channels) for _ in range(num_layers * BLOCKS_PER_LAYER))
        self.apply(_initialise)

    def first_map(self, motion_latents: torch.Tensor) -> torch.Tensor:
        """Map of the first layer, the one that the binding reads and writes.

        Args:
            motion_latents: [B, T', C, H', W'] scaled latents; sides that the patch does not divide are zero-padded.

        Returns:
            [B*T'', c, h, w] with T'' = T'/patch_size_t, h = H'/patch_size, w = W'/patch_size.
        """
        latents = rearrange(motion_latents, "b t c h w -> b c t h w")
        pad = [(-latents.shape[-1]) % self.patch_size, (-latents.shape[-2]) % self.patch_size]
        pad_t = (-latents.shape[-3]) % self.patch_size_t
        if any(pad) or pad_t:
            latents = F.pad(latents, (0, pad[0], 0, pad[1], 0, pad_t))
        patches = rearrange(
            latents,
            "b c (t pt) (h ph) (w pw) -> (b t) (c pt ph pw) h w",
            pt=self.patch_size_t,
            ph=self.patch_size,
            pw=self.patch_size,
        )
        return self._layer(self.conv_in(patches), 0)

    def remaining_maps(self, first_map: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All L maps, given the first one (bound or not): each [B*T'', c, h, w]."""
        maps = [first_map]
        for layer in range(1, self.num_layers):
            maps.append(self._layer(maps[-1], layer))
        return tuple(maps)

    def forward(self, motion_latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """L maps [B*T'', c, h, w] without any binding, as Tora computes them."""
        return self.remaining_maps(self.first_map(motion_latents))

    def _layer(self, hidden: torch.Tensor, layer: int) -> torch.Tensor:
        blocks: Sequence[nn.Module] = self.body[layer * BLOCKS_PER_LAYER : (layer + 1) * BLOCKS_PER_LAYER]
        for block in blocks:
            hidden = block(hidden)
        return hidden


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)
