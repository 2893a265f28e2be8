"""What is drawn of clips before there are pixels; small enough to be handed from one process to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch


@dataclass
class EntityPlan:
    """All that is drawn of one entity; its picture is number ``index`` of the atlas.

    ``light`` and ``reference_light`` are gain, contrast and saturation, ``sharpness`` and ``reference_sharpness`` the
    pixels across that the picture is blurred to.
    """

    index: int
    name: str
    phrase: str
    style: str
    is_human: bool
    light: tuple[float, float, float]
    sharpness: int
    matrices: torch.Tensor  # [T, 2, 3]
    track: torch.Tensor  # [T, 2]
    reference_light: tuple[float, float, float]
    reference_sharpness: int
    reference_matrix: torch.Tensor  # [2, 3]


@dataclass
class Plan:
    seed: int
    caption: str
    background: str
    canvas: torch.Tensor  # [3, H, W] in 0..1
    entities: list[EntityPlan]


@dataclass
class Plans:
    """B plans as a few large tensors, cheap to hand from one process to another.

    Per clip: ``painted`` [B, 3, H, W] uint8 (a quarter of the shared memory that floats take), lists of ``seeds``,
    ``captions``, ``backgrounds``, and of the entities' ``phrases`` and ``names``. Per entity, N in all: ``rows`` [N]
    its clip, ``columns`` [N] its place in it, ``indices`` [N], ``is_human`` [N], ``lights`` [N, 2, 3] and ``sharpness``
    [N, 2] (clip, reference), ``matrices`` [N, T, 2, 3], ``tracks`` [N, T, 2], ``reference_matrices`` [N, 2, 3].
    """

    painted: torch.Tensor
    seeds: list[int]
    captions: list[str]
    backgrounds: list[str]
    phrases: list[list[str]]
    names: list[list[str]]
    rows: torch.Tensor
    columns: torch.Tensor
    indices: torch.Tensor
    is_human: torch.Tensor
    lights: torch.Tensor
    sharpness: torch.Tensor
    matrices: torch.Tensor
    tracks: torch.Tensor
    reference_matrices: torch.Tensor

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> Plans:
        flat = [entity for plan in plans for entity in plan.entities]
        return cls(
            painted=(torch.stack([plan.canvas for plan in plans]) * 255).round().byte(),
            seeds=[plan.seed for plan in plans],
            captions=[plan.caption for plan in plans],
            backgrounds=[plan.background for plan in plans],
            phrases=[[entity.phrase for entity in plan.entities] for plan in plans],
            names=[[entity.name for entity in plan.entities] for plan in plans],
            rows=torch.tensor([row for row, plan in enumerate(plans) for _ in plan.entities]),
            columns=torch.tensor([column for plan in plans for column in range(len(plan.entities))]),
            indices=torch.tensor([entity.index for entity in flat]),
            is_human=torch.tensor([entity.is_human for entity in flat]),
            lights=torch.tensor([[entity.light, entity.reference_light] for entity in flat]),
            sharpness=torch.tensor([[entity.sharpness, entity.reference_sharpness] for entity in flat]),
            matrices=torch.stack([entity.matrices for entity in flat]),
            tracks=torch.stack([entity.track for entity in flat]),
            reference_matrices=torch.stack([entity.reference_matrix for entity in flat]),
        )

    @property
    def canvases(self) -> torch.Tensor:
        """[B, 3, H, W] in 0..1."""
        return self.painted.float() / 255

    def to(self, device: str | torch.device) -> Plans:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Plans(
            **{
                name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
                for name, value in values.items()
            }
        )
