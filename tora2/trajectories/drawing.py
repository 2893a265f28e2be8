"""A drawing of trajectories in memory: points, tracks, canvas and clip. `document` reads and explains its JSON form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import TrajectoryError

MAX_TRACKS = 64
MAX_POINTS = 4096
MAX_FRAMES = 100_000
MAX_SIZE = 65_536
MAX_NAME = 200
COORDINATE_RANGE = (-1.0, 2.0)
DEFAULT_WIDTH, DEFAULT_HEIGHT, DEFAULT_FRAMES, DEFAULT_FPS = 720, 480, 49, 8.0

KINDS = ("path", "static")
INTERPOLATIONS = ("smooth", "linear")
EASINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
PALETTE = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45")


@dataclass
class Point:
    """One control point.

    Attributes:
        x, y: parts of the canvas's width and height, -1..2.
        frame: the time at which the track is here (a key), or None: timed by arc length between keys.
        easing: easing of the stretch that starts at this key, or None for the track's.
        extra: unknown fields.
    """

    x: float
    y: float
    frame: float | None = None
    easing: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Track:
    """One trajectory. Several tracks may share a name: one entity, held at several points.

    Attributes:
        points: at least one. A ``static`` track stays at its first point.
        start, end: first and last visible frame, inclusive; None is the clip's own. They hide, they do not retime.
        hidden: left out of sampling. locked: the editor does not move it.
    """

    points: list[Point]
    name: str = "track 1"
    color: str = PALETTE[0]
    kind: str = "path"
    interpolation: str = "smooth"
    easing: str = "linear"
    start: float | None = None
    end: float | None = None
    hidden: bool = False
    locked: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrajectoryDocument:
    """A drawing: a canvas in pixels, a clip in frames, and tracks. No tracks is an empty drawing.

    Raises:
        TrajectoryError: no canvas or clip, or one beyond all measure.
    """

    width: int = DEFAULT_WIDTH
    height: int = DEFAULT_HEIGHT
    frames: int = DEFAULT_FRAMES
    fps: float = DEFAULT_FPS
    tracks: list[Track] = field(default_factory=list)
    version: int = 1
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = {"width": MAX_SIZE, "height": MAX_SIZE, "frames": MAX_FRAMES}
        for name, most in limits.items():  # inputs that are linked come unchecked
            if not 1 <= getattr(self, name) <= most:
                raise TrajectoryError(f"A drawing's {name} = {getattr(self, name)} must be within 1..{most}.")

    def to_dict(self) -> dict[str, Any]:
        """The document as plain JSON values; fields at their default are left out where a reader may miss them."""
        return {
            **self.extra,
            "version": self.version,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "fps": _plain(self.fps),
            "tracks": [_track_dict(track) for track in self.tracks],
        }

    def to_json(self) -> str:
        """The document as JSON text that `parse_document` reads back to an equal document."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def fitted(
        self, width: int | None = None, height: int | None = None, frames: int | None = None, fps: float | None = None
    ) -> TrajectoryDocument:
        """The same drawing on another canvas or clip; points keep their part of the canvas, keys theirs of the clip."""
        frames = self.frames if frames is None else frames
        steps = max(self.frames - 1, 1)

        def move(time: float | None) -> float | None:
            return time if time is None or frames == self.frames else min(time * (frames - 1) / steps, frames - 1)

        tracks = [
            replace(
                track,
                start=move(track.start),
                end=move(track.end),
                points=[replace(point, frame=move(point.frame)) for point in track.points],
            )
            for track in self.tracks
        ]
        if 1 in (frames, self.frames) and frames != self.frames:  # a single frame has no parts to keep
            for track in tracks:
                track.start = track.end = None
                track.points = [replace(point, frame=None) for point in track.points]
        return replace(
            self,
            width=self.width if width is None else width,
            height=self.height if height is None else height,
            frames=frames,
            fps=self.fps if fps is None else fps,
            tracks=tracks,
        )


def _plain(value: float) -> float | int:
    """Whole numbers as JSON integers, so that a document reads as it was written."""
    return int(value) if float(value).is_integer() else value


def _track_dict(track: Track) -> dict[str, Any]:
    data: dict[str, Any] = {
        **track.extra,
        "name": track.name,
        "color": track.color,
        "kind": track.kind,
        "interpolation": track.interpolation,
        "easing": track.easing,
        "points": [_point_dict(point) for point in track.points],
    }
    for key in ("start", "end"):
        if (time := getattr(track, key)) is not None:
            data[key] = _plain(time)
    for key in ("hidden", "locked"):
        if getattr(track, key):
            data[key] = True
    return data


def _point_dict(point: Point) -> dict[str, Any]:
    data: dict[str, Any] = {**point.extra, "x": point.x, "y": point.y}
    if point.frame is not None:
        data["frame"] = _plain(point.frame)
    if point.easing is not None:
        data["easing"] = point.easing
    return data
