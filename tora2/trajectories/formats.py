"""Trajectories in and out: core TRACKS, coordinate lists, KJNodes splines, Tora .txt and our own document.

Lists of points are equally spaced samples of the whole clip: the first point is at the first frame, the last at the
last frame, whatever their number, so 60 points in 49 frames keep their end (Tora v1 drops it). Lists shorter than the
clip stay as they are, their points keyed at (possibly fractional) frames; longer ones become one key a frame. Between
samples tracks are straight. Formats without visibility are visible throughout; a track that vanishes and comes back
becomes several tracks of one name.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

from ..errors import TrajectoryError
from .coordinates import TORA_GRID, read_text, read_tracks
from .document import is_color, parse_document
from .drawing import COORDINATE_RANGE, DEFAULT_FPS, MAX_POINTS, MAX_TRACKS, PALETTE, Point, Track, TrajectoryDocument
from .plain import show
from .sampling import sample


def import_trajectories(
    value: Any, *, width: int, height: int, frames: int, fps: float = DEFAULT_FPS
) -> TrajectoryDocument:
    """A document of the given canvas and clip from whatever another node or file provides.

    Args:
        value: our document, a coordinate list, a ``points_store`` or Tora's lines as text or as plain lists and objects
            (see `coordinates`); a list of such texts; or core TRACKS (a dict with ``track_path``).
        width, height: the canvas in pixels to which pixel coordinates refer.
        frames: the clip's length. Our own documents are fitted to it and to the canvas.

    Raises:
        TrajectoryError: one sentence; also for points further outside than one canvas size (-1..2).
    """
    if isinstance(value, str):
        value = read_text(value)
    if isinstance(value, dict):
        if "track_path" in value:
            return from_tracks(value, width=width, height=height, frames=frames, fps=fps)
        if "version" in value or "tracks" in value:
            document = parse_document(value, width=width, height=height, frames=frames, fps=fps)
            return document.fitted(width, height, frames, fps)
    document = TrajectoryDocument(width, height, frames, fps)
    for index, raw in enumerate(read_tracks(value)):
        name, color = raw.name or f"track {index + 1}", PALETTE[index % len(PALETTE)]
        track = Track([], name, raw.color if is_color(raw.color) else color)
        scale = (TORA_GRID, TORA_GRID) if raw.grid else (width, height)
        places = _normalised(torch.tensor(raw.points, dtype=torch.float64), scale, f"Track {index + 1}", 0)
        if raw.timed:
            _time(track, places, 0, len(places), frames)
        else:
            _spline(track, places, index)
        document.tracks.append(track)
    return document


def from_tracks(tracks: Any, *, width: int, height: int, frames: int, fps: float = DEFAULT_FPS) -> TrajectoryDocument:
    """A document from core TRACKS.

    Args:
        tracks: ``track_path`` [T, N, 2] pixels and ``track_visibility`` [T, N], [T, 1] or [T] (may be missing). Tracks
            that are never visible are left out; coordinates where a track is invisible are not looked at.
    """
    if not isinstance(tracks, dict) or "track_path" not in tracks:
        raise TrajectoryError("TRACKS must be an object with track_path and track_visibility.")
    path = _tensor(tracks["track_path"], "track_path")
    if path.ndim == 4 and len(path) == 1:
        path = path[0]
    if path.ndim != 3 or path.shape[-1] != 2 or len(path) == 0:
        raise TrajectoryError(f"track_path has shape {list(path.shape)}; it must be [frames, tracks, 2] in pixels.")
    visible = tracks.get("track_visibility")
    visible = torch.ones(path.shape[:2]) if visible is None else _tensor(visible, "track_visibility")
    if visible.ndim == 3 and len(visible) == 1:
        visible = visible[0]
    visible = visible[:, None] if visible.ndim == 1 else visible
    if visible.ndim != 2 or len(visible) != len(path) or visible.shape[1] not in (1, path.shape[1]):
        raise TrajectoryError(
            f"track_visibility has shape {list(visible.shape)}, which does not fit track_path {list(path.shape)}; "
            "it must be [frames, tracks] or [frames, 1]."
        )
    if frames == 1:
        path, visible = path[:1], visible[:1]
    seen = (visible > 0.5).expand(path.shape[:2])
    document = TrajectoryDocument(width, height, frames, fps)
    for index in range(path.shape[1]):
        for first, last in _runs(seen[:, index]):
            if len(document.tracks) == MAX_TRACKS:
                raise TrajectoryError(
                    f"TRACKS hold more than {MAX_TRACKS} visible stretches of tracks; pass fewer tracks."
                )
            places = _normalised(path[first : last + 1, index], (width, height), f"Track {index + 1}", first)
            track = Track([], f"track {index + 1}", PALETTE[index % len(PALETTE)])
            if _time(track, places, first, len(path), frames):
                document.tracks.append(track)
    return document


def from_tora_files(
    paths: list[Path], *, width: int, height: int, frames: int, fps: float = DEFAULT_FPS
) -> TrajectoryDocument:
    """A document from Tora's .txt files, one track or more each, named after its file."""
    document = TrajectoryDocument(width, height, frames, fps)
    for path in paths:
        try:
            if Path(path).stat().st_size > 1_000_000:
                raise TrajectoryError(f"{Path(path).name} is larger than 1 MB; it cannot be a list of points.")
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise TrajectoryError(f"The trajectory file {Path(path).name} cannot be read ({reason}).") from None
        part = import_trajectories(text, width=width, height=height, frames=frames, fps=fps)
        for track in part.tracks:
            track.name, track.color = Path(path).stem, PALETTE[len(document.tracks) % len(PALETTE)]
            document.tracks.append(track)
    if len(document.tracks) > MAX_TRACKS:
        raise TrajectoryError(f"These files hold {len(document.tracks)} tracks; at most {MAX_TRACKS} are allowed.")
    return document


def to_tracks(document: TrajectoryDocument) -> dict[str, torch.Tensor]:
    """Core TRACKS: ``track_path`` [T, N, 2] float32 pixels of the canvas, ``track_visibility`` [T, N] bool."""
    sampled = sample(document)
    path = sampled.pixels(document.width, document.height).transpose(0, 1)
    return {"track_path": path.float().contiguous(), "track_visibility": sampled.visible.T.contiguous()}


def to_coordinates(
    document: TrajectoryDocument,
    *,
    count: int | None = None,
    integers: bool = False,
    flat: bool = False,
    inside: bool = False,
    cut: bool = False,
) -> str:
    """Coordinate JSON ``[[{"x", "y"}, ...], ...]`` in pixels of the canvas.

    Args:
        count: points a track, equally spaced in time over the clip; default one a frame. ATI nodes need 121.
        integers: whole pixels; otherwise rounded to 1/10,000 pixel.
        flat: a single list without the outer one, as tools for one track want it; needs exactly one visible track.
        inside: places off the canvas are moved to its border, for nodes that look them up in a picture.
        cut: a track's list ends with its last visible point, which is how ATI nodes know that it has gone.
            Otherwise all lists are equally long.
    """
    times = None
    if count is not None:
        if count < 1:
            raise TrajectoryError(f"{count} points a track cannot be written; choose at least 1.")
        times = torch.linspace(0, document.frames - 1, count, dtype=torch.float64)
    sampled = sample(document, times)
    pixels = sampled.pixels(document.width, document.height)
    if inside:
        pixels = pixels.clamp(torch.zeros(2), torch.tensor([document.width - 1.0, document.height - 1.0]))
    digits = None if integers else 4
    tracks = [[{"x": round(x, digits), "y": round(y, digits)} for x, y in track] for track in pixels.tolist()]
    if cut:
        ends = [max((i for i, seen in enumerate(row) if seen), default=0) for row in sampled.visible.tolist()]
        tracks = [track[: end + 1] for track, end in zip(tracks, ends, strict=True)]
    if flat and len(tracks) != 1:
        raise TrajectoryError(f"A flat list holds one track, but the drawing has {len(tracks)}; hide the others.")
    return json.dumps(tracks[0] if flat else tracks)


def to_tora_txt(document: TrajectoryDocument) -> list[str]:
    """The text of one Tora .txt file per track: a line ``x,y`` a frame, whole numbers of a 256x256 grid.

    Tora cannot read a place off its grid, so places are moved to its border (0..255).
    """
    grid = (sample(document).points * TORA_GRID).round().clamp(0, TORA_GRID - 1).int().tolist()
    return ["".join(f"{x},{y}\n" for x, y in track) for track in grid]


def _time(track: Track, places: torch.Tensor, first: int, total: int, frames: int) -> bool:
    """Fill ``track`` with samples first..first+len-1 of a list of ``total`` samples that spans the clip.

    Returns False if no frame of the clip falls into this stretch.
    """
    track.interpolation = "linear"
    last = first + len(places) - 1
    if total == 1 or frames == 1:
        times, places = [0.0], places[:1]
    elif total <= frames and len(places) <= MAX_POINTS:
        times = [index * (frames - 1) / (total - 1) for index in range(first, last + 1)]
    else:
        begin = math.ceil(first * (frames - 1) / (total - 1))
        end = math.floor(last * (frames - 1) / (total - 1))
        if end < begin:
            return False
        at = torch.linspace(begin, end, min(end - begin + 1, MAX_POINTS), dtype=torch.float64)
        source = at * (total - 1) / (frames - 1) - first
        low = source.floor().clamp(0, len(places) - 1)
        share = (source - low)[:, None]
        high = (low + 1).clamp(max=len(places) - 1)
        places = (1 - share) * places[low.long()] + share * places[high.long()]
        times = at.tolist()
    if total > 1 and frames > 1 and last - first + 1 < total:
        track.start, track.end = times[0], times[-1]
    if bool((places == places[:1]).all()):
        track.kind, places = "static", places[:1]
        times = [None]
    track.points = [Point(x, y, time) for (x, y), time in zip(places.tolist(), times, strict=True)]
    return True


def _spline(track: Track, places: torch.Tensor, index: int) -> None:
    if len(places) > MAX_POINTS:
        raise TrajectoryError(
            f"Track {index + 1} has {len(places):,} control points; at most {MAX_POINTS:,} are allowed."
        )
    track.points = [Point(x, y) for x, y in places.tolist()]
    track.kind = "path" if len(places) > 1 else "static"


def _normalised(points: torch.Tensor, scale: tuple[int, int], where: str, first: int) -> torch.Tensor:
    """[P, 2] points as parts of the canvas, checked; ``first`` is the number of the first one, from 0."""
    places = points / torch.tensor(scale, dtype=torch.float64)
    low, high = COORDINATE_RANGE
    wrong = ~((places >= low) & (places <= high)).all(-1)  # NaN is wrong as well
    if bool(wrong.any()):
        index = int(wrong.nonzero()[0])
        x, y = points[index].tolist()
        raise TrajectoryError(
            f"{where}, point {first + index + 1}: ({show(round(x, 3))}, {show(round(y, 3))}) is too far outside the "
            f"{scale[0]}x{scale[1]} canvas; it may lie at most one canvas size outside, so check width and height."
        )
    return places


def _tensor(value: Any, name: str) -> torch.Tensor:
    try:
        return torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TrajectoryError(f"{name} must be an array of numbers, not {show(value)}.") from None


def _runs(seen: torch.Tensor) -> list[tuple[int, int]]:
    """First and last index of every stretch of True in ``seen`` [T]."""
    edges = torch.diff(seen.int(), prepend=torch.zeros(1, dtype=torch.int32), append=torch.zeros(1, dtype=torch.int32))
    return list(zip((edges == 1).nonzero()[:, 0].tolist(), ((edges == -1).nonzero()[:, 0] - 1).tolist(), strict=True))
