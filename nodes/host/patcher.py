"""diffusers' modules as ComfyUI's model management moves them."""

from __future__ import annotations

from typing import Any

import comfy.model_patcher
import torch
from torch import nn

from .runtime import ordinary_tensors, weight_bytes


class Tora2Component(nn.Module):
    """A module as ComfyUI's model patcher wants it: with a ``device`` that can be set (diffusers' cannot)."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.device = None


class ComponentPatcher(comfy.model_patcher.ModelPatcher):
    """Moves a whole module of plain torch layers.

    Never ComfyUI's dynamic patcher, though that is its default on NVIDIA: it pages layers of ComfyUI's own classes in
    and out, keeps all others on the device for good, and evicts none of them for another dynamic model. It counts the
    bytes that quantized weights hold, where ComfyUI would count those of the type they compute in.

    Other nodes' models evict ours, and nodes run in torch's inference mode. There torchao's weights cannot change the
    device, hence the mode is left for every move.
    """

    def __init__(self, component: nn.Module, load_device: torch.device, offload_device: torch.device):
        super().__init__(Tora2Component(component), load_device, offload_device, size=weight_bytes(component))

    def loaded_size(self) -> int:
        return min(super().loaded_size(), self.size)

    def all_on_device(self) -> None:
        """Bring what is missing; with ``--novram`` ComfyUI leaves weights behind that only its own layers can fetch."""
        if any(parameter.device.type != self.load_device.type for parameter in self.model.parameters()):
            self.partially_load(self.load_device, 1e32)

    @ordinary_tensors()
    def load(self, *args: Any, **options: Any) -> Any:
        return super().load(*args, **options)

    @ordinary_tensors()
    def unpatch_model(self, *args: Any, **options: Any) -> Any:
        return super().unpatch_model(*args, **options)

    @ordinary_tensors()
    def partially_unload(self, *args: Any, **options: Any) -> Any:
        return super().partially_unload(*args, **options)
