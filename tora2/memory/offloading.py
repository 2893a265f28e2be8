"""Models whose layers are on the device only while they compute: diffusers' group offloading.

Layer by layer, not block by block in diffusers' sense: the motion parts and the projections are called on their own,
outside of the model's ``forward``. On CUDA the next layer is brought on a stream of its own while one computes, and
nothing is copied back, since the weights stay on the CPU.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from ..acceleration.quantization import is_quantized, stored_bytes
from .estimates import GIB
from .ram import fits_pinned, give_back_pinned

logger = logging.getLogger(__name__)

OLDEST_PREFETCH = (0, 42)
"""The first diffusers known to bring a layer by itself that is called out of the order in which it would be fetched."""


def bring_in_blocks(module: nn.Module, device: torch.device) -> None:
    """Put hooks on a module that bring each layer to ``device`` for its ``forward``."""
    from diffusers.hooks import apply_group_offloading, group_offloading

    if not hasattr(group_offloading, "send_to_device"):  # it is accelerate's, which ComfyUI does not bring
        group_offloading.send_to_device = _send_to_device
    # Which layers run differs from job to job; diffusers warns of those that the first job had no use for.
    logging.getLogger("diffusers.hooks.group_offloading").addFilter(_concerns_us)
    apply_group_offloading(module, onload_device=device, offload_type="leaf_level", **prefetching(module, device))


def bring_whole(module: nn.Module) -> None:
    """Take the hooks of :func:`bring_in_blocks` away; the weights are on the CPU then."""
    _unhook(module)
    module.to("cpu")
    give_back_pinned()


def let_go(module: nn.Module) -> None:
    """Give the memory of a module in blocks back at once; it is of no use afterwards.

    Its hooks know one another, so that without this its weights would stay until Python looks for such circles, and
    what was pinned of them until the process ends.
    """
    _unhook(module)
    if not is_quantized(module):  # those are not pinned
        module.to("meta")
    give_back_pinned()


def _unhook(module: nn.Module) -> None:
    from diffusers.hooks import HookRegistry
    from diffusers.hooks.group_offloading import (
        _GROUP_OFFLOADING,
        _LAYER_EXECUTION_TRACKER,
        _LAZY_PREFETCH_GROUP_OFFLOADING,
    )

    for name in (_GROUP_OFFLOADING, _LAYER_EXECUTION_TRACKER, _LAZY_PREFETCH_GROUP_OFFLOADING):
        HookRegistry.check_if_exists_or_initialize(module).remove_hook(name, recurse=True)


def prefetching(module: nn.Module, device: torch.device) -> dict[str, Any]:
    """Options of the overlap, where there is one.

    Without ``record_stream`` a layer's memory is free before the one after the next comes; with it the CPU would run
    ahead of the computation and memory would fill with layers. 8-bit weights come one after the other: as diffusers
    brings them on a stream, torchao's tensors do not find their way back where they are not pinned.
    """
    import diffusers

    installed = tuple(int(part) for part in diffusers.__version__.split(".")[:2])
    if device.type != "cuda" or installed < OLDEST_PREFETCH or is_quantized(module):
        return {}
    return {"use_stream": True, "record_stream": False, "low_cpu_mem_usage": not _fits_pinned(module)}


def largest_layer(module: nn.Module) -> int:
    """Bytes of the largest group of weights that comes at once."""
    leaves = (child for child in module.modules() if not any(child.children()))
    return max((stored_bytes(child) for child in leaves), default=0)


def _fits_pinned(module: nn.Module) -> bool:
    """Pinned memory cannot be swapped out, but without it every layer is copied to such memory each time it comes."""
    needed = pinned_bytes(module)
    if fits_pinned(needed):
        return True
    logger.info(
        "%s: its %.1f GiB cannot be pinned in the computer's memory beside what is in use there; each layer is copied "
        "once more on its way to the GPU, which is slower.",
        type(module).__name__,
        needed / GIB,
    )
    return False


def pinned_bytes(module: nn.Module) -> int:
    """Bytes that torch pins for a module's layers: each tensor of its own, rounded up to a power of two."""
    tensors = (
        tensor
        for child in module.modules()
        for tensor in (*child.parameters(recurse=False), *child.buffers(recurse=False))
    )
    return sum(1 << (tensor.nbytes - 1).bit_length() for tensor in tensors if tensor.nbytes)


def _send_to_device(values: Any, device: torch.device, non_blocking: bool = False) -> Any:
    """Every tensor in nested tuples, lists and dicts; what accelerate's function of that name does."""
    return tree_map_only(torch.Tensor, lambda tensor: tensor.to(device, non_blocking=non_blocking), values)


def _concerns_us(record: logging.LogRecord) -> bool:
    return "were not executed during the forward pass" not in record.getMessage()
