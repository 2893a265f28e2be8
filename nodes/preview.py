"""Pictures that show what was asked for."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..tora2.conditions import PersonalizationConditions
from ..tora2.trajectories import TrajectoryDocument
from ..tora2.trajectories.overlay import draw_trajectories
from . import host, sockets


class Tora2DrawTrajectories(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2DrawTrajectories",
            display_name="Tora2 Draw Trajectories",
            category="Tora2/trajectories",
            description="Draws each track over the pictures, with a dot that moves along it, to compare asked and got.",
            search_aliases=["overlay", "visualize tracks", "show path", "preview trajectories"],
            inputs=[
                io.Image.Input(
                    "images", tooltip="The video's pictures; one picture gets the whole paths, as a plan of the motion."
                ),
                sockets.Trajectories.Input("trajectories", tooltip="The drawing."),
                sockets.Personalization.Input(
                    "entities", optional=True, tooltip="Optional: label tracks with their entity's phrase."
                ),
                io.Boolean.Input("names", default=True, tooltip="Write each track's name beside its dot."),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The pictures with the tracks drawn over them.")],
        )

    @classmethod
    def execute(
        cls,
        images: torch.Tensor,
        trajectories: TrajectoryDocument,
        names: bool,
        entities: PersonalizationConditions | None = None,
    ) -> io.NodeOutput:
        labels = entities.labels if entities is not None else {}
        return io.NodeOutput(host.to_intermediate(draw_trajectories(images, trajectories, names=names, labels=labels)))
