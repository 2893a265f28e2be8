"""Does an attention kernel compute attention? Asked once for each kernel, device, precision and shape, at load."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.embeddings import apply_rotary_emb

from ..conditions import VideoSize
from ..errors import AccelerationError
from .attention_kernels import BACKENDS, kernel

EXACT_LIMIT, QUANTIZED_LIMIT = 0.02, 0.12
"""Largest relative error. Exact kernels in bfloat16 stay below 0.006, 8-bit ones below 0.08, wrong ones near 1."""

ROWS, SHARPNESS, MEAN_OF_KEYS = 64, 2.0, 1.0
MOST_TOKENS_ON_CPU = 1200
HEADS = 4

_passed: dict[tuple, float] = {}


def check_attention(name: str, transformer: Any, device: torch.device | None = None) -> float:
    """Relative error of a kernel on the model's own shapes: text and video tokens, rotary positions, its head size.

    The truth is a float32 softmax of a sample of rows (the first and last, those around the end of the text, and random
    ones), so that 17,776 tokens cost no 17,776 x 17,776 matrix.

    Raises:
        AccelerationError: the kernel cannot be had, does not run here, or is wrong.
    """
    device, dtype, config = device or transformer.device, transformer.dtype, transformer.config
    attend = kernel(name)
    key = (name, device, dtype, config.attention_head_dim, config.max_text_seq_length, config.sample_frames)
    key += (config.sample_height, config.sample_width)
    if key not in _passed:
        query, keys, values = sample_attention(transformer, device)
        try:
            found = attend(query, keys, values)
            finite = bool(found.isfinite().all())
        except Exception as error:  # other packages assert, or lack a part of Triton: whatever it is, they do not run
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
            raise AccelerationError(
                f"The attention backend {name!r} does not run here ({reason}, on {device} in {_short(dtype)}); "
                "choose auto."
            ) from error
        rows = _rows(query.shape[2], config.max_text_seq_length, device)
        truth = reference_rows(query, keys, values, rows)
        error = ((found[:, :, rows].float() - truth).norm() / truth.norm()).item() if finite else float("inf")
        limit = EXACT_LIMIT if BACKENDS[name].exact else QUANTIZED_LIMIT
        if not error <= limit:
            raise AccelerationError(
                f"The attention backend {name!r} computes wrong results here (relative error {error:.2g} against plain "
                f"SDPA on this model's shapes, at most {limit} is sound); choose auto or install another version of it."
            )
        _passed[key] = error
    return _passed[key]


def sample_attention(transformer: Any, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random normalised queries and keys with rotary positions, and values, each [2, heads, S, head_dim].

    Keys have a common offset, as trained ones do: kernels in 8 bits stand or fall with it.
    """
    from ..stages.prediction import rotary_tables

    dtype, config = transformer.dtype, transformer.config
    text, width = config.max_text_seq_length, config.attention_head_dim
    size = VideoSize.trained(config)
    rotary = rotary_tables(transformer, size, torch.device("cpu"))
    patch = config.patch_size
    frames = (size.frames - 1) // config.temporal_compression_ratio + 1
    video = frames * (config.sample_height // patch) * (config.sample_width // patch)
    if rotary is not None:
        video = rotary[0].shape[0]
    if device.type == "cpu":
        video = min(video, MOST_TOKENS_ON_CPU)
    generator = torch.Generator().manual_seed(0)
    shape = (2, min(HEADS, config.num_attention_heads), text + video, width)
    query, keys, values = (torch.randn(shape, generator=generator) for _ in range(3))
    query, keys = query * SHARPNESS, keys + MEAN_OF_KEYS * torch.randn(width, generator=generator)
    if rotary is not None:
        tables = tuple(table[:video].float() for table in rotary)
        query[:, :, text:] = apply_rotary_emb(query[:, :, text:], tables)
        keys[:, :, text:] = apply_rotary_emb(keys[:, :, text:], tables)
    # Values lie in memory as the projections leave them: heads inside tokens.
    values = values.transpose(1, 2).contiguous().transpose(1, 2)
    return tuple(tensor.to(device, dtype) for tensor in (query, keys, values))


def reference_rows(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Attention of some rows in float32: [B, heads, len(rows), head_dim]."""
    weights = query[:, :, rows].float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    return weights.softmax(dim=-1) @ value.float()


def _rows(tokens: int, text: int, device: torch.device) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    chosen = {0, 1, text - 1, text, text + 1, tokens - 2, tokens - 1}
    chosen |= set(torch.randint(tokens, (ROWS,), generator=generator).tolist())
    return torch.tensor(sorted(row for row in chosen if 0 <= row < tokens), device=device)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
