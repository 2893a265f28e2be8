"""Where every track is at a given time. Python is the authority; `tests/trajectories/vectors.json` binds other ports.

Timing of a ``path`` (`geometry` defines the curve and its arc length, in pixels of the canvas, so its aspect counts):

1. Keys are the points with ``frame``. If the first point has none, it is a key at frame 0; if the last has none, it is
   a key at the clip's last frame. (A path of one point stands still; in a clip of one frame a path stands at its key,
   or without one at its first point.)
2. Before the first key a track waits there, after the last it stays there.
3. Between neighbouring keys i, j at frames f < g: progress p = (t - f) / (g - f), eased to e(p), and the arc length is
   s_i + e(p) (s_j - s_i), with s the arc lengths of the two points. Points between keys only bend the curve. Two keys
   at one place are a pause.
4. Easing is that of the point at the stretch's start, or else the track's: ``linear`` p; ``ease-in`` p^2;
   ``ease-out`` p (2 - p); ``ease-in-out`` 2 p^2 up to one half, then 1 - 2 (1 - p)^2.

``static`` tracks stand at their first point. ``start`` and ``end`` only hide: outside start <= t <= end a track is
invisible, but it moves as if they were not there. Off the canvas (x or y outside 0..1 by more than 1e-9) it is
invisible too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .document import Track, TrajectoryDocument
from .geometry import curve

EDGE = 1e-9


@dataclass(frozen=True)
class SampledTracks:
    """Positions of N tracks at T times; hidden tracks are not among them.

    Attributes:
        points: [N, T, 2] float64, x and y as parts of the canvas.
        visible: [N, T] bool, false outside a track's start..end and off the canvas.
        names, colors: N each; names may repeat.
        times: [T] float64 frame numbers.
    """

    points: torch.Tensor
    visible: torch.Tensor
    names: tuple[str, ...]
    colors: tuple[str, ...]
    times: torch.Tensor

    def pixels(self, width: float, height: float) -> torch.Tensor:
        """[N, T, 2] float64: x * width, y * height."""
        return self.points * torch.tensor([width, height], dtype=self.points.dtype, device=self.points.device)


def sample(document: TrajectoryDocument, times: torch.Tensor | None = None) -> SampledTracks:
    """Sample all tracks that are not hidden.

    Args:
        document: as `parse_document` returns it.
        times: [T] frame numbers, fractions allowed; default 0..frames-1. Before the clip a track is where it is at
            frame 0, after it where it is at the last frame.
    """
    if times is None:
        times = torch.arange(document.frames)
    times = torch.as_tensor(times).detach().to("cpu", torch.float64).flatten()
    tracks = [track for track in document.tracks if not track.hidden]
    points = torch.empty(len(tracks), len(times), 2, dtype=torch.float64)
    visible = torch.empty(len(tracks), len(times), dtype=torch.bool)
    for index, track in enumerate(tracks):
        points[index] = _positions(track, document, times)
        visible[index] = _visible(track, points[index], times)
    return SampledTracks(
        points, visible, tuple(track.name for track in tracks), tuple(track.color for track in tracks), times
    )


def _positions(track: Track, document: TrajectoryDocument, times: torch.Tensor) -> torch.Tensor:
    """[T, 2] parts of the canvas."""
    canvas = torch.tensor([document.width, document.height], dtype=torch.float64)
    places = torch.tensor([[point.x, point.y] for point in track.points], dtype=torch.float64)
    if track.kind == "static" or len(places) == 1:
        return places[:1].expand(len(times), 2)
    keys = _keys(track, document.frames)
    if len(keys) == 1:
        return places[keys[0][0]].expand(len(times), 2)
    path = curve(places * canvas, smooth=track.interpolation == "smooth")
    at = torch.tensor([index for index, _ in keys])
    frames = torch.tensor([frame for _, frame in keys], dtype=torch.float64)
    # The last key at or before each time; before the first key progress clamps to 0.
    stretch = (torch.searchsorted(frames, times, right=True) - 1).clamp(0, len(keys) - 2)
    begin, end = frames[stretch], frames[stretch + 1]
    progress = ((times - begin) / (end - begin)).clamp(0.0, 1.0)
    easing = [track.points[index].easing or track.easing for index, _ in keys[:-1]]
    lengths = path.lengths[at]
    first, second = lengths[stretch], lengths[stretch + 1]
    return path.at(first + ease(progress, easing, stretch) * (second - first)) / canvas


def _keys(track: Track, frames: int) -> list[tuple[int, float]]:
    """(point index, frame) of every key, the implied ones at the clip's ends included."""
    keys = [(index, point.frame) for index, point in enumerate(track.points) if point.frame is not None]
    if frames == 1:
        return keys[:1] or [(0, 0.0)]
    if not keys or keys[0][0] != 0:
        keys.insert(0, (0, 0.0))
    if keys[-1][0] != len(track.points) - 1:
        keys.append((len(track.points) - 1, float(frames - 1)))
    return keys


def ease(progress: torch.Tensor, easing: list[str], stretch: torch.Tensor) -> torch.Tensor:
    """Eased progress [T]; ``stretch`` [T] picks each entry's name from ``easing``."""
    result = progress.clone()
    for name in set(easing) - {"linear"}:
        chosen = torch.tensor([other == name for other in easing])[stretch]
        p = progress[chosen]
        if name == "ease-in":
            result[chosen] = p * p
        elif name == "ease-out":
            result[chosen] = p * (2 - p)
        else:
            result[chosen] = torch.where(p <= 0.5, 2 * p * p, 1 - 2 * (1 - p) * (1 - p))
    return result


def _visible(track: Track, points: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    visible = ((points >= -EDGE) & (points <= 1 + EDGE)).all(-1)
    if track.start is not None:
        visible &= times >= track.start
    if track.end is not None:
        visible &= times <= track.end
    return visible
