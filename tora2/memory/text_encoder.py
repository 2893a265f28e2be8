"""The text encoder in less memory: 8-bit weights, or on the CPU. It runs once a prompt, so its time hardly counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..acceleration.quantization import SCHEMES, check_quantization, is_quantized

TEXT_ENCODERS = ("auto", "gpu", "gpu_int8", "gpu_fp8", "cpu")
"""Where and how: by free memory; on the GPU; there with 8-bit weights; on the CPU."""

QUANTIZED = {"gpu_int8": "int8_weights", "gpu_fp8": "fp8_weights"}


def quantize_text_encoder(text_encoder: Any, choice: str, device: torch.device | None = None) -> int:
    """8-bit weights for the linear layers of a T5, in place; returns their number, 0 if they were so already.

    Args:
        choice: one of ``TEXT_ENCODERS``; those without 8 bits change nothing.
        device: that computes.

    Raises:
        AccelerationError: torchao is missing.
    """
    scheme = QUANTIZED.get(choice)
    if scheme is None or is_quantized(text_encoder):
        return 0
    check_quantization(scheme, device or text_encoder.device)
    from torchao import quantization as ao

    names = {
        name
        for name, module in text_encoder.named_modules()
        if isinstance(module, nn.Linear) and module.in_features % 16 == 0 and module.out_features % 16 == 0
    }
    config = getattr(ao, SCHEMES[scheme].config)(set_inductor_config=False)
    ao.quantize_(text_encoder, config, lambda module, name: name in names)
    return len(names)
