"""Entities and what they look like."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..tora2.conditions import Entity
from ..tora2.errors import ConditionError
from ..tora2.personalization.encoders import KINDS, needed_encoders
from ..tora2.personalization.extractor import NO_PERSONALIZATION
from ..tora2.personalization.preparation import entity_mask
from . import host, sockets

MAX_ENTITIES = 16
MASKS = ("auto", "entity", "background")


class Tora2Entity(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2Entity",
            display_name="Tora2 Entity",
            category="Tora2/personalization",
            description=(
                "One person, animal or thing of the video: what it looks like, which words of the prompt mean it and "
                "which track it follows."
            ),
            search_aliases=["subject", "character", "reference image", "identity", "personalization"],
            inputs=[
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip=(
                        "Optional reference picture, one for each entity. Without it the entity is bound to its track "
                        "by its words alone."
                    ),
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip=(
                        "Optional mask that parts the entity from its background, which is removed: Load Image's mask "
                        "of a transparent picture, or what you painted in the mask editor."
                    ),
                ),
                io.String.Input(
                    "phrase",
                    default="a fox",
                    dynamic_prompts=False,
                    tooltip=(
                        "The words of the prompt that mean this entity, exactly as they stand there. If they occur "
                        "more than once, add #2 for the second place, and so on."
                    ),
                ),
                io.Combo.Input(
                    "kind",
                    options=list(KINDS),
                    default="auto",
                    tooltip=(
                        "Which encoder reads the identity: human by the face, object by shape and colour, auto asks "
                        "whether a face is found."
                    ),
                ),
                io.String.Input(
                    "track",
                    default="",
                    dynamic_prompts=False,
                    tooltip="Name of the track in the drawing; empty takes the track that is named like the phrase.",
                ),
                io.Combo.Input(
                    "mask_shows",
                    options=list(MASKS),
                    default="auto",
                    optional=True,
                    tooltip=(
                        "What is white in the mask. auto takes the side that touches the picture's border for the "
                        "background; choose entity if the entity fills the picture up to its border."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[sockets.Entity.Output(display_name="entity", tooltip="For Tora2 Extract Personalization.")],
        )

    @classmethod
    def execute(
        cls,
        phrase: str,
        kind: str,
        track: str,
        image: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        mask_shows: str = "auto",
    ) -> io.NodeOutput:
        return io.NodeOutput(Entity(phrase.strip(), image, entity_mask(mask, mask_shows), kind, track.strip()))


class Tora2ExtractPersonalization(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2ExtractPersonalization",
            display_name="Tora2 Extract Personalization",
            category="Tora2/personalization",
            description=(
                "Reads the identity of every entity from its reference picture: face or re-identification features and "
                "DINOv2 features, joined by the model's extractor. Only Tora2 models have one; public Tora does not."
            ),
            search_aliases=["reference", "identity encoder", "dino", "face embedding", "ip adapter"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model; a Tora2 model such as tora2-tiny."),
                io.Autogrow.Input(
                    "entities",
                    template=io.Autogrow.TemplatePrefix(
                        sockets.Entity.Input("entity", tooltip="From Tora2 Entity."),
                        prefix="entity",
                        min=1,
                        max=MAX_ENTITIES,
                    ),
                    tooltip="The entities of the video; a new socket appears when the last one is taken.",
                ),
            ],
            outputs=[
                sockets.Personalization.Output(display_name="personalization", tooltip="For Tora2 Bind Entities."),
                io.Image.Output(
                    display_name="seen",
                    tooltip="What the encoders saw of each entity: cut out, background removed, square.",
                ),
            ],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(cls, model: host.HostedModel, entities: dict[str, Entity]) -> io.NodeOutput:
        from ..tora2.stages import extract_personalization

        if not model.bundle.has_personalization:  # before anything is loaded for it
            raise ConditionError(NO_PERSONALIZATION)
        entities = [entity for entity in entities.values() if entity is not None]
        transformer, semantic = model.components("transformer", "semantic")
        config = transformer.personalization_extractor.config
        personalization = extract_personalization(
            transformer,
            entities,
            semantic=semantic,
            **needed_encoders(entities, model.component, uses_face=config.uses_face, uses_reid=config.uses_reid),
            size=model.bundle.config.reference_size,
        )
        return io.NodeOutput(host.to_intermediate(personalization), host.to_intermediate(personalization.seen))
