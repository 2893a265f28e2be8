"""Decoupled personalization extractor (DPE), equations 3 and 4: identity and semantic features -> tokens p_i."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ..errors import ConditionError
from .adapters import AppearanceAdapter
from .qformer import QFormer

NO_PERSONALIZATION = (
    "This model has no personalization parts (public Tora follows trajectories only); load a Tora2 model such as "
    "tora2-tiny, or leave the references unconnected."
)

VARIANTS = ("dpe", "dino", "dino+reid", "dino+reid|face")


@dataclass(frozen=True)
class ExtractorConfig:
    """Sizes of the extractor; the defaults are those of the 5B model.

    Attributes:
        variant: a row of the paper's Table 2. ``dpe``: identity tokens and semantic tokens, read by a Q-Former.
            ``dino``: semantic tokens through a linear layer. ``dino+reid``: re-identification vector of every entity
            joined to each semantic token, linear. ``dino+reid|face``: the same with ArcFace for humans.
        token_width: d_p.
        queries: l_p, tokens per entity (``dpe`` only; the linear variants give one token per semantic token).
        layers, heads: of the Q-Former.
        adapter_tokens: k, tokens that an adapter makes of an identity vector.
        semantic_width: width of the semantic encoder's patch tokens (1024 for DINOv2-L).
        face_width: length of the face vector (512 for ArcFace).
        reid_width: length of the re-identification vector (1024 for the detector's box head).
    """

    variant: str = "dpe"
    token_width: int = 768
    queries: int = 32
    layers: int = 4
    heads: int = 12
    adapter_tokens: int = 4
    semantic_width: int = 1024
    face_width: int = 512
    reid_width: int = 1024

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ConditionError(
                f"The personalization variant {self.variant!r} does not exist; use one of {', '.join(VARIANTS)}."
            )

    @property
    def uses_reid(self) -> bool:
        return self.variant != "dino"

    @property
    def uses_face(self) -> bool:
        return self.variant in ("dpe", "dino+reid|face")


class PersonalizationExtractor(nn.Module):
    """Features of E entities -> p_i [E, l_p, d_p]."""

    def __init__(self, config: ExtractorConfig):
        super().__init__()
        self.config = config
        linear = config.variant != "dpe"
        adapter_tokens = 1 if linear else config.adapter_tokens
        self.reid_adapter = (
            AppearanceAdapter(config.reid_width, config.token_width, adapter_tokens) if config.uses_reid else None
        )
        self.face_adapter = (
            AppearanceAdapter(config.face_width, config.token_width, adapter_tokens) if config.uses_face else None
        )
        self.semantic_projection = nn.Linear(config.semantic_width, config.token_width)
        self.join = self.qformer = None
        if not linear:
            self.qformer = QFormer(config.token_width, config.queries, config.layers, config.heads)
        elif config.uses_reid:
            self.join = nn.Linear(2 * config.token_width, config.token_width)

    def forward(
        self, semantic: torch.Tensor, reid: torch.Tensor, face: torch.Tensor, is_human: torch.Tensor
    ) -> torch.Tensor:
        """p_i of equation 4.

        Args:
            semantic: [E, n, semantic_width] patch tokens.
            reid: [E, reid_width]; rows of humans are not read where the variant has a face adapter.
            face: [E, face_width]; rows of objects are not read.
            is_human: [E] bool, which of the two identity vectors is an entity's own.
        """
        semantic = self.semantic_projection(semantic)
        if self.config.variant == "dino":
            return semantic
        identity = self.reid_adapter(reid)
        if self.face_adapter is not None:
            identity = torch.where(is_human[:, None, None], self.face_adapter(face), identity)
        if self.qformer is not None:
            return self.qformer(torch.cat([identity, semantic], dim=1))
        return self.join(torch.cat([identity.expand_as(semantic), semantic], dim=-1))
