"""Convolutions in 3D, past a fault of torch.

torch 2.9 and 2.10 with cuDNN 9.10.2 to 9.14 do not take cuDNN for them in half precision, but a way that lays out every
input 27 times: twenty gigabytes for what takes one (pytorch/pytorch issue 166643). ComfyUI asks cuDNN by name then, in
its own layers; this does the same for diffusers' VAE.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

FAULTY_TORCH = ((2, 9), (2, 10))
FAULTY_CUDNN = (91002, 91500)  # from the first on, below the second


def use_conv3d(module: nn.Module) -> None:
    """Let every Conv3d of a module compute through :func:`conv3d`, if this torch has the fault."""
    if not has_fault():
        return
    for part in module.modules():
        if isinstance(part, nn.Conv3d) and part.padding_mode == "zeros":
            part._conv_forward = partial(
                conv3d, stride=part.stride, padding=part.padding, dilation=part.dilation, groups=part.groups
            )


def conv3d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    groups: int = 1,
) -> torch.Tensor:
    """``torch.nn.functional.conv3d`` of x [B, C, T, H, W]."""
    if not _by_name(x):
        return F.conv3d(x, weight, bias, stride, padding, dilation, groups)
    result = torch.cudnn_convolution(
        x, weight, padding, stride, dilation, groups, benchmark=False, deterministic=False, allow_tf32=True
    )
    return result if bias is None else result.add_(bias.view(1, -1, 1, 1, 1))


@cache
def has_fault() -> bool:
    """Whether the fault is in this torch."""
    return torch.version.cuda is not None and is_faulty(torch.__version__, torch.backends.cudnn.version())


def is_faulty(version: Any, cudnn: int | None) -> bool:
    """Whether it is in that version of torch with that one of cuDNN."""
    first, last = FAULTY_TORCH
    release = tuple(int(part) for part in str(version).split(".")[:2])
    return first <= release <= last and cudnn is not None and FAULTY_CUDNN[0] <= cudnn < FAULTY_CUDNN[1]


def _by_name(x: torch.Tensor) -> bool:
    return has_fault() and x.is_cuda and x.dtype in (torch.float16, torch.bfloat16)
