"""The open data format: clip, caption, and entities with phrase, reference, mask and tracks. README.md describes it.

A sample is a group of files that share a name up to the first dot, loose in a folder or in WebDataset's .tar shards.
"""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ..conditions import Entity, VideoSize
from ..errors import TrainingError

VERSION = 1
MOST_ENTITIES = 64


@dataclass(frozen=True)
class Sample:
    """One clip with its entities, for a video of a given size.

    Attributes:
        name: of the sample, with the folder or archive it comes from.
        entities: with reference pictures and masks.
        identities: E names; two entities of one name are the same thing.
        points: E tensors [K, T, 2] in 0..1 of the canvas; visible: E tensors [K, T] bool.
        clip: [T, 3, H, W] in -1..1, or None for a scene without one.
    """

    name: str
    caption: str
    entities: tuple[Entity, ...]
    identities: tuple[str, ...]
    points: tuple[torch.Tensor, ...]
    visible: tuple[torch.Tensor, ...]
    clip: torch.Tensor | None


def sample_files(folder: Path | str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Name and files (extension -> content) of every sample, .tar shards first, each in the order of its names.

    Raises:
        TrainingError: there is no sample, or an archive cannot be read.
    """
    folder, count = Path(folder), 0
    for archive in sorted(folder.rglob("*.tar")):
        for name, files in _archive(archive):
            count += 1
            yield f"{archive.name}:{name}", files
    groups: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*")):
        stem, dot, extension = path.name.partition(".")
        if stem and dot and path.suffix != ".tar" and path.is_file():
            groups.setdefault((path.parent.relative_to(folder) / stem).as_posix(), {})[extension] = path
    for name, paths in groups.items():
        if "entities.json" in paths:
            count += 1
            yield name, {extension: path.read_bytes() for extension, path in paths.items()}
    if not count:
        raise TrainingError(f"{folder} holds no samples: neither .tar shards nor files named NAME.entities.json.")


def _archive(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    name, files = None, {}
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                folder, slash, base = member.name.rpartition("/")
                stem, dot, extension = base.partition(".")
                if not member.isfile() or not stem or not dot:
                    continue
                key = folder + slash + stem
                if key != name:  # the files of one sample follow each other
                    if name is not None and "entities.json" in files:
                        yield name, files
                    name, files = key, {}
                files[extension] = archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TrainingError(f"{path} cannot be read as a .tar shard ({error}): make it anew.") from error
    if name is not None and "entities.json" in files:
        yield name, files


def parse_sample(name: str, files: Mapping[str, bytes], size: VideoSize, fps: float, *, need_clip: bool) -> Sample:
    """Cut a sample to a video's size: time from its beginning, the picture's centre, tracks alike.

    Args:
        fps: of the video; 0 takes every frame.
        need_clip: refuse a sample without a clip, and read it.

    Raises:
        TrainingError: one sentence that says what is wrong with the sample.
    """
    try:
        data = json.loads(files["entities.json"])
        caption = files["txt"].decode("utf-8").strip()
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r} is not {VERSION}")
        canvas = VideoSize(int(data["frames"]), int(data["height"]), int(data["width"]))
        if min(canvas.frames, canvas.height, canvas.width) < 1:
            raise ValueError(f"{canvas.frames} frames of {canvas.width}x{canvas.height} are no video")
        frames = _chosen_frames(canvas.frames, float(data.get("fps", 8.0)), size.frames, fps)
        if len(data["entities"]) > MOST_ENTITIES:
            raise ValueError(f"{len(data['entities'])} entities are more than {MOST_ENTITIES}")
        parsed = [_entity(item, files, canvas, size, frames) for item in data["entities"]]
        clip = _clip(files, canvas, size, frames) if need_clip else None
    except KeyError as error:
        raise TrainingError(f"Sample {name} lacks {error}.") from error
    except (ValueError, TypeError, AttributeError, OSError, LookupError, ArithmeticError) as error:
        raise TrainingError(f"Sample {name} cannot be used: {error}.") from error
    entities, identities, points, visible = zip(*parsed, strict=True) if parsed else ((),) * 4
    return Sample(name, caption, entities, identities, points, visible, clip)


def _chosen_frames(there: int, own_fps: float, wanted: int, fps: float) -> torch.Tensor:
    step = own_fps / fps if fps else 1.0
    frames = (torch.arange(wanted, dtype=torch.float64) * step + 0.5).floor().long()
    if not math.isfinite(step) or step <= 0 or frames[-1] >= there:
        raise ValueError(f"{there} frames at {own_fps:g} fps are too few for {wanted} at {fps or own_fps:g} fps")
    return frames


def _entity(
    item: Mapping[str, Any], files: Mapping[str, bytes], canvas: VideoSize, size: VideoSize, frames: torch.Tensor
) -> tuple[Entity, str, torch.Tensor, torch.Tensor]:
    phrase = str(item.get("phrase", ""))
    image = mask = None
    if item.get("reference"):
        image = picture(files[item["reference"]], "RGB")
        if item.get("mask"):
            mask = picture(files[item["mask"]], "L")[..., 0]
    points, visible = [], []
    for track in item.get("tracks", []):
        if len(track) != canvas.frames:
            raise ValueError(f"a track of {phrase!r} has {len(track)} points for {canvas.frames} frames")
        points.append([[float(x) for x in point[:2]] if point is not None else [0.5, 0.5] for point in track])
        visible.append([point is not None for point in track])
    places = torch.tensor(points, dtype=torch.float32).reshape(len(points), canvas.frames, 2)
    seen = torch.tensor(visible, dtype=torch.bool).reshape(len(points), canvas.frames)
    if not torch.isfinite(places).all():
        raise ValueError(f"a track of {phrase!r} holds a number that is not finite")
    places, seen = places[:, frames], seen[:, frames]
    height, width, top, left = _cover(canvas, size)
    scale, offset = torch.tensor([width, height]), torch.tensor([left, top])
    places = (places * scale - offset) / torch.tensor([size.width, size.height])
    seen = seen & ((places >= 0) & (places <= 1)).all(-1)
    entity = Entity(phrase, image, mask, str(item.get("kind", "auto")))
    return entity, str(item.get("identity") or phrase.partition("#")[0].strip().casefold()), places, seen


def _cover(canvas: VideoSize, size: VideoSize) -> tuple[int, int, int, int]:
    """Height and width that cover ``size``, and the first row and column of its centre."""
    scale = max(size.height / canvas.height, size.width / canvas.width)
    height = max(size.height, round(canvas.height * scale))
    width = max(size.width, round(canvas.width * scale))
    return height, width, (height - size.height) // 2, (width - size.width) // 2


def picture(content: bytes, mode: str) -> torch.Tensor:
    """An image file as [H, W, C] in 0..1."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image = image.convert(mode)
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        return pixels.reshape(image.height, image.width, -1).float() / 255


def _clip(files: Mapping[str, bytes], canvas: VideoSize, size: VideoSize, frames: torch.Tensor) -> torch.Tensor:
    import av

    wanted, found, index = set(frames.tolist()), {}, 0
    with av.open(io.BytesIO(files["mp4"])) as container:
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
    height, width, top, left = _cover(canvas, size)
    if (height, width) != tuple(pixels.shape[-2:]):
        pixels = F.interpolate(pixels, size=(height, width), mode="bicubic", antialias=True).clamp(-1, 1)
    return pixels[..., top : top + size.height, left : left + size.width].contiguous()
