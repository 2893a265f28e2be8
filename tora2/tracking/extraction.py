"""A drawing of how things move in a video."""

from __future__ import annotations

import torch

from ..errors import TrackingError
from ..trajectories import TrajectoryDocument, sample
from ..trajectories.drawing import PALETTE
from ..trajectories.simplify import simplify
from .comparison import to_document
from .points import Followed, OnStep, follow_points, nothing
from .starts import drawn_starts, starts_in


def extract(
    images: torch.Tensor,
    *,
    fps: float,
    tolerance: float = 1.0,
    points: str = "even",
    count: int = 1,
    mask: torch.Tensor | None = None,
    drawing: TrajectoryDocument | None = None,
    on_step: OnStep = nothing,
) -> TrajectoryDocument:
    """Follow points through a video and draw their paths, as long as they were followed. Points that were lost at once
    are left out.

    Args:
        images: [F, H, W, 3] in 0..1; the document has their size and length.
        tolerance: pixels by which the drawing may differ from the track at any frame (see ``simplify``).
        points, count, mask: see :func:`starts_in`.
        drawing: the first visible place of each of its tracks is followed instead, under the track's name and colour.
            A drawing of another length is stretched to the video's.
        on_step: told (done, total) after each frame that was looked at, forth and back; what it raises ends the work.

    Raises:
        TrackingError: nothing to follow, or nothing that could be.
    """
    frames, height, width = images.shape[:3]
    if not frames:
        raise TrackingError("There are no pictures to follow anything through; connect those of a video.")
    if drawing is None:
        starts = starts_in(images[0], points, count, mask)
        names = [f"track {index + 1}" for index in range(len(starts))]
        colors = [PALETTE[index % len(PALETTE)] for index in range(len(starts))]
    else:
        sampled = sample(drawing.fitted(frames=frames))
        starts, shown = drawn_starts(sampled, width, height)
        if not shown:
            raise TrackingError("The drawing has no visible track to start from; draw a point on what to follow.")
        names, colors = ([values[index] for index in shown] for values in (sampled.names, sampled.colors))
    found = follow_points(images, starts, on_step)
    kept = (found.seen.sum(1) > 1).nonzero()[:, 0].tolist()
    if not kept:
        raise TrackingError(
            "No point could be followed to a second frame; start on something with texture, or give a video with less "
            "motion from frame to frame."
        )
    found = Followed(found.places[kept], found.seen[kept])
    names, colors = ([values[index] for index in kept] for values in (names, colors))
    return simplify(to_document(found, width, height, fps, names, colors), tolerance)
