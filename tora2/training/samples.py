"""The open data format: clip, caption, and entities with phrase, reference, mask and tracks. README.md describes it.

A sample is ``NAME.entities.json`` and the other files that begin with ``NAME.``, loose in a folder or in WebDataset's
.tar shards.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..conditions import Entity, VideoSize
from ..errors import TrainingError, TrajectoryError
from ..trajectories import parse_document
from ..trajectories import sample as sample_tracks
from .media import BROKEN, chosen_frames, clip_facts, cover, mask_picture, read_clip, reference_picture

VERSION = 1
ENTITIES = ".entities.json"
DRAWING = "trajectories.json"
MOST_ENTITIES = 64
FPS = 8.0  # of scenes that say none and have no clip
RATES_DIFFER = 0.02  # 29.97 is 30


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


def sample_files(
    folder: Path | str, passed_over: Callable[[str], None] = lambda name: None
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Name and files (extension -> content) of every sample, .tar shards first, each in the order of its names.

    Args:
        passed_over: told the name of every clip that has no ``entities.json``.

    Raises:
        TrainingError: there is no sample, or an archive cannot be read.
    """
    folder, count = Path(folder), 0
    if not folder.exists():
        raise TrainingError(f"There is no {folder}: `data.samples` is a folder of samples, or one .tar shard.")
    for archive in sorted(folder.rglob("*.tar")) if folder.is_dir() else [folder]:
        for files in _archive(archive):
            for name, parts in _samples(files, lambda name, archive=archive: passed_over(f"{archive.name}:{name}")):
                count += 1
                yield f"{archive.name}:{name}", {extension: files[path] for extension, path in parts.items()}
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix != ".tar" and path.is_file())
    for name, parts in _samples([path.relative_to(folder).as_posix() for path in paths], passed_over):
        count += 1
        yield name, {extension: (folder / path).read_bytes() for extension, path in parts.items()}
    if not count:
        raise TrainingError(f"{folder} holds no samples: neither .tar shards nor files named NAME{ENTITIES}.")


def _samples(paths: Collection[str], passed_over: Callable[[str], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Sample -> extension -> path. A file belongs to the longest name that has entities, for names hold dots too.

    Hidden files are nobody's: macOS puts ``._NAME`` beside every file on disks of other systems.
    """
    paths = [path for path in paths if not path.rpartition("/")[2].startswith(".")]
    groups: dict[str, dict[str, str]] = {path.removesuffix(ENTITIES): {} for path in paths if path.endswith(ENTITIES)}
    for path in paths:
        folder, slash, base = path.rpartition("/")
        dots = [index for index, letter in enumerate(base) if letter == "." and index]
        name = next((name for dot in reversed(dots) if (name := folder + slash + base[:dot]) in groups), None)
        if name is not None:
            extension = path[len(name) + 1 :]
            groups[name]["mp4" if extension.lower() == "mp4" else extension] = path
        elif base.lower().endswith(".mp4"):
            passed_over(path[: -len(".mp4")])
    yield from groups.items()


def _archive(path: Path) -> Iterator[dict[str, bytes]]:
    """Files that follow each other with one name up to the first dot: a sample, or several whose names go on."""
    name, files, done = None, {}, set()
    try:
        with tarfile.open(path, "r|") as archive:
            for member in archive:
                folder, slash, base = member.name.rpartition("/")
                stem, dot, _ = base.partition(".")
                if not member.isfile() or not stem or not dot:
                    continue
                key = folder + slash + stem
                if key in done:
                    raise TrainingError(
                        f"The files of {key} in {path} do not follow each other: pack them in the order of their names "
                        "(`tar --sort=name -cf ...`)."
                    )
                if key != name:
                    yield files
                    done.add(name)
                    name, files = key, {}
                files[member.name] = archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TrainingError(f"{path} cannot be read as a .tar shard ({error}): make it anew.") from error
    yield files


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
        entities = data["entities"] or []
        if len(entities) > MOST_ENTITIES:
            raise ValueError(f"{len(entities)} entities are more than {MOST_ENTITIES}")
        frames = chosen_frames(canvas.frames, _rate(data, files, canvas, need_clip), size.frames, fps)
        drawn = _drawn_tracks(files, canvas)
        parsed = [_entity(item, files, drawn, canvas, size, frames) for item in entities]
        clip = read_clip(files["mp4"], canvas, size, frames) if need_clip else None
    except KeyError as error:
        raise TrainingError(f"Sample {name} lacks {error}.") from error
    except TrajectoryError as error:
        raise TrainingError(f"Sample {name}, trajectories.json: {error}") from error
    except BROKEN as error:  # a RecursionError is a RuntimeError
        raise TrainingError(f"Sample {name} cannot be used: {error}.") from error
    entities, identities, points, visible = zip(*parsed, strict=True) if parsed else ((),) * 4
    return Sample(name, caption, entities, identities, points, visible, clip)


def _rate(data: Mapping[str, Any], files: Mapping[str, bytes], canvas: VideoSize, need_clip: bool) -> float:
    """Frames a second by entities.json, else by the clip; ValueError where they tell different things."""
    said = data.get("fps")
    if not need_clip:
        return FPS if said is None else float(said)
    facts = clip_facts(files["mp4"])
    if facts.frames > canvas.frames:
        raise ValueError(
            f"the clip has {facts.frames} frames at {facts.fps:g} fps, but entities.json says {canvas.frames}: its "
            "frames, fps and tracks are those of the clip itself"
        )
    if said is None:
        return facts.fps or FPS
    if facts.fps and abs(float(said) / facts.fps - 1) > RATES_DIFFER:
        raise ValueError(f"the clip has {facts.fps:g} fps, but entities.json says {float(said):g}")
    return float(said)


def _drawn_tracks(files: Mapping[str, bytes], canvas: VideoSize) -> dict[str, list[list]]:
    """Track name -> its tracks, of the drawing that lies beside the clip: several of a name hold one entity."""
    if DRAWING not in files:
        return {}
    document = parse_document(files[DRAWING].decode("utf-8"))
    if document.frames != canvas.frames:
        raise ValueError(f"{DRAWING} has {document.frames} frames, but entities.json says {canvas.frames}")
    tracks, drawn = sample_tracks(document), {}
    for name, points, visible in zip(tracks.names, tracks.points.tolist(), tracks.visible.tolist(), strict=True):
        track = [point if seen else None for point, seen in zip(points, visible, strict=True)]
        drawn.setdefault(name, []).append(track)
    return drawn


def _tracks(tracks: list, drawn: Mapping[str, list[list]], phrase: str) -> Iterator[list]:
    for track in tracks:
        if not isinstance(track, str):
            yield track
        elif track in drawn:
            yield from drawn[track]
        else:
            known = ", ".join(map(repr, drawn)) or "no visible track, or is missing"
            raise ValueError(f"{phrase!r} has a track {track!r}, but {DRAWING} has {known}")


def _entity(
    item: Mapping[str, Any],
    files: Mapping[str, bytes],
    drawn: Mapping[str, list[list]],
    canvas: VideoSize,
    size: VideoSize,
    frames: torch.Tensor,
) -> tuple[Entity, str, torch.Tensor, torch.Tensor]:
    phrase = str(item.get("phrase", ""))
    image = mask = None
    if item.get("reference"):
        image = reference_picture(files[item["reference"]])
        if item.get("mask"):
            mask = mask_picture(files[item["mask"]])
    points, visible = [], []
    for track in _tracks(item.get("tracks") or [], drawn, phrase):
        if len(track) != canvas.frames:
            raise ValueError(f"a track of {phrase!r} has {len(track)} points for {canvas.frames} frames")
        points.append([[0.5, 0.5] if point is None else _place(point, phrase) for point in track])
        visible.append([point is not None for point in track])
    places = torch.tensor(points, dtype=torch.float32).reshape(len(points), canvas.frames, 2)
    seen = torch.tensor(visible, dtype=torch.bool).reshape(len(points), canvas.frames)
    if not torch.isfinite(places).all():
        raise ValueError(f"a track of {phrase!r} holds a number that is not finite")
    inside = ((places >= 0) & (places <= 1)).all(-1)
    if bool((seen.any(1) & ~(seen & inside).any(1)).any()):
        raise ValueError(
            f"a track of {phrase!r} is nowhere on the canvas: points are parts of the clip's width and height, 0..1, "
            "and no pixels"
        )
    places, seen = places[:, frames], seen[:, frames]
    height, width, top, left = cover(canvas, size)
    scale, offset = torch.tensor([width, height]), torch.tensor([left, top])
    places = (places * scale - offset) / torch.tensor([size.width, size.height])
    seen = seen & ((places >= 0) & (places <= 1)).all(-1)
    entity = Entity(phrase, image, mask, str(item.get("kind", "auto")))
    return entity, str(item.get("identity") or phrase.partition("#")[0].strip().casefold()), places, seen


def _place(point: Any, phrase: str) -> list[float]:
    """x and y of a point, [x, y, ...] or a drawing's {"x": ..., "y": ...}."""
    if isinstance(point, Mapping):
        point = [point["x"], point["y"]]
    if not isinstance(point, list) or len(point) < 2:
        raise ValueError(f"a point of {phrase!r} is {point!r} instead of [x, y]")
    return [float(point[0]), float(point[1])]
