"""From entities to what the personalization extractor reads: the only place that knows all three encoders.

Per entity: remove the background, decide whether it is a human, then compute semantic tokens and one identity vector
(face for humans, re-identification for everything else). Knows nothing of the transformer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..conditions import Entity
from ..errors import EncoderError
from .preparation import MARGIN, NEUTRAL, resize, square_reference

if TYPE_CHECKING:
    from .face import FaceEncoder
    from .reid import ReidEncoder
    from .semantic import SemanticEncoder

logger = logging.getLogger(__name__)

KINDS = ("auto", "human", "object")


@dataclass(frozen=True)
class IdentityFeatures:
    """Features of E entities, float32 on the semantic encoder's device.

    Attributes:
        semantic: [E, n, d] patch tokens; zero where there is no picture.
        face: [E, face_width] unit vectors; zero for objects and where there is no picture.
        reid: [E, reid_width] unit vectors; zero for humans (unless faces are not used) and where there is no picture.
        is_human: [E] bool.
        has_reference: [E] bool, False where the entity came without a picture.
        seen: [E, S, S, 3] in 0..1 on the CPU, what the encoders saw; the plain background where there is none.
    """

    semantic: torch.Tensor
    face: torch.Tensor
    reid: torch.Tensor
    is_human: torch.Tensor
    has_reference: torch.Tensor
    seen: torch.Tensor


def needed_encoders(
    entities: Sequence[Entity], load: Callable[[str], Any], *, uses_face: bool = True, uses_reid: bool = True
) -> dict[str, Any]:
    """The ``face`` and ``reid`` encoders that these entities may need, None for one that they do not, so that its
    package need not be installed. Where no face encoder can be loaded, entities of kind ``auto`` go without.

    Args:
        load: gives the encoder of a name, or raises EncoderError.
        uses_face, uses_reid: which identity vectors the extractor reads.

    Raises:
        EncoderError: one that is surely needed cannot be loaded.
    """
    kinds = {_kind(entity) for entity in entities if entity.image is not None}
    face = None
    if uses_face and kinds & {"auto", "human"}:
        try:
            face = load("face")
        except EncoderError as error:
            if "human" in kinds:
                raise
            logger.warning("No faces are looked for, so entities of kind auto are taken for objects: %s", error)
    described = kinds & {"auto", "object"} if uses_face else kinds
    return {"face": face, "reid": load("reid") if uses_reid and described else None}


@torch.no_grad()
def encode_identities(
    entities: Sequence[Entity],
    *,
    semantic: SemanticEncoder | None,
    face: FaceEncoder | None,
    reid: ReidEncoder | None,
    size: int = 224,
    uses_face: bool = True,
    uses_reid: bool = True,
    face_width: int = 512,
    reid_width: int = 1024,
    semantic_width: int | None = None,
    margin: float = MARGIN,
    background: float | Sequence[float] = NEUTRAL,
) -> IdentityFeatures:
    """Run the encoders on every entity that has a picture.

    Args:
        entities: see ``Entity``; its ``kind`` decides: ``human`` and ``object`` are taken at their word, ``auto`` is
            human if the face encoder finds a face (object where there is no face encoder).
        semantic, face, reid: the encoders; one that is not needed may be None.
        size: S, side of the pictures in ``seen``.
        uses_face, uses_reid: which identity vectors the extractor reads (``ExtractorConfig`` has both). Without faces,
            re-identification describes humans too (Table 2, ``dino+reid``).
        face_width, reid_width: lengths of the vectors that the extractor was made for.
        semantic_width: width of the tokens that it was made for; None does not look.

    Raises:
        EncoderError: an encoder is needed and absent or of another width, a picture cannot be used, or an entity said
            to be human shows no face.
    """
    if face is not None and uses_face:
        _check_width("face", face.dimension, face_width)
    if reid is not None and uses_reid:
        _check_width("re-identification", reid.dimension, reid_width)
    if semantic is not None and semantic_width is not None:
        _check_width("semantic", semantic.width, semantic_width)
    squares = [_square(entity, margin, background) for entity in entities]
    has_reference = torch.tensor([square is not None for square in squares], dtype=torch.bool)
    faces = torch.zeros(len(entities), face_width)
    is_human = torch.zeros(len(entities), dtype=torch.bool)
    for index, (entity, square) in enumerate(zip(entities, squares, strict=True)):
        vector = _face(entity, square, face) if uses_face else None
        is_human[index] = vector is not None if uses_face else _kind(entity) == "human"
        if vector is not None:
            faces[index] = vector
    shown = [index for index, square in enumerate(squares) if square is not None]
    pictures = {index: squares[index] for index in shown}
    reids = torch.zeros(len(entities), reid_width)
    if uses_reid:
        objects = [index for index in shown if not (uses_face and is_human[index])]
        if objects:
            if reid is None:
                raise EncoderError(
                    f"{_name(entities[objects[0]])} needs the re-identification encoder, which this model lacks: make "
                    "one with `python -m tora2 convert` and put it at reid_encoder/model.onnx in the model's folder."
                )
            reids[objects] = reid.embed(_stack(pictures, objects, reid.contract.size)).cpu().float()
    device, tokens = _semantic(semantic, pictures, shown, len(entities))
    seen = torch.as_tensor(background, dtype=torch.float32).expand(3).repeat(len(entities), size, size, 1)
    for index in shown:
        seen[index] = resize(pictures[index], size).movedim(0, -1).cpu()
    return IdentityFeatures(
        semantic=tokens,
        face=faces.to(device),
        reid=reids.to(device),
        is_human=is_human.to(device),
        has_reference=has_reference.to(device),
        seen=seen,
    )


def _semantic(
    encoder: SemanticEncoder | None, pictures: dict[int, torch.Tensor], shown: list[int], count: int
) -> tuple[torch.device, torch.Tensor]:
    if encoder is None:
        raise EncoderError(
            "Reference images need the semantic encoder, which this model lacks: put facebook/dinov2-large into the "
            "model's folder semantic_encoder, or leave the reference images away."
        )
    tokens = torch.zeros(count, encoder.tokens, encoder.width, device=encoder.device)
    if shown:
        tokens[shown] = encoder(_stack(pictures, shown, encoder.size)).float()
    return encoder.device, tokens


def _stack(pictures: dict[int, torch.Tensor], indices: list[int], size: int) -> torch.Tensor:
    """Each encoder's input is resized once, from the full picture; a picture resized twice loses detail."""
    return torch.stack([resize(pictures[index], size).cpu() for index in indices])


def _square(entity: Entity, margin: float, background: float | Sequence[float]) -> torch.Tensor | None:
    if entity.image is None:
        return None
    try:
        return square_reference(entity.image, entity.mask, margin=margin, background=background)
    except EncoderError as error:
        raise EncoderError(f"{_name(entity)}: {error}") from error


def _face(entity: Entity, square: torch.Tensor | None, encoder: FaceEncoder | None) -> torch.Tensor | None:
    """The face vector if the entity is a human with a picture, else None."""
    kind = _kind(entity)
    if square is None or kind == "object" or (kind == "auto" and encoder is None):
        return None
    if encoder is None:
        raise EncoderError(
            f"{_name(entity)} is said to be human, but this model has no face encoder: put antelopev2 or buffalo_l of "
            "insightface into the model's folder face_encoder, or set its kind to object."
        )
    vector = encoder.embed(square.movedim(0, -1))
    if vector is None and kind == "human":
        raise EncoderError(
            f"{_name(entity)} is said to be human, but no face is found in its reference image: use a picture that "
            "shows the face, check that the mask keeps it, or set its kind to object."
        )
    return vector


def _kind(entity: Entity) -> str:
    if entity.kind not in KINDS:
        raise EncoderError(f"{_name(entity)} is of kind {entity.kind!r}; the kinds are {', '.join(KINDS)}.")
    return entity.kind


def _name(entity: Entity) -> str:
    name = entity.phrase or entity.track
    return f'The entity "{name}"' if name else "An entity without a phrase"


def _check_width(what: str, width: int, wanted: int) -> None:
    if width != wanted:
        raise EncoderError(
            f"The {what} encoder gives vectors of {width}, but this model was trained with {wanted}: use the {what} "
            "encoder that belongs to it."
        )
