"""Tracks with a key at every frame, as tracking and imports give them, made into few points that can be edited."""

from __future__ import annotations

from dataclasses import replace

import torch

from .drawing import Point, Track, TrajectoryDocument
from .sampling import sample

PATIENCE = 64  # keys


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

    def distances(keys: list[int]) -> torch.Tensor:
        return ((_places(drawn(keys), document, times) - places) * canvas).norm(dim=-1)

    keys = [0, len(times) - 1] if len(times) > 1 else [0]
    while True:
        distance = distances(keys)
        missed = [
            begin + 1 + int(distance[begin + 1 : end].argmax())
            for begin, end in zip(keys, keys[1:], strict=False)
            if end - begin > 1 and distance[begin + 1 : end].max() > tolerance
        ]
        if not missed:
            break
        # One at a time keeps few; long paths take one in every stretch, for speed.
        keys = sorted(keys + (missed if len(keys) > PATIENCE else [max(missed, key=lambda key: distance[key])]))
    # A key set early may have become needless among those set later.
    for key in keys[1:-1]:
        fewer = [other for other in keys if other != key]
        if distances(fewer).max() <= tolerance:
            keys = fewer
    simpler = drawn(keys)
    return simpler if len(simpler.points) < len(track.points) else track


def _places(track: Track, document: TrajectoryDocument, times: torch.Tensor) -> torch.Tensor:
    """[T, 2] parts of the canvas, also where the track is hidden."""
    alone = replace(document, tracks=[replace(track, hidden=False)])
    return sample(alone, times).points[0]


def _farthest(places: torch.Tensor, place: torch.Tensor, canvas: torch.Tensor) -> float:
    return float(((places - place) * canvas).norm(dim=-1).max())
