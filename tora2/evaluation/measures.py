"""All figures of one video of a tiny scene."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..tiny.backgrounds import BACKGROUNDS
from . import metrics, words
from .cutting import gallery_pictures
from .networks import Recognizer, Sight, Watcher
from .scenes import Scene
from .tracking import identity_vector, look, one_to_one, places_of_things, track

PAPER_WIDTH, PAPER_HEIGHT = 720, 480


@dataclass(frozen=True)
class Metric:
    """A column. ``better`` is 1 where more is better, else -1; ``control`` is the way of asking (see ``generation``)
    that must be worse than ``way`` for the column to mean anything; ``share`` columns are printed in per cent."""

    name: str
    title: str
    better: int
    control: str
    share: bool = False
    way: str = "generated"


METRICS = (
    Metric("traj_error", "TrajError px@128", -1, "no trajectory"),
    Metric("traj_error_480x720", "TrajError px@480x720", -1, "no trajectory"),
    Metric("place_error", "place error px@128", -1, "no trajectory"),
    Metric("binding", "binding", 1, "shuffled binding", share=True),
    Metric("identity", "identity top-1", 1, "no reference", share=True),
    Metric("background", "background", 1, "other background", share=True),
    Metric(words.METRIC, "named thing", 1, words.WAYS[1], share=True, way=words.WAYS[0]),
)


@dataclass(frozen=True)
class Judges:
    watcher: Watcher
    recognizer: Recognizer


@torch.no_grad()
def measure(judges: Judges, scene: Scene, video: torch.Tensor, gallery: torch.Tensor) -> dict[str, float]:
    """Figures of a video [T, 3, H, W] in 0..1, by the names of ``METRICS``.

    Args:
        gallery: [K, 3, S, S] reference pictures, the scene's own entities first.
    """
    sight = look(judges.watcher, video)
    tracks = track(judges.watcher, judges.recognizer, sight, video, scene.references)
    things = places_of_things(sight, len(scene.entities), scene.size)
    scale = (PAPER_WIDTH / scene.size, PAPER_HEIGHT / scene.size)
    nearest = one_to_one(things, scene.asked, scene.visible)
    right = metrics.binding(tracks.places, scene.asked, scene.visible) if len(scene.entities) > 1 else [metrics.NOTHING]
    vectors = judges.recognizer(gallery_pictures(gallery))
    recognised = [
        metrics.retrieval(identity_vector(judges.recognizer, video, tracks, index), vectors, index)
        for index in range(len(scene.entities))
    ]
    return {
        "traj_error": metrics.trajectory_error(tracks.places, scene.asked, scene.visible),
        "traj_error_480x720": metrics.trajectory_error(tracks.places, scene.asked, scene.visible, scale),
        "place_error": metrics.trajectory_error(nearest, scene.asked, scene.visible),
        "binding": sum(right) / len(right),
        "identity": sum(recognised) / len(recognised),
        "background": float(background(sight) == scene.background),
    }


def background(sight: Sight) -> str:
    """Name of the background that the frames show together."""
    return list(BACKGROUNDS)[int(sight.scene.log_softmax(-1).mean(0).argmax())]
