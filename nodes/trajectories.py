"""Drawings: made, imported, and turned into motion conditions."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..tora2.conditions import VideoSize
from ..tora2.trajectories import (
    DEFAULT_FPS,
    DEFAULT_FRAMES,
    DEFAULT_HEIGHT,
    DEFAULT_WIDTH,
    TrajectoryDocument,
    import_trajectories,
    parse_document,
    to_coordinates,
    to_tracks,
)
from . import host, sockets
from .validation import message_of

MOST_FRAMES = 1001
NO_TRACKS = '{"version": 1, "tracks": []}'
EDITOR_WIDGET = "TORA2_TRAJECTORY"  # made by web/tora2.js; on the wire the input stays a STRING, which can be linked


def _canvas_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "width",
            default=DEFAULT_WIDTH,
            min=16,
            max=4096,
            step=16,
            tooltip="Width of canvas and video in pixels: 720 for CogVideoX-5B, 128 for tora2-tiny.",
        ),
        io.Int.Input(
            "height",
            default=DEFAULT_HEIGHT,
            min=16,
            max=4096,
            step=16,
            tooltip="Height of canvas and video in pixels: 480 for CogVideoX-5B, 128 for tora2-tiny.",
        ),
        io.Int.Input(
            "frames",
            default=DEFAULT_FRAMES,
            min=1,
            max=MOST_FRAMES,
            step=8,
            tooltip="Length of the video in frames, 8k+1: 49 for CogVideoX-5B, 17 for tora2-tiny.",
        ),
        io.Float.Input(
            "fps",
            default=DEFAULT_FPS,
            min=1.0,
            max=120.0,
            step=1.0,
            tooltip=(
                "Frames per second at which the drawing plays. The models make 8; Create Video sets the file's own."
            ),
        ),
    ]


def _drawing_outputs() -> list[io.Output]:
    return [
        sockets.Trajectories.Output(
            display_name="trajectories", tooltip="For Tora2 Encode Trajectories and Tora2 Draw Trajectories."
        ),
        io.Tracks.Output(
            display_name="tracks", tooltip="The same as ComfyUI's own TRACKS: one place per frame, for Wan-Move nodes."
        ),
        io.String.Output(
            display_name="coordinates",
            tooltip="The same as coordinate JSON: for each track a list of x and y in pixels, one point per frame.",
        ),
    ]


def _drawing_values(document: TrajectoryDocument) -> tuple:
    return document, to_tracks(document), to_coordinates(document)


class Tora2TrajectoryEditor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2TrajectoryEditor",
            display_name="Tora2 Trajectory Editor",
            category="Tora2/trajectories",
            description=(
                "Draw one track per entity, time its points and play the scene before anything is sampled. Points are "
                "parts of the canvas (0..1), so the same drawing fits any size."
            ),
            search_aliases=["draw path", "spline editor", "motion path", "tracks editor", "trajectory"],
            has_intermediate_output=True,
            inputs=[
                io.String.Input(
                    "drawing",
                    default=NO_TRACKS,
                    dynamic_prompts=False,
                    extra_dict={"widgetType": EDITOR_WIDGET},
                    tooltip=(
                        "The drawing: tracks with points, their times and their names. It is kept as text (JSON, the "
                        "help page describes it), so another node can give it as well."
                    ),
                ),
                *_canvas_inputs(),
                io.Image.Input(
                    "background",
                    optional=True,
                    tooltip=(
                        "Optional picture to draw on, such as the first frame. It does not change the trajectories."
                    ),
                ),
            ],
            outputs=_drawing_outputs(),
        )

    @classmethod
    def validate_inputs(cls, drawing: str | None = None, frames: int | None = None) -> bool | str:
        # ComfyUI leaves the bounds of an input that is named here to this method.
        if frames is not None and not 1 <= frames <= MOST_FRAMES:
            return f"A clip of {frames} frames cannot be drawn; choose 1 to {MOST_FRAMES}."
        # The number of frames may be linked and not known yet; then no time in the drawing is too late.
        return message_of(parse_document, drawing, width=1, height=1, frames=frames or MOST_FRAMES)

    @classmethod
    def execute(
        cls,
        drawing: str,
        width: int,
        height: int,
        frames: int,
        fps: float,
        background: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        document = parse_document(drawing, width=width, height=height, frames=frames, fps=fps)
        document = document.fitted(width=width, height=height, frames=frames, fps=fps)
        # The editor draws on this picture where the frontend cannot know it without a run.
        picture = None if background is None else host.preview_image(background[:1], cls)
        return io.NodeOutput(*_drawing_values(document), ui=picture)


class Tora2ImportTrajectories(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2ImportTrajectories",
            display_name="Tora2 Import Trajectories",
            category="Tora2/trajectories",
            description=(
                "Takes trajectories from elsewhere: ComfyUI's TRACKS, the coordinate JSON of KJNodes' spline editor "
                "and others (flat or nested), Tora's .txt lines, or a drawing of this pack."
            ),
            search_aliases=["tracks to trajectories", "coordinates", "spline import", "coord_str", "kjnodes"],
            inputs=[
                io.String.Input(
                    "coordinates",
                    multiline=True,
                    default="",
                    dynamic_prompts=False,
                    tooltip=(
                        "Points in pixels of the width and height below, as JSON: a list of x and y for each track, or "
                        "one flat list. They are spread evenly over the frames. Leave empty if tracks are connected."
                    ),
                ),
                *_canvas_inputs(),
                io.Tracks.Input(
                    "tracks",
                    optional=True,
                    tooltip=(
                        "TRACKS of ComfyUI's nodes, in pixels of the width and height. Used instead of coordinates."
                    ),
                ),
            ],
            outputs=_drawing_outputs(),
        )

    @classmethod
    def execute(
        cls, coordinates: str, width: int, height: int, frames: int, fps: float, tracks: dict | None = None
    ) -> io.NodeOutput:
        source = coordinates if tracks is None else tracks
        document = import_trajectories(source, width=width, height=height, frames=frames, fps=fps)
        return io.NodeOutput(*_drawing_values(document))


class Tora2EncodeTrajectories(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2EncodeTrajectories",
            display_name="Tora2 Encode Trajectories",
            category="Tora2/conditioning",
            description=(
                "Spreads the trajectories into a colour-coded motion map (hue is direction, strength is speed) and "
                "encodes it with the model's video VAE."
            ),
            search_aliases=["motion conditioning", "tora encode", "optical flow", "trajectory guidance"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model."),
                sockets.Trajectories.Input("trajectories", tooltip="The drawing; its size is the video's size."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.05,
                    tooltip="How strongly motion is guided. 1 is what the model was trained with.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Part of the denoising steps after which the guidance starts, 0 to 1.",
                    advanced=True,
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "Part of the denoising steps after which the guidance ends; less than 1 frees the last steps."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[
                sockets.Motion.Output(display_name="motion", tooltip="For Tora2 Bind Entities."),
                io.Image.Output(display_name="motion map", tooltip="The colour-coded map, one picture a frame."),
            ],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(
        cls, model: host.HostedModel, trajectories: TrajectoryDocument, strength: float, start: float, end: float
    ) -> io.NodeOutput:
        from ..tora2.stages import encode_motion
        from ..tora2.stages.motion import check_size

        config = model.bundle.config
        size = VideoSize(trajectories.frames, trajectories.height, trajectories.width)
        check_size(size, model.bundle.learned_size)
        vae, slicing = model.vae_for("encode", size)
        motion = encode_motion(
            vae,
            trajectories,
            sigma=config.flow_sigma,
            window=config.flow_window,
            strength=strength,
            start=start,
            end=end,
            slicing=slicing,
            on_chunk=host.WorkProgress(),
        )
        preview = motion.flow_preview.movedim(-3, -1).float() / 255
        return io.NodeOutput(host.to_intermediate(motion), host.to_intermediate(preview))
