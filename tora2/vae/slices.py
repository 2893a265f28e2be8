"""CogVideoX's video VAE layer by layer in strips of rows: little memory, and no seams.

Tiles that go through the whole VAE one by one cannot give the same picture: every GroupNorm takes its mean and variance
over the whole picture, and the receptive field spans most of it. So here each *layer* runs over the whole picture
before the next one does. A norm's statistics are gathered strip by strip, then norm, activation and convolution run
strip by strip with the rows around it; nothing but a layer's input and output is ever whole. The numbers are those of
diffusers' ``AutoencoderKLCogVideoX`` up to rounding, and its modules hold the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .convolution import conv3d

STRIP_ELEMENTS = 24 * 2**20
"""Numbers in a strip: 28 rows of nine frames of 720 px with 128 channels. Half a dozen such strips live at a time."""

Cache = dict[nn.Module, torch.Tensor]
"""For each causal convolution the last two frames of what it saw."""

Rows = Callable[[int, int], torch.Tensor]
"""Makes the rows from..to of a convolution's input, [B, C, T, rows, W]."""


class Slices:
    """Runs the encoder or decoder over one chunk of frames after the other.

    Args:
        strip_elements: numbers in a strip.
        cache_device: where what the causal convolutions remember between chunks is kept; None leaves it where it is
            computed (2.7 GB for 480x720), the CPU gives that memory free for some transfers.
    """

    def __init__(self, strip_elements: int = STRIP_ELEMENTS, cache_device: torch.device | str | None = None):
        self.strip_elements, self.cache_device = strip_elements, cache_device
        self._cache: Cache = {}

    def encode_chunk(self, encoder: Any, x: torch.Tensor) -> torch.Tensor:
        """Frames [B, 3, T, H, W] -> moments [B, 2C, T', H/8, W/8]."""
        x = self._causal(encoder.conv_in, _of(x), x)
        for block in encoder.down_blocks:
            for resnet in block.resnets:
                x = self._resnet(resnet, x, None)
            for downsampler in block.downsamplers or ():
                x = self._downsample(downsampler, x)
        for resnet in encoder.mid_block.resnets:
            x = self._resnet(resnet, x, None)
        return self._causal(encoder.conv_out, self._normed(encoder.norm_out, encoder.conv_act, x, None), x)

    def decode_chunk(self, decoder: Any, z: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, T', H', W'] -> frames [B, 3, T, 8H', 8W']."""
        x = self._causal(decoder.conv_in, _of(z), z)
        for resnet in decoder.mid_block.resnets:
            x = self._resnet(resnet, x, z)
        for block in decoder.up_blocks:
            for resnet in block.resnets:
                x = self._resnet(resnet, x, z)
            for upsampler in block.upsamplers or ():
                x = self._upsample(upsampler, x)
        return self._causal(decoder.conv_out, self._normed(decoder.norm_out, decoder.conv_act, x, z), x)

    @property
    def cache_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self._cache.values())

    def _resnet(self, block: Any, x: torch.Tensor, z: torch.Tensor | None) -> torch.Tensor:
        h = self._causal(block.conv1, self._normed(block.norm1, block.nonlinearity, x, z), x)
        shortcut = _of(x)
        if block.in_channels != block.out_channels:
            if block.use_conv_shortcut:  # CogVideoX has none; rare enough to be whole
                shortcut = _of(self._causal(block.conv_shortcut, _of(x), x))
            else:
                convolution = block.conv_shortcut

                def shortcut(start: int, stop: int) -> torch.Tensor:
                    return conv3d(x[..., start:stop, :], convolution.weight, convolution.bias)

        return self._causal(block.conv2, self._normed(block.norm2, block.nonlinearity, h, z), h, shortcut)

    def _causal(self, layer: Any, rows: Rows, like: torch.Tensor, add: Rows | None = None) -> torch.Tensor:
        """A causal convolution of an input that is made strip by strip; ``add`` is added to its output.

        Args:
            like: a tensor of the input's size.
        """
        conv, before = layer.conv, layer.time_kernel_size - 1
        batch, channels, frames, height, width = like.shape
        remembered, device = self._cache.get(layer), like.device
        shape = (batch, channels, before, height, width)
        seen = like.new_empty(shape, device=self.cache_device or device) if before else None
        result = like.new_empty(batch, conv.out_channels, frames, height, width)
        for start, stop, first, last in self._strips(height, channels * (frames + before) * width, layer.height_pad):
            part = rows(first, last)
            if before and remembered is None:
                part = torch.cat([part[:, :, :1]] * before + [part], dim=2)
            elif before:
                part = torch.cat([remembered[..., first:last, :].to(device), part], dim=2)
            if before:
                seen[..., start:stop, :] = part[:, :, -before:, start - first : stop - first]
            padding = (0, layer.height_pad, layer.width_pad)
            part = conv3d(part, conv.weight, conv.bias, padding=padding)[..., start - first : stop - first, :]
            result[..., start:stop, :] = part if add is None else part + add(start, stop)
        if before:
            self._cache[layer] = seen
        return result

    def _normed(self, norm: Any, activation: nn.Module, x: torch.Tensor, z: torch.Tensor | None) -> Rows:
        """Norm and activation of any rows of ``x``; the statistics are those of all of it."""
        group_norm = norm if z is None else norm.norm_layer
        scale, shift = self._statistics(group_norm, x)
        if z is not None:
            # One by one by one: before spreading the latents over the picture is the same as after, and 64 times less.
            factor, offset = (conv3d(z, c.conv.weight, c.conv.bias) for c in (norm.conv_y, norm.conv_b))

        def rows(start: int, stop: int) -> torch.Tensor:
            part = x[..., start:stop, :]
            part = (
                part.float().mul_(scale).add_(shift).to(x.dtype) if x.dtype != torch.float32 else part * scale + shift
            )
            if z is not None:
                part = part.mul_(_spread(factor, x, start, stop)).add_(_spread(offset, x, start, stop))
            return activation(part)

        return rows

    def _statistics(self, norm: nn.GroupNorm, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift [B, C, 1, 1, 1] in float32 that a GroupNorm comes to over the whole of ``x``."""
        batch, channels, frames, height, width = x.shape
        counts, means, squares = [], [], []
        for start, stop, _, _ in self._strips(height, channels * frames * width, 0):
            part = x[..., start:stop, :].reshape(batch, norm.num_groups, -1).float()
            mean = part.mean(-1)
            means.append(mean)
            counts.append(part.shape[-1])
            squares.append(part.var(-1, unbiased=False))
        # A handful of numbers: merged on the CPU where the device may lack float64.
        where = x.device if x.device.type in ("cpu", "cuda", "meta") else torch.device("cpu")
        weights = torch.tensor(counts, dtype=torch.float64, device=where)[:, None, None] / sum(counts)
        means_, variances = torch.stack(means).to(where).double(), torch.stack(squares).to(where).double()
        mean = (weights * means_).sum(0)
        variance = (weights * (variances + (means_ - mean) ** 2)).sum(0)  # within the strips and between them
        deviation = (variance + norm.eps).rsqrt()
        each = channels // norm.num_groups
        scale = deviation.repeat_interleave(each, 1) * norm.weight.to(where).double()
        shift = norm.bias.to(where).double() - mean.repeat_interleave(each, 1) * scale
        scale, shift = scale.float().to(x.device), shift.float().to(x.device)
        return scale[..., None, None, None], shift[..., None, None, None]

    def _upsample(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Nearest neighbours in space, and in time where the layer does, then a convolution of each frame."""
        batch, channels, frames, height, width = x.shape
        times = torch.arange(frames, device=x.device)
        if layer.compress_time and frames > 1:
            times = times.repeat_interleave(2)[frames % 2 :]  # of an odd number the first frame stays single
        columns = torch.arange(2 * width, device=x.device) // 2
        count = len(times)
        result = x.new_empty(batch, layer.conv.out_channels, count, 2 * height, 2 * width)
        for start, stop, first, last in self._strips(2 * height, channels * count * 2 * width, 1):
            rows = torch.arange(first, last, device=x.device) // 2
            part = x.index_select(3, rows).index_select(2, times).index_select(4, columns)
            part = _each_frame(layer.conv, part, layer.conv.padding)
            result[..., start:stop, :] = part[..., start - first : stop - first, :]
        return result

    def _downsample(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Means of pairs of frames where the layer does, then a convolution of each frame with stride 2."""
        batch, channels, frames, height, width = x.shape
        count = (frames + 1) // 2 if layer.compress_time else frames
        # A zero row below and a zero column on the right, then 3x3 with stride 2.
        size = ((height + 1 - 3) // 2 + 1, (width + 1 - 3) // 2 + 1)
        result = x.new_empty(batch, layer.conv.out_channels, count, *size)
        for start, stop, _, _ in self._strips(size[0], 2 * channels * frames * width, 0):
            last = 2 * stop + 1
            part = x[..., 2 * start : min(last, height), :]
            if layer.compress_time:
                part = _pairs(part)
            part = F.pad(part, (0, 1, 0, max(0, last - height)))
            result[..., start:stop, :] = _each_frame(layer.conv, part, layer.conv.padding)
        return result

    def _strips(self, height: int, row_elements: int, halo: int) -> Iterator[tuple[int, int, int, int]]:
        """(start, stop, first, last): rows of the strip, and those with the rows that a convolution reads around it."""
        rows = max(1, self.strip_elements // row_elements)
        for start in range(0, height, rows):
            stop = min(start + rows, height)
            yield start, stop, max(0, start - halo), min(height, stop + halo)


def _of(x: torch.Tensor) -> Rows:
    return lambda start, stop: x[..., start:stop, :]


def _spread(z: torch.Tensor, x: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """Latents' nearest neighbours for rows start..stop of ``x``, frame 0 apart where the number of frames is odd."""
    frames, height, width = x.shape[2:]
    apart = int(frames > 1 and frames % 2 == 1)
    times = torch.arange(frames - apart, device=x.device) * (z.shape[2] - apart) // (frames - apart)
    if apart:
        times = torch.cat([times.new_zeros(1), times + 1])
    rows = torch.arange(start, stop, device=x.device) * z.shape[3] // height
    columns = torch.arange(width, device=x.device) * z.shape[4] // width
    return z.index_select(3, rows).index_select(2, times).index_select(4, columns)


def _pairs(x: torch.Tensor) -> torch.Tensor:
    """Means of pairs of frames; of an odd number the first frame stays single."""
    odd = x.shape[2] % 2
    means = (x[:, :, odd::2] + x[:, :, odd + 1 :: 2]) / 2
    return torch.cat([x[:, :, :1], means], dim=2) if odd else means


def _each_frame(conv: nn.Conv2d, x: torch.Tensor, padding: Any) -> torch.Tensor:
    frames = x.shape[2]
    flat = x.transpose(1, 2).flatten(0, 1)
    return F.conv2d(flat, conv.weight, conv.bias, conv.stride, padding).unflatten(0, (-1, frames)).transpose(1, 2)
