"""Coordinate lists as other tools write them, read into plain lists of points; `formats` gives them a canvas and clip.

Read here, in any nesting: ``[{"x": 1, "y": 2}, ...]`` (one track), lists of such lists, lists of JSON strings, pairs
``[x, y]`` (so ``[[1, 2], [3, 4]]`` is one track), the same with Python's quotes and brackets, KJNodes' ``points_store``
(splines with ``points``), and Tora's .txt (a line ``x,y`` per point in a 256x256 grid; a blank line starts another
track). Nothing is evaluated.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from ..errors import TrajectoryError
from .drawing import MAX_NAME, MAX_TRACKS
from .plain import MAX_TEXT, load_json, show

TORA_GRID = 256
_MAX_NESTING = 16
_MAX_TRACK_POINTS = 2_000_000
_MAX_PYTHON_TEXT = 4_000_000
# Strings in either quotes (an unclosed one runs to the end, so that no input is scanned twice), tuples' brackets,
# Python's constants, numpy's way of printing a number, and a comma before a closing bracket.
_PYTHON = re.compile(
    r"""(?P<single>'[^'\\]*(?:\\.?[^'\\]*)*(?:'|\Z))|(?P<double>"[^"\\]*(?:\\.?[^"\\]*)*(?:"|\Z))"""
    r"""|\b(?:np|numpy)\.float(?:16|32|64)\((?P<number>[-+0-9.eE]{1,40})\)"""
    r"""|(?P<open>\()|(?P<close>\))|(?P<constant>\b(?:True|False|None)\b)|(?P<trailing>,(?=\s{0,8}[\])]))""",
    re.DOTALL,
)
_CONSTANTS = {"True": "true", "False": "false", "None": "null"}


@dataclass
class RawTrack:
    """One track before it has a canvas.

    Attributes:
        points: x and y, finite, in pixels, or in the 256 grid.
        timed: the points are equally spaced samples in time; False for control points of a spline.
        grid: the points are in Tora's 256x256 grid.
    """

    points: list[tuple[float, float]]
    timed: bool = True
    grid: bool = False
    name: str = ""
    color: str = ""


def read_tracks(value: Any) -> list[RawTrack]:
    """All tracks in ``value``, a text or what it holds; empty ones are passed over.

    Raises:
        TrajectoryError: what is not a coordinate list, no points at all, more than 64 tracks.
    """
    tracks: list[RawTrack] = []
    _collect(value, tracks, 0)
    if not tracks:
        raise TrajectoryError("There are no points in these coordinates; draw at least one trajectory.")
    return tracks


def read_text(text: str) -> Any:
    """JSON, or Python's way of printing the same, as plain values; Tora's lines as `RawTrack` objects."""
    if len(text) > MAX_TEXT:
        raise TrajectoryError(f"The coordinates have {len(text):,} characters; at most {MAX_TEXT:,} are read.")
    text = text.lstrip("\ufeff").strip()
    if not text:
        return []
    if text[0] not in "[({\"'":
        return _read_lines(text)
    try:
        return load_json(text, "The coordinate list")
    except TrajectoryError:
        if len(text) > _MAX_PYTHON_TEXT:
            raise
        translated = _PYTHON.sub(_translate, text)
        if translated == text:
            raise
    return load_json(translated, "The coordinate list")


def _translate(match: re.Match) -> str:
    kind, text = match.lastgroup, match.group(match.lastgroup)
    if kind == "single":
        return json.dumps(re.sub(r"\\(['\\\"])", r"\1", text[1:-1] if len(text) > 1 and text[-1] == "'" else text))
    return {"double": text, "number": text, "open": "[", "close": "]", "trailing": ""}.get(kind) or _CONSTANTS.get(
        text, ""
    )


def _read_lines(text: str) -> list[RawTrack]:
    tracks, current = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            current = None
            continue
        parts = line.replace(",", " ").split()
        try:
            x, y = (float(part) for part in parts)
        except ValueError:
            x = y = math.nan
        if not (math.isfinite(x) and math.isfinite(y)):
            raise TrajectoryError(
                f"Line {number} of the coordinates is {show(line.strip())}; it must be JSON or a line like 120,194."
            )
        if current is None:
            current = RawTrack([], grid=True)
            tracks.append(current)
        current.points.append((x, y))
    return tracks


def _collect(value: Any, tracks: list[RawTrack], depth: int) -> None:
    if depth > _MAX_NESTING:
        raise TrajectoryError(
            f"The coordinates are nested more than {_MAX_NESTING} levels deep; pass a list of tracks."
        )
    if isinstance(value, str):
        value = read_text(value)
    if _is_point(value):
        _add(tracks, RawTrack(_points([value], tracks)))
    elif isinstance(value, RawTrack):
        _add(tracks, value)
    elif isinstance(value, dict) and isinstance(value.get("points"), (list, tuple)):
        if value["points"]:
            points = _points(value["points"], tracks)
            name, color = value.get("name"), value.get("color")
            name = name if isinstance(name, str) and name.strip() and len(name) <= MAX_NAME else ""
            _add(tracks, RawTrack(points, timed=False, name=name, color=color if isinstance(color, str) else ""))
    elif isinstance(value, (list, tuple)):
        if value and any(_is_point(item) for item in value):
            _add(tracks, RawTrack(_points(value, tracks)))
        else:
            for item in value:
                _collect(item, tracks, depth + 1)
    else:
        raise TrajectoryError(
            f"Track {len(tracks) + 1} of the coordinates is {show(value)}; "
            'it must be a list of points like {"x": 12, "y": 34} or [12, 34].'
        )


def _add(tracks: list[RawTrack], track: RawTrack) -> None:
    if len(tracks) == MAX_TRACKS:
        raise TrajectoryError(f"The coordinates hold more than {MAX_TRACKS} tracks; pass fewer.")
    tracks.append(track)


def _points(items: Any, tracks: list[RawTrack]) -> list[tuple[float, float]]:
    if len(items) > _MAX_TRACK_POINTS:
        raise TrajectoryError(
            f"Track {len(tracks) + 1} has {len(items):,} points; at most {_MAX_TRACK_POINTS:,} are read."
        )
    return [_point(item, f"Track {len(tracks) + 1}, point {number}") for number, item in enumerate(items, 1)]


def _point(item: Any, where: str) -> tuple[float, float]:
    if not _is_point(item):
        raise TrajectoryError(f'{where} is {show(item)}; it must be like {{"x": 12, "y": 34}} or [12, 34].')
    values = (item["x"], item["y"]) if isinstance(item, dict) else item
    for axis, value in zip("xy", values, strict=True):
        if not _is_number(value):
            raise TrajectoryError(f"{where}: {axis} must be a number, not {show(value)}.")
        if not abs(value) < 1e9:
            raise TrajectoryError(f"{where}: {axis} = {show(value)} cannot be a pixel position; correct it.")
    return float(values[0]), float(values[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(_is_number(part) for part in value)
