"""The attention kernels alone, on the model's shape: which is fastest here, and is it right?"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..acceleration.attention_check import check_attention
from ..acceleration.attention_kernels import available, kernel
from ..conditions import VideoSize
from ..errors import AccelerationError
from ..memory.estimates import video_tokens
from .timing import Budget, timed
from .turns import ended, free


@dataclass(frozen=True)
class Kernel:
    """Median seconds of one layer's attention of both branches, what that is in TFLOP/s, and its relative error.

    ``failed`` tells a refusal that nobody could foresee.
    """

    name: str
    seconds: float = 0.0
    tflops: float = 0.0
    error: float = 0.0
    refused: str = ""
    failed: bool = False


@torch.no_grad()
def measure_kernels(
    transformer: Any,
    size: VideoSize,
    rounds: int = 5,
    *,
    budget: Budget | None = None,
    keep: Callable[[Sequence[Kernel]], None] = lambda kernels: None,
) -> list[Kernel]:
    """Every kernel that may run on the transformer's device; a refusal is a row with its reason, whatever the error.

    Args:
        keep: called with all rows so far as soon as there is another.
    """
    config, device = transformer.config, transformer.device
    budget = budget or Budget(None)
    tokens = video_tokens(size) + config.max_text_seq_length
    shape = (2, config.num_attention_heads, tokens, config.attention_head_dim)
    query, key, value = (torch.randn(shape, device=device, dtype=transformer.dtype) for _ in range(3))
    flops = 4.0 * shape[0] * shape[1] * tokens**2 * shape[3]
    found: list[Kernel] = []
    longest = 0.0
    for name in available(device):
        began = budget.now()
        try:
            budget.require(longest)
            error = check_attention(name, transformer)
            attend = kernel(name)
            if name == "math" and device.type == "cuda" and tokens > 8192:
                raise AccelerationError("left out: its matrix of all pairs of tokens takes more memory than there is")
            run = partial(attend, query, key, value)
            run()
            seconds = statistics.median(timed(run, device).seconds for _ in range(rounds))
            found.append(Kernel(name, seconds, flops / seconds / 1e12, error))
        except Exception as refusal:
            found.append(Kernel(name, **ended(refusal)))
        free()
        keep(found)
        longest = max(longest, budget.now() - began)
    return found
