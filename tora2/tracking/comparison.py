"""Asked and got: each entity's tracked path beside the drawn one."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ..conditions import PersonalizationConditions
from ..errors import TrackingError
from ..evaluation.metrics import PAPER_SIZE, trajectory_error
from ..trajectories import SampledTracks, TrajectoryDocument, from_tracks, sample
from ..trajectories.overlay import draw_trajectories
from . import appearance
from .points import Followed, follow_points
from .settings import TRACKERS
from .starts import drawn_starts

EXPLANATIONS = {
    "points": (
        "points: whatever lies under the path's first place is followed (OpenCV, Lucas-Kanade) until it is lost; it "
        "need not be the entity."
    ),
    "appearance": (
        "appearance: what looks like the reference is looked for in every frame, by the judges of tora2-tiny's "
        "evaluation; where it is covered its path is carried on, and counts."
    ),
}


@dataclass(frozen=True)
class EntityError:
    """TrajError of one entity in one video, in pixels of the video; NaN if it was followed nowhere.

    Attributes:
        name: of its tracks.
        tracker: which one followed it.
        l1: the paper's TrajError: mean of |dx| + |dy| over the frames in which the path is visible; by points over
            those of them to which the point was followed, by appearance over all, as ``evaluate`` does.
        l2: mean distance over the same frames. l1_paper: ``l1`` at 720x480.
        followed: part of the frames in which the path is visible and the entity was seen, 0..1.
    """

    name: str
    tracker: str
    l1: float
    l2: float
    l1_paper: float
    followed: float


@dataclass(frozen=True)
class Comparison:
    """One video. ``asked`` are the drawing's tracks at the video's frames, ``found`` the tracker's, one for each."""

    entities: tuple[EntityError, ...]
    asked: SampledTracks
    found: Followed
    width: int
    height: int

    @property
    def l1(self) -> float:
        return _mean(entity.l1 for entity in self.entities)

    def got(self, document: TrajectoryDocument) -> TrajectoryDocument:
        """The found tracks as a drawing in ``document``'s clip, with its names and colours."""
        return to_document(
            self.found, self.width, self.height, document.fps, self.asked.names, self.asked.colors
        ).fitted(frames=document.frames)


def compare(
    images: torch.Tensor,
    document: TrajectoryDocument,
    *,
    entities: PersonalizationConditions | None = None,
    tracker: str = "auto",
) -> list[Comparison]:
    """Track one video, or several in a row that share the drawing, and compare.

    Args:
        images: [F, H, W, 3] in 0..1. A multiple of the drawing's frames is so many videos, any other number one video
            at another speed.
        tracker: ``points``; ``appearance`` for the entities with a reference (the others by points); or ``auto``, which
            is appearance where it can be: in videos of tora2-tiny's size, with references.
    """
    if tracker not in TRACKERS:
        raise TrackingError(f"There is no tracker {tracker!r}; use one of {', '.join(TRACKERS)}.")
    if len(images) < 2:
        raise TrackingError("A single picture holds no motion; connect the pictures of a video.")
    count = document.frames if document.frames > 1 and len(images) % document.frames == 0 else len(images)
    asked = sample(document, torch.linspace(0, document.frames - 1, count, dtype=torch.float64))
    if not len(asked.names):
        raise TrackingError("The drawing has no visible track to measure against; draw one.")
    references = _references(asked, entities)
    if tracker == "auto" and not appearance.fits(*images.shape[1:3]):
        references = {}
    if tracker == "points":
        references = {}
    if tracker == "appearance" and not references:
        raise TrackingError(
            "No track belongs to one entity with a reference picture, so nothing can be found by appearance; connect "
            "entities, or choose the tracker points."
        )
    return [_compare(video, asked, references) for video in images.split(count)]


def _references(asked: SampledTracks, entities: PersonalizationConditions | None) -> dict[str, torch.Tensor]:
    """Track name -> [S, S, 3] as the encoders saw it. What lies on a track of several entities is nobody's picture."""
    if entities is None or entities.seen is None:
        return {}
    owners = Counter(entity.track_name for entity in entities.entities)
    return {
        entity.track_name: picture
        for entity, picture, given in zip(entities.entities, entities.seen, entities.has_reference, strict=True)
        if bool(given) and entity.track_name in asked.names and owners[entity.track_name] == 1
    }


def _compare(video: torch.Tensor, asked: SampledTracks, references: Mapping[str, torch.Tensor]) -> Comparison:
    height, width = video.shape[1:3]
    places = asked.pixels(width, height)
    found = Followed(places.clone(), torch.zeros_like(asked.visible))
    starts, shown = drawn_starts(asked, width, height)
    by_points = [row for row, index in enumerate(shown) if asked.names[index] not in references]
    if by_points:
        rows = [shown[row] for row in by_points]
        found.places[rows], found.seen[rows] = follow_points(video, starts[by_points])
    if references:
        seen = appearance.follow_entities(video, torch.stack(list(references.values())))
        for name, path, visible in zip(references, *seen, strict=True):
            rows = [index for index, other in enumerate(asked.names) if other == name]
            # Held at several points, an entity as a whole is compared with their middle.
            shift = places[rows] - places[rows].mean(0)
            found.places[rows], found.seen[rows] = path + shift, visible.expand(len(rows), -1)
    trackers = {name: "appearance" if name in references else "points" for name in asked.names}
    errors = tuple(_error(name, tracker, places, found, asked, (width, height)) for name, tracker in trackers.items())
    return Comparison(errors, asked, found, width, height)


def _error(
    name: str, tracker: str, places: torch.Tensor, found: Followed, asked: SampledTracks, size: tuple[int, int]
) -> EntityError:
    rows = [index for index, other in enumerate(asked.names) if other == name]
    wanted = asked.visible[rows]
    if tracker == "points":  # where it was put it proves nothing
        wanted &= wanted.cumsum(1) > 1
    seen = wanted & found.seen[rows]
    counted = wanted if tracker == "appearance" else seen
    pair = (found.places[rows], places[rows], counted)
    distance = (pair[0] - pair[1]).norm(dim=-1)[counted]
    return EntityError(
        name,
        tracker,
        l1=trajectory_error(*pair),
        l2=float(distance.mean()) if len(distance) else math.nan,
        l1_paper=trajectory_error(*pair, scale=(PAPER_SIZE[0] / size[0], PAPER_SIZE[1] / size[1])),
        followed=float(seen.sum() / wanted.sum()) if bool(wanted.any()) else math.nan,
    )


def to_document(
    found: Followed, width: int, height: int, fps: float, names: Sequence[str], colors: Sequence[str]
) -> TrajectoryDocument:
    """Tracks of a video as a drawing with a key at every frame; each stretch in which a track was seen is one track."""
    document = TrajectoryDocument(width, height, found.seen.shape[1], fps)
    for index, (name, color) in enumerate(zip(names, colors, strict=True)):
        # Where it was not seen its place means nothing, and may lie anywhere.
        path = {"track_path": found.places[index][:, None], "track_visibility": found.seen[index][:, None]}
        part = from_tracks(path, width=width, height=height, frames=document.frames, fps=fps)
        document.tracks += [replace(track, name=name, color=color) for track in part.tracks]
    return document


def numbers(comparisons: Sequence[Comparison]) -> str:
    """All figures as JSON; null where nothing was followed."""

    def plain(value: float) -> float | None:
        return round(value, 4) if math.isfinite(value) else None

    videos = [
        {
            "l1": plain(comparison.l1),
            "entities": {
                entity.name: {
                    "tracker": entity.tracker,
                    **{key: plain(getattr(entity, key)) for key in ("l1", "l2", "l1_paper", "followed")},
                }
                for entity in comparison.entities
            },
        }
        for comparison in comparisons
    ]
    return json.dumps({"l1": plain(mean_error(comparisons)), "videos": videos}, ensure_ascii=False)


def mean_error(comparisons: Sequence[Comparison]) -> float:
    """Mean TrajError of all entities and videos, in pixels; NaN if nothing was followed."""
    return _mean(entity.l1 for comparison in comparisons for entity in comparison.entities)


def report(comparisons: Sequence[Comparison], labels: Mapping[str, str] | None = None) -> str:
    """The figures as a table to read."""
    first = comparisons[0]
    rows = [("entity", "TrajError (L1)", "L2", "at 720x480", "followed", "tracker")]
    for number, comparison in enumerate(comparisons, 1):
        prefix = f"video {number}: " if len(comparisons) > 1 else ""
        for entity in comparison.entities:
            label = (labels or {}).get(entity.name) or entity.name
            figures = [f"{value:.1f}" if math.isfinite(value) else "-" for value in (entity.l1, entity.l2)]
            paper = f"{entity.l1_paper:.1f}" if math.isfinite(entity.l1_paper) else "-"
            share = f"{entity.followed:.0%}" if math.isfinite(entity.followed) else "-"
            rows.append((prefix + label, *figures, paper, share, entity.tracker))
    mean = mean_error(comparisons)
    paper = _mean(entity.l1_paper for comparison in comparisons for entity in comparison.entities)
    if math.isfinite(mean):
        rows.append(("mean", f"{mean:.1f}", "", f"{paper:.1f}", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    used = sorted({entity.tracker for comparison in comparisons for entity in comparison.entities})
    return "\n".join(
        [
            f"Distance of got from asked in pixels of {first.width}x{first.height}, {len(first.asked.times)} frames; "
            "less is better.",
            "",
            *lines,
            "",
            "Followed: the part of the path's frames in which the entity was seen.",
            *(EXPLANATIONS[name] for name in used),
        ]
    )


def overlay(
    images: torch.Tensor,
    document: TrajectoryDocument,
    comparisons: Sequence[Comparison],
    labels: Mapping[str, str] | None = None,
) -> torch.Tensor:
    """[F, H, W, 3]: the asked paths in their colours with name and TrajError, the got ones on top in a light tint."""
    pictures = []
    for video, comparison in zip(images.split(len(comparisons[0].asked.times)), comparisons, strict=True):
        texts = {
            entity.name: f"{(labels or {}).get(entity.name) or entity.name} {entity.l1:.1f} px"
            if math.isfinite(entity.l1)
            else f"{(labels or {}).get(entity.name) or entity.name}: lost"
            for entity in comparison.entities
        }
        asked = draw_trajectories(video, document, labels=texts)
        got = comparison.got(document)
        pale = replace(got, tracks=[replace(track, color=_tint(track.color)) for track in got.tracks])
        pictures.append(draw_trajectories(asked, pale, names=False))
    return torch.cat(pictures)


def _tint(color: str) -> str:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    mixed = (round(0.35 * int(digits[at : at + 2], 16) + 0.65 * 255) for at in (0, 2, 4))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _mean(values) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
