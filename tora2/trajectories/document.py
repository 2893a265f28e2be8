"""The trajectory document, version 1: what the editor stores in a workflow and what files hold.

A JSON object::

    {"version": 1, "width": 720, "height": 480, "frames": 49, "fps": 8,
     "tracks": [{"name": "fox", "color": "#e6194b", "kind": "path", "interpolation": "smooth", "easing": "linear",
                 "points": [{"x": 0.1, "y": 0.5, "frame": 0}, {"x": 0.5, "y": 0.2}, {"x": 0.9, "y": 0.5}],
                 "start": 0, "end": 48, "hidden": false, "locked": false}]}

What may be left out: ``width`` 720, ``height`` 480, ``frames`` 49, ``fps`` 8; a track's ``name`` ("track 1", ...),
``color`` (a palette by index), ``kind`` "path", ``interpolation`` "smooth", ``easing`` "linear", ``start`` and ``end``
(visible throughout), ``hidden`` and ``locked`` false; a point's ``frame`` and ``easing``. ``null`` counts as left out.

Coordinates are parts of the canvas, 0..1 inside, -1..2 allowed. Times are frame numbers in 0..frames-1 and may be
fractional. Fields that are not known here survive a round trip (``extra``). How a document moves is in `sampling`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import TrajectoryError
from .drawing import (
    COORDINATE_RANGE,
    DEFAULT_FPS,
    DEFAULT_FRAMES,
    DEFAULT_HEIGHT,
    DEFAULT_WIDTH,
    EASINGS,
    INTERPOLATIONS,
    KINDS,
    MAX_FRAMES,
    MAX_NAME,
    MAX_POINTS,
    MAX_SIZE,
    MAX_TRACKS,
    PALETTE,
    Point,
    Track,
    TrajectoryDocument,
)
from .plain import MAX_DEPTH, MAX_TEXT, depth_exceeds, load_json, show

_DOCUMENT_FIELDS = frozenset("version width height frames fps tracks".split())
_TRACK_FIELDS = frozenset("name color kind interpolation easing points start end hidden locked".split())
_POINT_FIELDS = frozenset("x y frame easing".split())
_HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def parse_document(
    text: str | dict,
    *,
    width: int | None = None,
    height: int | None = None,
    frames: int | None = None,
    fps: float | None = None,
) -> TrajectoryDocument:
    """Read a version-1 document from JSON text or from the object that such text holds.

    ``width``, ``height``, ``frames`` and ``fps`` stand in for what the document does not say. Blank text is an empty
    drawing where the caller gives the first three, and an error where it does not.

    Raises:
        TrajectoryError: one sentence that names the track and the point (both counted from 1) and how to mend it.
    """
    if isinstance(text, str) and not text.strip():
        if None in (width, height, frames):
            raise TrajectoryError("The trajectory drawing is empty; draw at least one trajectory.")
        text = {"version": 1, "tracks": []}
    if isinstance(text, dict):
        try:  # one canonical form: string keys, plain values, nothing shared with the caller
            text = json.dumps(text, allow_nan=False)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise TrajectoryError(
                f"The trajectory document holds something that JSON cannot ({show(str(error))}); "
                "use finite numbers, texts, lists and objects."
            ) from None
    if not isinstance(text, str):
        raise TrajectoryError(f"A trajectory document must be JSON text, but this is a {type(text).__name__}.")
    if len(text) > MAX_TEXT:
        raise TrajectoryError(f"The trajectory document has {len(text):,} characters; at most {MAX_TEXT:,} are read.")
    data = load_json(text, "The trajectory document")
    if not isinstance(data, dict):
        raise TrajectoryError(
            'The trajectory document must be a JSON object with "version": 1; import coordinate lists instead.'
        )
    data = _present(data, _DOCUMENT_FIELDS)
    _check_version(data)
    where = "The trajectory document"
    clip = _integer(data.pop("frames", frames), DEFAULT_FRAMES, 1, MAX_FRAMES, f"{where}: frames")
    document = TrajectoryDocument(
        width=_integer(data.pop("width", width), DEFAULT_WIDTH, 1, MAX_SIZE, f"{where}: width"),
        height=_integer(data.pop("height", height), DEFAULT_HEIGHT, 1, MAX_SIZE, f"{where}: height"),
        frames=clip,
        fps=float(_number(data.pop("fps", fps), DEFAULT_FPS, 0.001, 1000.0, f"{where}: fps")),
    )
    tracks = data.pop("tracks", [])
    if not isinstance(tracks, list):
        raise TrajectoryError(f'{where}: "tracks" must be a list of tracks, not {show(tracks)}.')
    if len(tracks) > MAX_TRACKS:
        raise TrajectoryError(f"{where} has {len(tracks)} tracks; at most {MAX_TRACKS} are allowed, so delete some.")
    document.tracks = [_parse_track(track, index, clip) for index, track in enumerate(tracks)]
    document.extra = _extra(data, where)
    return document


def is_color(value: Any) -> bool:
    """Whether ``value`` is a colour as documents write it: "#rgb" or "#rrggbb"."""
    return isinstance(value, str) and _HEX_COLOR.fullmatch(value) is not None


def _check_version(data: dict) -> None:
    version = data.pop("version", None)
    if version is None:
        raise TrajectoryError('The trajectory document has no "version"; it must say "version": 1.')
    if isinstance(version, bool) or not isinstance(version, (int, float)) or version != 1:
        raise TrajectoryError(
            f"The trajectory document has version {show(version)}, but this pack reads version 1; update the pack."
        )


def _parse_track(data: Any, index: int, frames: int) -> Track:
    where = f"Track {index + 1}"
    if not isinstance(data, dict):
        raise TrajectoryError(f'{where} must be an object with "points", not {show(data)}.')
    data = _present(data, _TRACK_FIELDS)
    name = data.pop("name", "")
    if not isinstance(name, str):
        raise TrajectoryError(f"{where}: its name must be text, not {show(name)}.")
    if len(name) > MAX_NAME:
        raise TrajectoryError(f"{where}: its name has {len(name)} characters; shorten it to {MAX_NAME}.")
    name = name if name.strip() else f"track {index + 1}"
    where = f"Track {index + 1} ({show(name)})"
    color = data.pop("color", PALETTE[index % len(PALETTE)])
    if not is_color(color):
        raise TrajectoryError(f'{where}: its color must look like "#e6194b", not {show(color)}.')
    points = data.pop("points", [])
    if not isinstance(points, list):
        raise TrajectoryError(f"{where}: its points must be a list, not {show(points)}.")
    if not points:
        raise TrajectoryError(f"{where} has no points; draw at least one or delete the track.")
    if len(points) > MAX_POINTS:
        raise TrajectoryError(
            f"{where} has {len(points)} points; at most {MAX_POINTS:,} are allowed, so thin them out."
        )
    last = frames - 1
    track = Track(
        points=[_parse_point(point, f"{where}, point {i + 1}", last) for i, point in enumerate(points)],
        name=name,
        color=color,
        kind=_choice(data.pop("kind", "path"), KINDS, f"{where}: its kind"),
        interpolation=_choice(data.pop("interpolation", "smooth"), INTERPOLATIONS, f"{where}: its interpolation"),
        easing=_choice(data.pop("easing", "linear"), EASINGS, f"{where}: its easing"),
        start=_time(data.pop("start", None), last, f"{where}: its start"),
        end=_time(data.pop("end", None), last, f"{where}: its end"),
        hidden=_flag(data.pop("hidden", False), f'{where}: "hidden"'),
        locked=_flag(data.pop("locked", False), f'{where}: "locked"'),
    )
    if track.start is not None and track.end is not None and track.start > track.end:
        raise TrajectoryError(
            f"{where} starts at frame {track.start:g} but ends before, at {track.end:g}; swap or move them."
        )
    track.extra = _extra(data, where)
    _check_keys(track, where, frames)
    return track


def _parse_point(data: Any, where: str, last: int) -> Point:
    if not isinstance(data, dict):
        raise TrajectoryError(f'{where} must be an object with "x" and "y", not {show(data)}.')
    data = _present(data, _POINT_FIELDS)
    point = Point(
        x=_coordinate(data.pop("x", None), "x", where),
        y=_coordinate(data.pop("y", None), "y", where),
        frame=_time(data.pop("frame", None), last, f"{where}: its frame"),
    )
    if "easing" in data:
        point.easing = _choice(data.pop("easing"), EASINGS, f"{where}: its easing")
    point.extra = _extra(data, where) if data else {}
    return point


def _check_keys(track: Track, where: str, frames: int) -> None:
    """Keys must increase along the path and leave time for unkeyed ends, which sit at frames 0 and frames-1."""
    previous, before = None, None
    for number, point in enumerate(track.points, 1):
        if point.frame is None:
            continue
        if previous is not None and point.frame <= previous:
            problem = "has the same frame as" if point.frame == previous else "comes before"
            raise TrajectoryError(
                f"{where}, point {number}: its key at frame {point.frame:g} {problem} the key of point {before} "
                f"(frame {previous:g}); keys must increase along the path."
            )
        if before is None and number > 1 and point.frame == 0 and frames > 1:
            raise TrajectoryError(
                f"{where}, point {number}: a key at frame 0 leaves no time for the points before it; "
                "choose a later frame or delete those points."
            )
        previous, before = point.frame, number
    if before is not None and before < len(track.points) and previous == frames - 1 and frames > 1:
        raise TrajectoryError(
            f"{where}, point {before}: a key at the last frame ({frames - 1}) leaves no time for the points after it; "
            "choose an earlier frame or delete those points."
        )


def _coordinate(value: Any, axis: str, where: str) -> float:
    low, high = COORDINATE_RANGE
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TrajectoryError(f"{where}: {axis} must be a number, not {show(value)}.")
    if not low <= value <= high:
        raise TrajectoryError(
            f"{where}: {axis} = {show(value)} is too far outside the canvas; "
            f"it must be within {low:g}..{high:g} (0..1 is inside)."
        )
    return float(value)


def _number(value: Any, default: float, low: float, high: float, where: str) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TrajectoryError(f"{where} must be a number, not {show(value)}.")
    if not low <= value <= high:
        raise TrajectoryError(f"{where} = {show(value)} must be within {low:g}..{high:g}.")
    return value


def _integer(value: Any, default: int, low: int, high: int, where: str) -> int:
    value = _number(value, default, low, high, where)
    if value != int(value):
        raise TrajectoryError(f"{where} = {show(value)} must be a whole number.")
    return int(value)


def _time(value: Any, last: int, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TrajectoryError(f"{where} must be a frame number, not {show(value)}.")
    if not 0 <= value <= last:
        raise TrajectoryError(f"{where} {show(value)} is not in the clip; choose one within 0..{last}.")
    return float(value)


def _choice(value: Any, allowed: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise TrajectoryError(f"{where} is {show(value)}; choose one of {', '.join(allowed)}.")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise TrajectoryError(f"{where} must be true or false, not {show(value)}.")
    return value


def _present(data: dict, known: frozenset[str]) -> dict:
    """A copy without the nulls of known fields; unknown nulls stay."""
    return {key: value for key, value in data.items() if value is not None or key not in known}


def _extra(data: dict, where: str) -> dict[str, Any]:
    for key, value in data.items():
        if depth_exceeds(value, MAX_DEPTH):
            raise TrajectoryError(
                f"{where}: the field {show(key)} is nested more than {MAX_DEPTH} levels deep; remove it."
            )
    return data
