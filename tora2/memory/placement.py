"""Where a module computes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def compute_device(module: Any) -> torch.device:
    """The device that the inputs of a module, or of what stands in for one with a ``device``, belong on.

    accelerate's hooks (diffusers' ``enable_sequential_cpu_offload``) keep weights on ``meta`` and bring them layer by
    layer, so the device of a weight says nothing there; the hooks know.
    """
    for part in module.modules() if isinstance(module, nn.Module) else ():
        hooks = getattr(part, "_hf_hook", None)
        for hook in getattr(hooks, "hooks", (hooks,)):  # accelerate's SequentialHook holds several
            device = getattr(hook, "execution_device", None)
            if device is not None:
                return torch.device(device)
    return module.device
