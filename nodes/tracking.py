"""Videos measured against the drawing, and drawings taken from videos."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..tora2.conditions import PersonalizationConditions
from ..tora2.tracking.settings import STARTS, TRACKERS
from ..tora2.trajectories import DEFAULT_FPS, MAX_TRACKS, TrajectoryDocument, to_coordinates, to_tracks
from ..tora2.trajectories.overlay import draw_trajectories
from . import host, sockets


class Tora2MeasureTrajectories(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2MeasureTrajectories",
            display_name="Tora2 Measure Trajectories",
            category="Tora2/trajectories",
            description=(
                "Tracks the finished video and says how far each entity is from the path that was asked: TrajError, "
                "the paper's mean distance (across plus down) over the frames. Needs OpenCV (pip install "
                "opencv-python-headless), but not for tora2-tiny with references."
            ),
            search_aliases=["trajectory error", "trajerror", "evaluate motion", "point tracking", "asked vs got"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="The video's pictures; several videos of the drawing's length may follow one another.",
                ),
                sockets.Trajectories.Input("trajectories", tooltip="The drawing that the video was made with."),
                sockets.Personalization.Input(
                    "entities",
                    optional=True,
                    tooltip="Optional: names the tracks, and gives the references that entities are found by.",
                ),
                io.Combo.Input(
                    "tracker",
                    options=list(TRACKERS),
                    default="auto",
                    tooltip=(
                        "points follows whatever lies where a path starts, in any video. appearance looks for the "
                        "references, in tora2-tiny's 128x128 videos only; auto does so where it can."
                    ),
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="report", tooltip="A table of all entities; Preview as Text shows it on the graph."
                ),
                io.Image.Output(
                    display_name="overlay",
                    tooltip="The video with the asked paths in their colours and the found ones in a light tint.",
                ),
                io.Float.Output(
                    display_name="TrajError", tooltip="Mean over the entities in pixels; NaN if none could be followed."
                ),
                io.String.Output(
                    display_name="numbers",
                    tooltip="Every entity's l1, l2, l1_paper (at 720x480) and followed (0..1) as JSON.",
                ),
                sockets.Trajectories.Output(
                    display_name="found", tooltip="The tracked paths (of the first video) as a drawing."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        images: torch.Tensor,
        trajectories: TrajectoryDocument,
        tracker: str,
        entities: PersonalizationConditions | None = None,
    ) -> io.NodeOutput:
        from ..tora2.tracking import comparison

        labels = entities.labels if entities is not None else {}
        compared = comparison.compare(images, trajectories, entities=entities, tracker=tracker)
        shown = comparison.overlay(images, trajectories, compared, labels)
        return io.NodeOutput(
            comparison.report(compared, labels),
            host.to_intermediate(shown),
            comparison.mean_error(compared),
            comparison.numbers(compared),
            compared[0].got(trajectories),
            ui=host.preview_image(shown[-1:], cls),
        )


class Tora2TrajectoriesFromVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2TrajectoriesFromVideo",
            display_name="Tora2 Trajectories From Video",
            category="Tora2/trajectories",
            description=(
                "Takes the motion of a video: follows points through it and makes a drawing of their paths, with few "
                "points that can be edited on. A track ends where its point is lost. Needs OpenCV (pip install "
                "opencv-python-headless)."
            ),
            search_aliases=["motion transfer", "point tracking", "optical flow", "track video", "extract motion"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input("images", tooltip="The video's pictures. Size and length of the drawing are theirs."),
                io.Combo.Input(
                    "points",
                    options=list(STARTS),
                    default="even",
                    tooltip=(
                        "What is followed from the first picture on: even spreads the points over it (or the mask); "
                        "features takes what stands out most, which is followed best."
                    ),
                ),
                io.Int.Input(
                    "count",
                    default=1,
                    min=1,
                    max=MAX_TRACKS,
                    tooltip="How many points; a single even one lies in the middle, of the mask if there is one.",
                ),
                io.Float.Input(
                    "tolerance",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip=(
                        "Pixels by which the drawing may differ from the track at any frame, for fewer points to edit. "
                        "0 keeps a key at every frame."
                    ),
                ),
                io.Float.Input(
                    "fps", default=DEFAULT_FPS, min=1.0, max=120.0, step=1.0, tooltip="Frames per second of the video."
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="Optional: where points may start, white on the thing to follow."
                ),
                sockets.Trajectories.Input(
                    "trajectories",
                    optional=True,
                    tooltip=(
                        "Optional drawing: the first place of each of its tracks is followed, under the track's name. "
                        "Used instead of points, count and mask."
                    ),
                ),
            ],
            outputs=[
                sockets.Trajectories.Output(
                    display_name="trajectories", tooltip="For Tora2 Encode Trajectories and Tora2 Draw Trajectories."
                ),
                io.Tracks.Output(
                    display_name="tracks", tooltip="The same as ComfyUI's own TRACKS: one place per frame."
                ),
                io.String.Output(
                    display_name="coordinates",
                    tooltip=(
                        "The same as coordinate JSON: for each track a list of x and y in pixels, one point per frame."
                    ),
                ),
                io.String.Output(
                    display_name="drawing",
                    tooltip="The same as the text that Tora2 Trajectory Editor holds, to edit it there.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        images: torch.Tensor,
        points: str,
        count: int,
        tolerance: float,
        fps: float,
        mask: torch.Tensor | None = None,
        trajectories: TrajectoryDocument | None = None,
    ) -> io.NodeOutput:
        from ..tora2.tracking.extraction import extract

        document = extract(
            images,
            fps=fps,
            tolerance=tolerance,
            points=points,
            count=count,
            mask=None if mask is None else mask.reshape(-1, *mask.shape[-2:])[0],
            drawing=trajectories,
            on_step=host.WorkProgress(),
        )
        return io.NodeOutput(
            document,
            to_tracks(document),
            to_coordinates(document),
            document.to_json(),
            ui=host.preview_image(draw_trajectories(images[:1], document), cls),
        )
