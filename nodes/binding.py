"""Text, motion and identity made one."""

from __future__ import annotations

from comfy_api.latest import io

from ..tora2.conditions import MotionConditions, PersonalizationConditions, TextConditions
from . import host, sockets


class Tora2BindEntities(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2BindEntities",
            display_name="Tora2 Bind Entities",
            category="Tora2/conditioning",
            description=(
                "Ties each entity's looks to its own words and its own track. Text alone, with motion, with "
                "references or with both works; with motion alone it is plain Tora."
            ),
            search_aliases=["tora2 conditioning", "combine conditions", "entity binding"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model."),
                sockets.Text.Input("text", tooltip="From Tora2 Text Encode."),
                sockets.Motion.Input("motion", optional=True, tooltip="Optional, from Tora2 Encode Trajectories."),
                sockets.Personalization.Input(
                    "personalization", optional=True, tooltip="Optional, from Tora2 Extract Personalization."
                ),
            ],
            outputs=[sockets.Conditioning.Output(display_name="conditioning", tooltip="For Tora2 Sampler.")],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(
        cls,
        model: host.HostedModel,
        text: TextConditions,
        motion: MotionConditions | None = None,
        personalization: PersonalizationConditions | None = None,
    ) -> io.NodeOutput:
        from ..tora2.stages import bind_entities

        conditioning = bind_entities(model.component("transformer"), text, motion, personalization)
        host.tell(conditioning.doubts)
        return io.NodeOutput(host.to_intermediate(conditioning))
