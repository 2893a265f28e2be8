"""Regional torch.compile: the repeated block alone, compiled once for all layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..errors import AccelerationError


def compile_blocks(transformer: Any, *, backend: str = "inductor") -> None:
    """Compile the block, so that 42 layers share one graph.

    The graph depends on the video's size, on the number of videos in a batch and on which conditions there are, not on
    steps, seeds, prompts or the number of entities. The first step of each takes a minute or two on a GPU.

    Args:
        backend: of torch.compile; tests use ``eager`` and ``aot_eager``.

    Raises:
        AccelerationError: this machine cannot compile.
    """
    if is_compiled(transformer):
        return
    if backend == "inductor":
        check_compiler(transformer.device)
    transformer.compile_repeated_blocks(backend=backend)


def is_compiled(transformer: Any) -> bool:
    return any(block._compiled_call_impl is not None for block in getattr(transformer, "transformer_blocks", ()))


def uncompile_blocks(transformer: Any) -> None:
    """Back to plain blocks; what was compiled is kept by torch and found again by :func:`compile_blocks`."""
    for block in transformer.transformer_blocks:
        block._compiled_call_impl = None


def share_graph_between_entity_counts(keys_values: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Mark the entities' tokens [B, heads, K, d] as of any number K; else each new count would compile anew."""
    for pair in keys_values:
        for tensor in pair:
            torch._dynamo.maybe_mark_dynamic(tensor, 2)


def check_compiler(device: torch.device) -> None:
    """AccelerationError unless torch.compile can make programs for the device."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            raise AccelerationError(
                "torch.compile needs Triton on this GPU and it is not installed (on Windows: `pip install "
                "triton-windows`); install it, or switch compile off."
            )
    elif device.type == "cpu":
        from torch._inductor import config
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except Exception as error:
            raise AccelerationError(
                f"torch.compile needs a C++ compiler on the CPU ({config.cpp.cxx}) and found none; install g++, or "
                "switch compile off."
            ) from error
