"""The few core nodes that workflows of this pack need outside ComfyUI, with core's ids, inputs and defaults.

Import only after loader.provide_comfy_api(). Definitions follow ComfyUI 0.33 (nodes.py, comfy_extras/nodes_video.py,
nodes_primitive.py), so that files saved there open here and the other way round.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from comfy_api.latest import io

from ..errors import WorkflowError
from .images import find_image, read_image, write_png
from .video import Video, write_mp4


@dataclass
class Saved:
    """A file that the run wrote."""

    path: Path
    width: int
    height: int
    frames: int = 1
    duration: float = 0.0


@dataclass
class Session:
    """What the nodes below need to know about the run: where to look, where to write, and what was written."""

    output: Path = Path("output")
    inputs: list[Path] = field(default_factory=list)
    trusted: set[str] = field(default_factory=set)
    previews: bool = False
    saved: list[Saved] = field(default_factory=list)


session = Session()


def start_session(new: Session) -> None:
    """Replaces the current session; node classes cannot carry state, so it lives in this module."""
    session.__dict__.update(new.__dict__)


def save_path(prefix: str, suffix: str, width: int, height: int) -> Path:
    """The next free `<output>/<prefix>_00001_<suffix>`, by core's own rule; refuses to leave the output folder."""
    import folder_paths

    output = session.output.resolve()
    parts = Path(prefix.replace("\\", "/")).parts
    if Path(prefix).is_absolute() or ".." in parts:
        raise WorkflowError(f"The file name prefix '{prefix}' leads out of the output folder; use a plain name.")
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, str(output), width, height)
    return Path(folder) / f"{name}_{counter:05}_{suffix}"


class LoadImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImage",
            display_name="Load Image",
            category="image",
            inputs=[io.Combo.Input("image", options=[], upload=io.UploadType.image)],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def validate_inputs(cls, image: str) -> bool:
        find_image(image, session.inputs, session.trusted)
        return True

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        return io.NodeOutput(*read_image(find_image(image, session.inputs, session.trusted)))


class InvertMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InvertMask",
            display_name="Invert Mask",
            category="mask",
            inputs=[io.Mask.Input("mask")],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, mask) -> io.NodeOutput:
        return io.NodeOutput(1.0 - mask)


class CreateVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            category="video",
            inputs=[
                io.Image.Input("images"),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True),
                io.Int.Input("bit_depth", min=8, max=10, default=8, step=2, optional=True),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, images, fps: float, audio=None, bit_depth: int = 8) -> io.NodeOutput:
        if audio is not None or bit_depth != 8:
            raise WorkflowError(
                "Create Video: sound and 10 bit are written by ComfyUI only; here it takes 8 bit and no audio."
            )
        return io.NodeOutput(Video(images, fps))


def _codec_input(names: list[str], *, optional: bool = False) -> io.DynamicCombo.Input:
    def encoding(crf: float, high: float) -> io.DynamicCombo.Input:
        manual = [
            io.Float.Input("crf", default=crf, min=0.0, max=high, step=1.0),
            io.Combo.Input("color_space", options=["auto", "sRGB", "HDR", "HDR PQ"], default="auto"),
        ]
        options = [io.DynamicCombo.Option("auto", []), io.DynamicCombo.Option("re-encode", manual)]
        return io.DynamicCombo.Input("encoding", options=options, optional=True)

    inner = {"auto": [], "h264": [encoding(23.0, 51.0)], "av1": [encoding(30.0, 63.0)]}
    return io.DynamicCombo.Input(
        "codec", options=[io.DynamicCombo.Option(name, inner[name]) for name in names], optional=optional
    )


class SaveVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        containers = {name: ["auto", "h264", "av1"] for name in ("auto", "mp4", "mkv")} | {"webm": ["auto", "av1"]}
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="video",
            inputs=[
                io.Video.Input("video"),
                io.String.Input("filename_prefix", default="video/ComfyUI"),
                io.DynamicCombo.Input(
                    "format",
                    options=[
                        io.DynamicCombo.Option(name, [_codec_input(codecs)]) for name, codecs in containers.items()
                    ],
                ),
                _codec_input(["auto", "h264", "av1"], optional=True),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
            outputs=[io.Video.Output("video")],
        )

    @classmethod
    def execute(cls, video: Video, filename_prefix: str, format, codec=None) -> io.NodeOutput:
        container, codec = (
            (format["format"], format.get("codec") or codec) if isinstance(format, dict) else (format, codec)
        )
        codec = codec if isinstance(codec, dict) else {"codec": codec or "auto"}
        encoding = codec.get("encoding") or {}
        if container not in ("auto", "mp4") or codec["codec"] not in ("auto", "h264"):
            raise WorkflowError(
                f"Save Video: outside ComfyUI videos are MP4 with H.264, not {container} with {codec['codec']}; set "
                "format and codec to auto."
            )
        if encoding.get("color_space", "auto") not in ("auto", "sRGB"):
            raise WorkflowError("Save Video: HDR is written by ComfyUI only; set the colour space to auto.")
        width, height = video.get_dimensions()
        path = save_path(filename_prefix, ".mp4", width, height)
        write_mp4(path, video, _metadata(cls.hidden), encoding.get("crf"))
        session.saved.append(Saved(path, width, height, int(video.images.shape[0]), video.duration))
        return io.NodeOutput(video)


def _metadata(hidden) -> dict:
    metadata = dict(hidden.extra_pnginfo or {})
    if hidden.prompt is not None:
        metadata["prompt"] = hidden.prompt
    return metadata


def _save_images(images, prefix: str, hidden) -> None:
    height, width = images.shape[1:3]
    metadata = {key: json.dumps(value) for key, value in _metadata(hidden).items()}
    for image in images:
        path = save_path(prefix, ".png", width, height)
        write_png(path, image, metadata)
        session.saved.append(Saved(path, width, height))


class SaveImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            inputs=[io.Image.Input("images"), io.String.Input("filename_prefix", default="ComfyUI")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, images, filename_prefix: str) -> io.NodeOutput:
        _save_images(images, filename_prefix, cls.hidden)
        return io.NodeOutput(images)


class PreviewImage(io.ComfyNode):
    """Shows nothing without a screen; with --previews its images go to `<output>/previews`."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewImage",
            display_name="Preview Image",
            category="image",
            inputs=[io.Image.Input("images")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, images) -> io.NodeOutput:
        if session.previews:
            _save_images(images, f"previews/node_{cls.hidden.unique_id}".replace(":", "-"), cls.hidden)
        return io.NodeOutput(images)


class PreviewAny(io.ComfyNode):
    """Core's Preview as Text; here the text goes to the terminal."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewAny",
            display_name="Preview as Text",
            category="utilities",
            inputs=[io.AnyType.Input("source")],
            is_output_node=True,
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, source) -> io.NodeOutput:
        text = source if isinstance(source, str) else json.dumps(source, default=str)
        print(text)
        return io.NodeOutput(text)


def _primitive(node_id: str, title: str, value: io.Input, output: io.Output) -> type:
    """A node that hands its one widget on."""

    class Primitive(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id=node_id, display_name=title, category="utilities/primitive", inputs=[value], outputs=[output]
            )

        @classmethod
        def execute(cls, value) -> io.NodeOutput:
            return io.NodeOutput(value)

    Primitive.__name__ = node_id
    return Primitive


_WIDE = {"min": -sys.maxsize, "max": sys.maxsize}
NODES = [
    LoadImage,
    InvertMask,
    CreateVideo,
    SaveVideo,
    SaveImage,
    PreviewImage,
    PreviewAny,
    _primitive("PrimitiveString", "Text", io.String.Input("value"), io.String.Output()),
    _primitive(
        "PrimitiveStringMultiline", "Text (Multiline)", io.String.Input("value", multiline=True), io.String.Output()
    ),
    _primitive(
        "PrimitiveInt",
        "Int",
        io.Int.Input("value", control_after_generate=io.ControlAfterGenerate.fixed, **_WIDE),
        io.Int.Output(),
    ),
    _primitive("PrimitiveFloat", "Float", io.Float.Input("value", step=0.1, **_WIDE), io.Float.Output()),
    _primitive("PrimitiveBoolean", "Boolean", io.Boolean.Input("value"), io.Boolean.Output()),
]
