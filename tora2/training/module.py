"""What one process runs in a step, as a single module, so that DDP's and FSDP's hooks see every parameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..conditions import VideoSize
from ..dit.transformer import is_adapter_key
from ..stages.prediction import rotary_tables
from .draws import Draws
from .step import Recipe, TrainingBatch, entity_contrast, training_losses

GROUPS = ("adapter", "base", "text")
UNITS = ("Tora2Block", "MotionGuidanceFuser", "PersonalizationProjection", "T5Block")
"""Units of FSDP: all of them are only ever called as modules. Everything else is gathered for the whole step."""


class TrainingModule(nn.Module):
    """Text encoder (where it runs in training), conditions, prediction and losses.

    Args:
        transformer: Tora2Transformer3DModel with motion, personalization and binding.
        text_encoder: T5EncoderModel, or None where batches bring text states.
        null_ids: [1, S] tokens of the empty caption; needed with a text encoder.
        alphas_cumprod: [1000] of the scheduler.
        train_base, train_text_encoder: the other parts stay frozen; the adapter is always trained.
    """

    def __init__(
        self,
        transformer: Any,
        text_encoder: Any | None,
        null_ids: torch.Tensor | None,
        alphas_cumprod: torch.Tensor,
        recipe: Recipe,
        *,
        train_base: bool = False,
        train_text_encoder: bool = False,
    ):
        super().__init__()
        self.transformer, self.text_encoder, self.recipe = transformer, text_encoder, recipe
        self.register_buffer("alphas_cumprod", alphas_cumprod.float(), persistent=False)
        self.register_buffer("null_ids", null_ids, persistent=False)
        self._rotary: dict[Any, Any] = {}
        for name, parameter in transformer.named_parameters():
            parameter.requires_grad_(train_base or is_adapter_key(name))
        if text_encoder is not None:
            text_encoder.requires_grad_(train_text_encoder)
        # accelerate refuses a name that no module has, and there may be no text encoder.
        present = {type(part).__name__ for part in self.modules()}
        self._no_split_modules = [name for name in UNITS if name in present]

    def train(self, mode: bool = True) -> TrainingModule:
        super().train(mode)
        if self.text_encoder is not None:  # T5's dropout would make a step depend on how its batch is spread
            self.text_encoder.eval()
        return self

    def forward(self, raw: dict[str, torch.Tensor], draws: Draws, contrast: str = "with") -> dict[str, torch.Tensor]:
        """Losses of a collated batch.

        Args:
            contrast: ``with`` gives all losses (see :func:`tora2.training.step.training_losses`), ``without`` leaves
                out the contrastive one, ``only`` gives nothing but that one, and ``loss``, weighted.
        """
        raw = dict(raw)
        ids = raw.pop("ids", None)
        if "text" not in raw:
            states = self.text_encoder(torch.cat([ids, self.null_ids]))[0]
            raw |= {"text": states[:-1], "null_text": states[-1:]}
        batch = TrainingBatch(**raw)
        if contrast == "only":
            loss = entity_contrast(self.transformer, batch, self.recipe, draws)
            return {"loss": self.recipe.contrastive_weight * loss, "contrastive": loss}
        return training_losses(
            self.transformer,
            batch,
            self.alphas_cumprod,
            self._tables(batch.latents),
            self.recipe,
            draws=draws,
            contrast=contrast == "with",
        )

    def _tables(self, latents: torch.Tensor) -> Any:
        _, frames, _, height, width = latents.shape
        key = (frames, height, width, latents.device)
        if key not in self._rotary:
            size = VideoSize.of_latents(frames, height, width)
            self._rotary[key] = rotary_tables(self.transformer, size, latents.device)
        return self._rotary[key]


def group_of(name: str) -> str:
    """Which of ``GROUPS`` a parameter of a :class:`TrainingModule` belongs to."""
    part, _, rest = name.partition(".")
    if part == "text_encoder":
        return "text"
    return "adapter" if is_adapter_key(rest) else "base"


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter that is trained, each once (T5's embedding stands under two names)."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def parameter_groups(module: nn.Module, rates: dict[str, float]) -> list[dict[str, Any]]:
    """Groups for the optimizer, with ``rate`` as the learning rate before warm-up and decay."""
    members: dict[str, list[nn.Parameter]] = {}
    for name, parameter in trained_parameters(module).items():
        members.setdefault(group_of(name), []).append(parameter)
    return [
        {"params": members[group], "lr": rates[group], "rate": rates[group]} for group in GROUPS if group in members
    ]
