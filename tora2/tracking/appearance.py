"""Entities found by what they look like, with the evaluation's judges, which know the tiny world only."""

from __future__ import annotations

from functools import lru_cache

import torch

from ..errors import TrackingError
from .points import Followed

SIZE = 128


def fits(height: int, width: int) -> bool:
    """Whether a video has the one size that the judges were trained on."""
    return (height, width) == (SIZE, SIZE)


@lru_cache(maxsize=1)
def _judges():
    from ..evaluation.networks import load_recognizer, load_watcher

    return load_watcher(), load_recognizer()


@torch.no_grad()
def follow_entities(video: torch.Tensor, references: torch.Tensor) -> Followed:
    """The entities of E references in a video, wherever they are; all of the video's entities compete for its pixels.

    Args:
        video: [T, 128, 128, 3] in 0..1.
        references: [E, S, S, 3] in 0..1 on neutral grey, as ``prepare_reference`` makes them.
    """
    from ..evaluation.tracking import look, track

    if not fits(*video.shape[1:3]):
        raise TrackingError(
            f"Entities are found by appearance in tora2-tiny's {SIZE}x{SIZE} videos only, and this one has "
            f"{video.shape[2]}x{video.shape[1]}; choose the tracker points."
        )
    if len(video) < 2:
        raise TrackingError("A single picture holds no motion; connect the pictures of a video.")
    watcher, recognizer = _judges()
    frames = video[..., :3].detach().float().cpu().clamp(0, 1).movedim(-1, 1)
    pictures = references.detach().float().cpu().movedim(-1, 1)
    found = track(watcher, recognizer, look(watcher, frames), frames, pictures)
    return Followed(found.places.double(), found.weight > 0.5)
