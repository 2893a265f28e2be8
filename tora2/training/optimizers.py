"""The optimizers that a training may choose from."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..errors import TrainingError
from .config import OptimizerConfig
from .module import parameter_groups


def make_optimizer(module: nn.Module, config: OptimizerConfig, rates: dict[str, float]) -> torch.optim.Optimizer:
    """AdamW as the paper has it, or :class:`MuonWithAdamW`.

    Args:
        rates: learning rate of each group of :func:`parameter_groups`.

    Raises:
        TrainingError: Muon in a torch that lacks it, or with parameters that are spread over processes.
    """
    groups = parameter_groups(module, rates)
    options = {"betas": config.betas, "eps": config.epsilon, "weight_decay": config.weight_decay}
    if config.name == "adamw":
        return torch.optim.AdamW(groups, **options)
    if not hasattr(torch.optim, "Muon"):
        raise TrainingError("`optimizer.name` is muon, which torch has from 2.9 on: update torch, or take adamw.")
    if any(hasattr(parameter, "full_tensor") for parameter in module.parameters()):
        raise TrainingError("`optimizer.name` is muon, which needs whole matrices, but FSDP spreads them: take adamw.")
    return MuonWithAdamW(groups, matrices(module), **options)


def matrices(module: nn.Module) -> set[nn.Parameter]:
    """Weights of linear layers. Embeddings are tables, not maps, and are left out, also where a layer shares one."""
    tables = {part.weight for part in module.modules() if isinstance(part, nn.Embedding)}
    return {part.weight for part in module.modules() if isinstance(part, nn.Linear)} - tables


class MuonWithAdamW(torch.optim.Optimizer):
    """torch's Muon for some parameters and AdamW for the others, as one optimizer to whoever steps and stores it.

    Muon's updates are scaled to the size of AdamW's, so a learning rate means the same for both.

    Args:
        groups: as torch takes them. matrices: which of their parameters go by Muon.
    """

    def __init__(self, groups: list[dict[str, Any]], matrices: set[nn.Parameter], **options: Any):
        parts = []
        for group in groups:
            for muon in (True, False):
                chosen = [parameter for parameter in group["params"] if (parameter in matrices) == muon]
                if chosen:
                    parts.append(group | {"params": chosen, "muon": muon})
        decay = {"weight_decay": options["weight_decay"]}
        by_muon = [part for part in parts if part["muon"]]
        by_adamw = [part for part in parts if not part["muon"]]
        self._muon = torch.optim.Muon(by_muon, adjust_lr_fn="match_rms_adamw", **decay) if by_muon else None
        self._adamw = torch.optim.AdamW(by_adamw, **options) if by_adamw else None
        inner = [optimizer for optimizer in (self._muon, self._adamw) if optimizer is not None]
        super().__init__([group for optimizer in inner for group in optimizer.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer, muon in ((self._muon, True), (self._adamw, False)):
            if optimizer is not None:
                # Groups and state are this one's: loading a state puts new ones in their place.
                optimizer.param_groups = [group for group in self.param_groups if group["muon"] == muon]
                optimizer.state = self.state
                optimizer.step()
        return loss
