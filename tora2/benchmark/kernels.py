"""The attention kernels alone, on the model's shape: which is fastest here, and is it right?"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..acceleration.attention import available, kernel
from ..acceleration.attention_check import check_attention
from ..conditions import VideoSize
from ..errors import AccelerationError
from .loops import video_tokens
from .timing import timed


@dataclass(frozen=True)
class Kernel:
    """Median seconds of one layer's attention of both branches, what that is in TFLOP/s, and its relative error."""

    name: str
    seconds: float = 0.0
    tflops: float = 0.0
    error: float = 0.0
    refused: str = ""


@torch.no_grad()
def measure_kernels(transformer: Any, size: VideoSize, rounds: int = 5) -> list[Kernel]:
    """Every kernel that may run on the transformer's device; a refusal is a row with its reason."""
    config, device = transformer.config, transformer.device
    tokens = video_tokens(transformer, size) + config.max_text_seq_length
    shape = (2, config.num_attention_heads, tokens, config.attention_head_dim)
    query, key, value = (torch.randn(shape, device=device, dtype=transformer.dtype) for _ in range(3))
    flops = 4.0 * shape[0] * shape[1] * tokens**2 * shape[3]
    found = []
    for name in available(device):
        try:
            error = check_attention(name, transformer)
            attend = kernel(name)
            if name == "math" and device.type == "cuda" and tokens > 8192:
                raise AccelerationError("left out: its matrix of all pairs of tokens takes more memory than there is")
            run = partial(attend, query, key, value)
            run()
            seconds = statistics.median(timed(run, device).seconds for _ in range(rounds))
            found.append(Kernel(name, seconds, flops / seconds / 1e12, error))
        except (AccelerationError, torch.cuda.OutOfMemoryError) as refusal:
            found.append(Kernel(name, refused=str(refusal)))
    return found
