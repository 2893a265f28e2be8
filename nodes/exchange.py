"""Drawings for nodes of other packs that read text."""

from __future__ import annotations

from comfy_api.latest import io

from ..tora2.trajectories import TrajectoryDocument
from ..tora2.trajectories.export import FORMATS, NESTED, export_trajectories
from . import sockets


class Tora2ExportTrajectories(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2ExportTrajectories",
            display_name="Tora2 Export Trajectories",
            category="Tora2/trajectories",
            description=(
                "Writes a drawing as the text that another pack's node reads: KJNodes, ATI (WanTrackToVideo), "
                "Wan-Move from coordinates, LTX, CogVideoXWrapper's Tora, or a Tora .txt file."
            ),
            search_aliases=["coord_str", "coordinates json", "ati tracks", "spline export", "wan track"],
            inputs=[
                sockets.Trajectories.Input("trajectories", tooltip="A drawing; points are in pixels of its canvas."),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default=NESTED,
                    tooltip=(
                        "nested fits most nodes. WanTrackToVideo needs ATI: it takes missing points for invisible. "
                        "CogVideoXWrapper's ToraEncodeTrajectory and KJNodes' shape nodes want flat lists."
                    ),
                ),
                io.String.Input(
                    "track",
                    default="",
                    tooltip="Name of the one track to write. Empty: all tracks that are not hidden.",
                ),
            ],
            outputs=[io.String.Output(display_name="text", tooltip="For an input named coordinates or tracks.")],
        )

    @classmethod
    def execute(cls, trajectories: TrajectoryDocument, format: str, track: str) -> io.NodeOutput:
        return io.NodeOutput(export_trajectories(trajectories, format, track=track))
