"""Writes frames to an H.264 MP4 as ComfyUI's Save Video does (yuv420p, BT.709, workflow in the metadata)."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

# FFmpeg's numbers: colour primaries and matrix BT.709, transfer IEC 61966-2-1 (sRGB), limited range.
_BT709, _SRGB, _LIMITED = 1, 13, 1
_SWS_BT709 = 1


@dataclass
class Video:
    """What CreateVideo hands to SaveVideo: images [F,H,W,3] in 0..1 and frames per second."""

    images: torch.Tensor
    fps: float

    def get_dimensions(self) -> tuple[int, int]:
        """(width, height)."""
        return int(self.images.shape[2]), int(self.images.shape[1])

    @property
    def duration(self) -> float:
        return self.images.shape[0] / self.fps


def write_mp4(path: Path, video: Video, metadata: dict[str, Any] | None = None, crf: float | None = None) -> None:
    """Writes `video` to `path`, whole or not at all: it is encoded beside its place and then renamed.

    H.264 in yuv420p needs even sizes, so an odd width or height grows by one repeated line. Values are clamped to 0..1.
    `metadata` values are stored as JSON under their keys, where ComfyUI looks when the file is dropped on its canvas.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".mp4.part", dir=path.parent)
    os.close(handle)
    try:
        _encode(name, video, metadata or {}, crf)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def even_frames(images: torch.Tensor) -> torch.Tensor:
    """[F,H,W,C] with H and W made even by repeating the last row or column."""
    if images.shape[1] % 2:
        images = torch.cat([images, images[:, -1:]], dim=1)
    if images.shape[2] % 2:
        images = torch.cat([images, images[:, :, -1:]], dim=2)
    return images


def _encode(path: str, video: Video, metadata: dict[str, Any], crf: float | None) -> None:
    import av

    images = even_frames(video.images[..., :3])
    options = {"movflags": "use_metadata_tags+faststart"}
    with av.open(path, mode="w", format="mp4", options=options) as container:
        for key, value in metadata.items():
            container.metadata[key] = json.dumps(value)
        stream = container.add_stream("libx264", rate=Fraction(round(video.fps * 1000), 1000))
        stream.width, stream.height = int(images.shape[2]), int(images.shape[1])
        stream.pix_fmt = "yuv420p"
        if crf is not None:
            stream.options = {"crf": str(crf)}
        _tag_colours(stream.codec_context)
        for image in images:
            pixels = (image.float() * 255).clamp(0, 255).byte().cpu().contiguous().numpy()
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_SWS_BT709)
            _tag_colours(frame)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag_colours(target: Any) -> None:
    """Says in the stream which colours these are; older PyAV cannot set every tag on a frame."""
    tags = {"color_primaries": _BT709, "color_trc": _SRGB, "colorspace": _BT709, "color_range": _LIMITED}
    for name, value in tags.items():
        try:
            setattr(target, name, value)
        except AttributeError:
            continue
