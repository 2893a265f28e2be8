"""Text, motion and personalization -> everything the denoising loop needs."""

from __future__ import annotations

import logging
from typing import Any

import torch

from ..binding import EntityBatch
from ..conditions import Conditioning, Entity, MotionConditions, PersonalizationConditions, TextConditions
from ..errors import ConditionError
from ..memory.placement import compute_device
from ..phrases import find_phrase

logger = logging.getLogger(__name__)


@torch.no_grad()
def bind_entities(
    transformer: Any,
    text: TextConditions,
    motion: MotionConditions | None = None,
    personalization: PersonalizationConditions | None = None,
) -> Conditioning:
    """Tie each entity to its own track and words (equation 5), then compute the motion map of every layer.

    Any combination works: text alone, trajectories alone (plain Tora), references alone, or all together. Both guidance
    branches share the result: the negative branch keeps motion and references.

    Raises:
        PhraseError: an entity's phrase is not in the prompt, is cut off, or occurs several times.
        ConditionError: an entity names a track that is not drawn, the model lacks the parts, or the text comes from
            another encoder.
    """
    if text.embeds.shape[-1] != transformer.config.text_embed_dim:
        raise ConditionError(
            f"The text comes from an encoder of width {text.embeds.shape[-1]}, but this model reads "
            f"{transformer.config.text_embed_dim}: give Tora2 Text Encode this model, and a CLIP only with CogVideoX."
        )
    device, dtype = compute_device(transformer), transformer.dtype
    first_map = None
    if motion is not None:
        if not transformer.has_motion:
            raise ConditionError(
                "This model has no motion parts: load CogVideoX together with Tora, or leave the motion unconnected."
            )
        first_map = transformer.traj_extractor.first_map(motion.latents.to(device, dtype))

    tokens, doubtful = None, ()
    if personalization is not None:
        if transformer.binding is not None:
            doubtful = tuple(doubts(text, motion, personalization))
        for sentence in doubtful:
            logger.warning(sentence)
        tokens, first_map = _bind(transformer, text, motion, personalization, first_map)

    maps = None if first_map is None else transformer.traj_extractor.remaining_maps(first_map)
    return Conditioning(
        embeds=text.embeds,
        negative_embeds=text.negative_embeds,
        motion_maps=maps,
        tokens=tokens,
        size=None if motion is None else motion.size,
        motion=motion,
        doubts=doubtful,
    )


def _bind(
    transformer: Any,
    text: TextConditions,
    motion: MotionConditions | None,
    personalization: PersonalizationConditions,
    first_map: torch.Tensor | None,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    device = compute_device(transformer)
    tokens = personalization.tokens.to(device, transformer.dtype)
    has_reference = personalization.has_reference.to(device)
    if transformer.binding is not None:
        batch = entity_batch(text, motion, personalization, device, transformer.dtype)
        bound = transformer.binding(batch, first_map)
        tokens, first_map = bound.tokens, bound.first_map
    if not has_reference.any():
        return None, first_map
    return tokens[has_reference].flatten(0, 1)[None], first_map


def entity_batch(
    text: TextConditions,
    motion: MotionConditions | None,
    personalization: PersonalizationConditions,
    device: torch.device,
    dtype: torch.dtype,
) -> EntityBatch:
    """The entities of one video with their words and tracks looked up and padded."""
    entities = personalization.entities
    words = [_words(text, entity) for entity in entities]
    tracks = [_tracks(motion, entity) for entity in entities]
    count = len(entities)
    most_words = max(map(len, words))
    most_tracks = max(1, *map(len, tracks))
    frames = motion.points.shape[1] if motion is not None else 1

    states = torch.zeros(count, most_words, text.embeds.shape[-1])
    words_mask = torch.zeros(count, most_words, dtype=torch.bool)
    points = torch.full((count, most_tracks, frames, 2), 0.5)
    visible = torch.zeros(count, most_tracks, frames, dtype=torch.bool)
    for index in range(count):
        states[index, : len(words[index])] = text.embeds[0, words[index]].float().cpu()
        words_mask[index, : len(words[index])] = True
        if tracks[index]:
            points[index, : len(tracks[index])] = motion.points[tracks[index]].float().cpu()
            visible[index, : len(tracks[index])] = motion.visible[tracks[index]].cpu()
    return EntityBatch(
        tokens=personalization.tokens.to(device, dtype),
        has_reference=personalization.has_reference.to(device),
        words=states.to(device, dtype),
        words_mask=words_mask.to(device),
        points=points.to(device),
        visible=visible.to(device),
        video=torch.zeros(count, dtype=torch.long, device=device),
    )


def _words(text: TextConditions, entity: Entity) -> list[int]:
    if not entity.phrase:
        return []
    return find_phrase(text.prompt, entity.phrase, text.offsets, truncated_from=text.truncated_from)


def _tracks(motion: MotionConditions | None, entity: Entity) -> list[int]:
    if motion is None:
        return []
    found = [index for index, name in enumerate(motion.names) if name == entity.track_name]
    if found:
        return found
    drawn = ", ".join(repr(name) for name in dict.fromkeys(motion.names))
    if entity.track:
        raise ConditionError(
            f"Entity {entity.phrase!r} follows a track named {entity.track!r}, but the tracks that are drawn and not "
            f"hidden are {drawn}: use one of these names, or draw or show that track."
        )
    return []


def doubts(
    text: TextConditions, motion: MotionConditions | None, personalization: PersonalizationConditions
) -> list[str]:
    """What is allowed and was probably meant otherwise, a sentence each: entities without words, path or effect, and
    two that share what is given to each.

    Raises:
        PhraseError, ConditionError: as :func:`bind_entities`.
    """
    sentences: list[str] = []
    words: dict[tuple[int, ...], int] = {}
    tracks: dict[tuple[int, ...], int] = {}
    entities = personalization.entities
    found = [(tuple(_words(text, entity)), tuple(_tracks(motion, entity))) for entity in entities]
    followed = {index for _, own in found for index in own}
    free = [] if motion is None else [name for index, name in enumerate(motion.names) if index not in followed]
    for number, (entity, (spoken, own)) in enumerate(zip(entities, found, strict=True), start=1):
        if entity.image is None and not own:
            sentences.append(f"Entity {number} has neither a picture nor a track, so it changes nothing.")
            continue
        if not spoken:
            sentences.append(
                f"Entity {number} has no phrase, so it is bound to no words of the prompt: write those that mean it at "
                "Tora2 Entity."
            )
        elif (other := words.setdefault(spoken, number)) != number:
            sentences.append(f"Entities {other} and {number} have the same words of the prompt: {entity.phrase!r}.")
        if motion is not None and not own:
            drawn = ", ".join(map(repr, dict.fromkeys(motion.names)))
            sentences.append(
                f"No track is named {entity.track_name!r} like entity {number}, so its looks are bound to no path: if "
                f"one of {drawn} is its own, rename it in the drawing, or write its name at Tora2 Entity."
            )
        elif own and free and (other := tracks.setdefault(own, number)) != number:
            sentences.append(
                f"Entities {other} and {number} follow the same track, {entity.track_name!r}, and none follows "
                f"{', '.join(map(repr, dict.fromkeys(free)))}."
            )
    return sentences
