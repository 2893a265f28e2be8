"""Which kernel computes the blocks' full attention: one hook, set as diffusers' attention processor.

CogVideoX calls plain SDPA whatever diffusers' ``set_attention_backend`` says. ``use_attention`` gives every block one
processor of ours instead, with the kernel of the user's choice, after a check that the kernel computes what plain SDPA
does: SageAttention has returned noise for CogVideoX with Tora on some machines, and nothing but the video showed it.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import apply_rotary_emb
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import AccelerationError
from .settings import ATTENTIONS

logger = logging.getLogger(__name__)

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
HOPPER = (9, 0)  # from here on cuDNN's kernel is faster than the flash kernel that SDPA takes by itself


class Tora2AttentionProcessor:
    """diffusers' CogVideoX attention with the kernel as a choice; it holds nothing else.

    With ``sdpa`` the result is bit for bit that of diffusers' CogVideoXAttnProcessor2_0.
    """

    def __init__(self, backend: str, attend: Attend, choice: str = ""):
        self.backend = backend
        self.attend = attend
        self.choice = choice or backend

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Visual [B, N, dim] and text [B, S, dim] tokens -> the same, attended."""
        text = encoder_hidden_states.shape[1]
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (
            projection(tokens).unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for projection in (attn.to_q, attn.to_k, attn.to_v)
        )
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)
        if image_rotary_emb is not None:
            query[:, :, text:] = apply_rotary_emb(query[:, :, text:], image_rotary_emb)
            key[:, :, text:] = apply_rotary_emb(key[:, :, text:], image_rotary_emb)
        if attention_mask is not None:  # only plain SDPA takes a mask
            attention_mask = attn.prepare_attention_mask(attention_mask, tokens.shape[1], tokens.shape[0])
            attention_mask = attention_mask.unflatten(0, (-1, attn.heads))
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        else:
            attended = self.attend(query, key, value)
        attended = attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))
        return attended[:, text:], attended[:, :text]


def use_attention(transformer: Any, choice: str = "auto", device: torch.device | None = None) -> str:
    """Let every block attend through one kernel, checked on this device; returns the kernel's name.

    ``auto`` takes cuDNN's kernel on Hopper and newer GPUs if it passes the check, else what SDPA takes by itself.

    Args:
        device: where the blocks compute; None means where they are.

    Raises:
        AccelerationError: unknown, not installed, not able to run here, or wrong.
    """
    from .attention_check import check_attention

    processors = list(transformer.attn_processors.values())
    if all(isinstance(p, Tora2AttentionProcessor) and p.choice == choice for p in processors) and processors:
        return processors[0].backend  # a new object would be compiled anew
    device = device or transformer.device
    name = _preferred(device, transformer.dtype) if choice == "auto" else choice
    try:
        check_attention(name, transformer, device)
    except AccelerationError as error:
        if choice != "auto":
            raise
        # Beyond PyTorch's own there is nothing to fall back to, so nobody must be left to find out by the pictures.
        logger.warning("%s %s", error, "Going on with it all the same." if name == "sdpa" else "Taking sdpa instead.")
        name = "sdpa"
    transformer.set_attn_processor(Tora2AttentionProcessor(name, kernel(name), choice))
    return name


def current_attention(transformer: Any) -> str:
    """Name of the kernel in use; ``sdpa`` where diffusers' own processor is left in place."""
    processors = set(transformer.attn_processors.values())
    return next((p.backend for p in processors if isinstance(p, Tora2AttentionProcessor)), "sdpa")


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


def _preferred(device: torch.device, dtype: torch.dtype) -> str:
    half = dtype in (torch.bfloat16, torch.float16)
    if device.type == "cuda" and half and torch.cuda.get_device_capability(device) >= HOPPER:
        return "cudnn"
    return "sdpa"


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
