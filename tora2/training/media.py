"""Pictures and clips of samples, as ComfyUI's own loaders would read them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ..conditions import VideoSize

BROKEN = (ValueError, TypeError, AttributeError, OSError, LookupError, ArithmeticError, RuntimeError, SyntaxError)
BROKEN += (EOFError, MemoryError)
"""What PIL and PyAV raise for files that are damaged, or no pictures and no videos at all."""
FAINT = 2 / 255
"""A mask whose highest value is no more than this counts in ones, not in 255ths."""


def reference_picture(content: bytes) -> torch.Tensor:
    """An image file, turned as its camera was held -> [H, W, 3] in 0..1, [H, W, 4] where it has transparency.

    Raises:
        ValueError, or another of ``BROKEN``: it is no picture, or one too large to be opened safely.
    """
    with _opened(content) as image:
        image = _shallow(image)
        transparent = "A" in image.getbands() or "transparency" in image.info
        return _pixels(image.convert("RGBA" if transparent else "RGB"))


def mask_picture(content: bytes) -> torch.Tensor:
    """An image file -> [H, W] in 0..1, 1 on the entity.

    A mask in ones or by a palette counts as one in 255ths; of a picture with transparency it is the alpha.

    Raises:
        ValueError, or another of ``BROKEN``: as :func:`reference_picture`, or nothing is marked.
    """
    with _opened(content) as image:
        if image.mode == "P":
            mask = torch.tensor(bytearray(image.tobytes())).reshape(image.height, image.width).clamp(max=1).float()
        elif "A" in image.getbands():
            mask = _pixels(image.getchannel("A"))[..., 0]
        else:
            mask = _pixels(_shallow(image).convert("L"))[..., 0]
    if not bool(mask.any()):
        raise ValueError("a mask marks nothing: its pixels are all 0")
    return (mask > 0).float() if float(mask.max()) <= FAINT else mask


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as image:
            yield ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:  # it is no ValueError
        raise ValueError(str(error)) from error


def _shallow(image: Any) -> Any:
    """16 and 32 bits of grey, which Pillow would clip, as 8."""
    if not image.mode.startswith("I"):
        return image
    return image.point(lambda value: value / 256 if image.mode.startswith("I;16") else value * (1 / 255)).convert("L")


def _pixels(image: Any) -> torch.Tensor:
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width, -1).float() / 255


@dataclass(frozen=True)
class ClipFacts:
    """What a video file says of itself: frames (0 where it does not say) and their rate a second."""

    frames: int
    fps: float


def clip_facts(content: bytes) -> ClipFacts:
    """Raises one of ``BROKEN`` for a file without a picture."""
    import av

    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        return ClipFacts(int(stream.frames or 0), float(stream.average_rate or 0))


def read_clip(content: bytes, canvas: VideoSize, size: VideoSize, frames: torch.Tensor) -> torch.Tensor:
    """The chosen frames of a video file, cut to a size -> [T, 3, H, W] in -1..1.

    Args:
        canvas: what the file is said to hold.
        frames: [T] int, ascending.

    Raises:
        ValueError, or another of ``BROKEN``: it holds something else, or cannot be read to its end.
    """
    import av

    wanted, found, index = set(frames.tolist()), {}, 0
    with av.open(io.BytesIO(content)) as container:
        for frame in container.decode(video=0):
            if (frame.height, frame.width) != (canvas.height, canvas.width):
                raise ValueError(
                    f"the clip is {frame.width}x{frame.height}, but entities.json says {canvas.width}x{canvas.height}"
                )
            if index in wanted:
                found[index] = torch.from_numpy(frame.to_ndarray(format="rgb24"))
            index += 1
            if len(found) == len(wanted):
                break
    if len(found) < len(wanted):
        raise ValueError(f"the clip ends after {index} frames, but entities.json says {canvas.frames}")
    pixels = torch.stack([found[frame] for frame in frames.tolist()]).permute(0, 3, 1, 2).float() / 127.5 - 1
    height, width, top, left = cover(canvas, size)
    if (height, width) != tuple(pixels.shape[-2:]):
        pixels = F.interpolate(pixels, size=(height, width), mode="bicubic", antialias=True).clamp(-1, 1)
    return pixels[..., top : top + size.height, left : left + size.width].contiguous()


def chosen_frames(there: int, own_fps: float, wanted: int, fps: float) -> torch.Tensor:
    """Frames of a clip that make one of another rate, from its beginning: [wanted] int.

    Args:
        fps: 0 takes every frame.

    Raises:
        ValueError: the clip is too short.
    """
    step = own_fps / fps if fps else 1.0
    frames = (torch.arange(wanted, dtype=torch.float64) * step + 0.5).floor().long()
    if not math.isfinite(step) or step <= 0 or frames[-1] >= there:
        raise ValueError(f"{there} frames at {own_fps:g} fps are too few for {wanted} at {fps or own_fps:g} fps")
    return frames


def cover(canvas: VideoSize, size: VideoSize) -> tuple[int, int, int, int]:
    """Height and width that cover ``size``, and the first row and column of its centre."""
    scale = max(size.height / canvas.height, size.width / canvas.width)
    height = max(size.height, round(canvas.height * scale))
    width = max(size.width, round(canvas.width * scale))
    return height, width, (height - size.height) // 2, (width - size.width) // 2
