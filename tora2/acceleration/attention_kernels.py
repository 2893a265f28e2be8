"""Kernels that may compute attention, by name: torch's own, and those of packages that users install."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import AccelerationError
from .settings import ATTENTIONS

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""query, key, value -> result, all [B, heads, S, head_dim]."""


@dataclass(frozen=True)
class Backend:
    """A kernel by name.

    Attributes:
        sdpa: torch's own kernel, or None.
        package: module that must be importable, or None.
        exact: computes in the model's precision; the others quantize and may differ by more than bf16 noise.
    """

    sdpa: SDPBackend | None = None
    package: str | None = None
    exact: bool = True


BACKENDS: dict[str, Backend] = {
    "sdpa": Backend(),
    "cudnn": Backend(SDPBackend.CUDNN_ATTENTION),
    "flash": Backend(SDPBackend.FLASH_ATTENTION),
    "efficient": Backend(SDPBackend.EFFICIENT_ATTENTION),
    "math": Backend(SDPBackend.MATH),
    "flash_attn": Backend(package="flash_attn"),
    "flash_attn_3": Backend(package="flash_attn_interface"),
    "sage": Backend(package="sageattention", exact=False),
}


def kernel(name: str) -> Attend:
    """The function behind a name; nothing is imported before it is asked for.

    Raises:
        AccelerationError: there is no such name, or its package is missing or broken.
    """
    if name not in BACKENDS:
        raise AccelerationError(f"There is no attention backend {name!r}; use one of {', '.join(ATTENTIONS)}.")
    backend = BACKENDS[name]
    if backend.sdpa is not None:
        return _restricted(backend.sdpa)
    if backend.package is None:
        return F.scaled_dot_product_attention
    if importlib.util.find_spec(backend.package) is None:
        raise AccelerationError(
            f"The attention backend {name!r} needs the package {backend.package}, which is not installed; install it "
            "into the Python that runs this, or choose auto."
        )
    try:
        return _external(name, importlib.import_module(backend.package))
    except Exception as error:  # a build for another torch or CUDA fails in many ways
        raise AccelerationError(
            f"The package {backend.package} of the attention backend {name!r} is installed but does not work here "
            f"({_first_line(error)}); reinstall it for this torch and CUDA, or choose auto."
        ) from error


def available(device: torch.device) -> list[str]:
    """Backends worth trying on a device: torch's own, and those whose package is found."""
    names = []
    for name, backend in BACKENDS.items():
        if backend.package is not None:
            if device.type == "cuda" and importlib.util.find_spec(backend.package) is not None:
                names.append(name)
        elif device.type == "cuda" or name in ("sdpa", "flash", "math"):
            names.append(name)
    return names


def _restricted(backend: SDPBackend) -> Attend:
    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(query, key, value)

    return attend


@cache
def _external(name: str, package: Any) -> Attend:
    """A foreign kernel as one operator, so that torch.compile neither looks into it nor breaks the block's graph.

    Made once: defining an operator anew pulls it from under the models that hold the former one.
    """
    if name == "sage":

        def run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            result = package.sageattn(query, key, value, tensor_layout="HND", is_causal=False)
            return result.transpose(1, 2).contiguous()
    else:

        def run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            given = (tensor.transpose(1, 2) for tensor in (query, key, value))
            result = package.flash_attn_func(*given, causal=False)
            return (result[0] if isinstance(result, tuple) else result).contiguous()

    operator = torch.library.custom_op(f"tora2::{name}_attention", run, mutates_args=())
    operator.register_fake(lambda query, key, value: query.new_empty(query.transpose(1, 2).shape))
    return lambda query, key, value: operator(query, key, value).transpose(1, 2)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
