"""References -> personalization conditions (DPE, equations 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..conditions import Entity, PersonalizationConditions
from ..errors import ConditionError
from ..memory.placement import compute_device
from ..personalization.encoders import encode_identities
from ..personalization.extractor import NO_PERSONALIZATION


@torch.no_grad()
def extract_personalization(
    transformer: Any, entities: Sequence[Entity], *, semantic: Any, reid: Any, face: Any, size: int
) -> PersonalizationConditions:
    """Tokens p_i of every entity.

    Args:
        transformer: a Tora2Transformer3DModel with personalization parts, on its device.
        entities: at least one.
        semantic, reid, face: the encoders; reid and face may be None where no entity needs them.
        size: side of the square reference picture that the semantic encoder takes.

    Raises:
        ConditionError: the model has no personalization parts, or there is no entity.
        EncoderError: a reference that an encoder cannot read, or an encoder that is missing.
    """
    if not transformer.has_personalization:
        raise ConditionError(NO_PERSONALIZATION)
    if not entities:
        raise ConditionError("No entity is connected: connect at least one Tora2 Entity node.")
    extractor = transformer.personalization_extractor
    features = encode_identities(
        entities,
        semantic=semantic,
        face=face,
        reid=reid,
        size=size,
        uses_face=extractor.config.uses_face,
        uses_reid=extractor.config.uses_reid,
        semantic_width=extractor.config.semantic_width,
        face_width=extractor.config.face_width,
        reid_width=extractor.config.reid_width,
    )
    # The model's device, not its parameters': those may be elsewhere until they are needed.
    device, dtype = compute_device(transformer), transformer.dtype
    tokens = extractor(
        features.semantic.to(device, dtype),
        features.reid.to(device, dtype),
        features.face.to(device, dtype),
        features.is_human.to(device),
    )
    has_reference = features.has_reference.to(tokens.device)
    return PersonalizationConditions(
        tokens=tokens * has_reference[:, None, None],
        has_reference=has_reference,
        is_human=features.is_human,
        entities=tuple(entities),
        seen=features.seen,
    )
