"""Tracks with a key at every frame, as tracking and imports give them, made into few points that can be edited."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from .drawing import Point, Track, TrajectoryDocument
from .sampling import sample

REACH = 3
"""Keys on either side of a changed one beyond which a smooth path and the pace on it stay as they were."""


def simplify(document: TrajectoryDocument, tolerance: float) -> TrajectoryDocument:
    """The same motion with fewer points: at every whole frame at which a track is visible it is at most ``tolerance``
    pixels of the canvas from where it was.

    The points that stay are keys on a smooth path, so place and time both hold. A track that keeps within the
    tolerance of one place becomes static. Tolerance 0 (or a clip of one frame) changes nothing.
    """
    if tolerance <= 0 or document.frames == 1:
        return document
    return replace(document, tracks=[_simplified(track, document, tolerance) for track in document.tracks])


def _simplified(track: Track, document: TrajectoryDocument, tolerance: float) -> Track:
    first = 0 if track.start is None else -int(-track.start // 1)
    last = document.frames - 1 if track.end is None else int(track.end // 1)
    if track.kind == "static" or first > last:
        return track
    times = torch.arange(first, last + 1)
    canvas = torch.tensor([document.width, document.height], dtype=torch.float64)
    places = _places(track, document, times)
    middle = (places.amin(0) + places.amax(0)) / 2
    if _farthest(places, middle, canvas) <= tolerance:
        return replace(track, kind="static", points=[Point(*middle.tolist())])

    def drawn(keys: list[int]) -> Track:
        points = [Point(*places[key].tolist(), frame=float(first + key)) for key in keys]
        return replace(track, interpolation="smooth", easing="linear", points=points)

    def distances(keys: list[int], begin: int, end: int, reach: int) -> torch.Tensor:
        """Pixels at the frames from key ``begin`` to key ``end`` of these."""
        part = keys[max(0, begin - reach) : end + reach + 1]
        here = slice(keys[begin], keys[end] + 1)
        return ((_places(drawn(part), document, times[here]) - places[here]) * canvas).norm(dim=-1)

    everywhere = len(times)
    for reach in (REACH, everywhere):
        keys = _chosen(everywhere, tolerance, partial(distances, reach=reach), reach)
        # Keys at one place are one knot of the path, so that a change among them may reach farther.
        if distances(keys, 0, len(keys) - 1, everywhere).max() <= tolerance:
            break
    simpler = drawn(keys)
    return simpler if len(simpler.points) < len(track.points) else track


def _chosen(count: int, tolerance: float, distances: Callable[[list[int], int, int], torch.Tensor], reach: int) -> list:
    """Few of ``count`` frames, as keys between which no frame is farther off than the tolerance."""
    keys = [0, count - 1] if count > 1 else [0]
    distance = distances(keys, 0, len(keys) - 1)
    while True:
        distance[keys] = 0.0  # but for rounding
        worst = int(distance.argmax())
        if distance[worst] <= tolerance:
            break
        insort(keys, worst)
        position = keys.index(worst)
        begin, end = max(0, position - reach), min(len(keys) - 1, position + reach)
        distance[keys[begin] : keys[end] + 1] = distances(keys, begin, end)
    # A key set early may have become needless among those set later.
    for key in keys[1:-1]:
        position = keys.index(key)
        fewer = keys[:position] + keys[position + 1 :]
        begin, end = max(0, position - reach), min(len(fewer) - 1, position + reach - 1)
        if distances(fewer, begin, end).max() <= tolerance:
            keys = fewer
    return keys


def _places(track: Track, document: TrajectoryDocument, times: torch.Tensor) -> torch.Tensor:
    """[T, 2] parts of the canvas, also where the track is hidden."""
    alone = replace(document, tracks=[replace(track, hidden=False)])
    return sample(alone, times).points[0]


def _farthest(places: torch.Tensor, place: torch.Tensor, canvas: torch.Tensor) -> float:
    return float(((places - place) * canvas).norm(dim=-1).max())
