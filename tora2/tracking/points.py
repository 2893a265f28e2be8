"""Points followed through a video by OpenCV's pyramidal Lucas-Kanade, forwards and backwards in time.

OpenCV is Apache-2.0 and needs no weights; it comes with insightface. The window and the check are the ones that did
best on clips with known paths (``python -m tora2.tracking.benchmark``): a larger window mixes the thing with what is
behind it, and a point that does not come back to where it came from is lost more often than not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import TrackingError

WINDOW = 21  # pixels
LEVELS = 4  # of the pyramid above the picture: with the window, some 100 pixels a frame
RETURN = 1.5  # pixels by which a point may miss its start when it is followed back
TEXTURE = 1e-4  # least eigenvalue of the window's gradients; even areas cannot be followed
ALIKE = 0.3  # least correlation of the surroundings with those a frame before
STEPS, PRECISION = 30, 0.01


class Followed(NamedTuple):
    """``places`` [N, T, 2] float64 in pixels and ``seen`` [N, T] bool; where it is false the place is the last or the
    first one that was seen."""

    places: torch.Tensor
    seen: torch.Tensor


def import_opencv() -> Any:
    """Import OpenCV, or say in one sentence how to get it."""
    try:
        import cv2
    except ImportError as error:
        raise TrackingError(
            "Following points in a video needs OpenCV, which is not installed: run `pip install "
            "opencv-python-headless` in ComfyUI's Python."
        ) from error
    return cv2


def to_bytes(video: torch.Tensor) -> np.ndarray:
    """[T, H, W, C] in 0..1 -> [T, H, W, 3] uint8."""
    return (video[..., :3].detach().float().cpu().clamp(0, 1) * 255).round().byte().contiguous().numpy()


OnStep = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    """The ``on_step`` of nobody."""


def follow_points(video: torch.Tensor, starts: torch.Tensor, on_step: OnStep = nothing) -> Followed:
    """Follow N points from where they start, to both ends of the video.

    A point is lost, for good, when it leaves the picture, when its surroundings are even, or when following it back by
    a frame does not lead to where it came from, or its surroundings have changed (covered by something, blurred).

    Args:
        video: [T, H, W, 3] in 0..1.
        starts: [N, 3] frame number, x and y in pixels (0 is the outer edge of the first pixel). A start outside the
            picture is never seen.
        on_step: told (done, total) after each frame, forth and back; what it raises ends the work.
    """
    cv2 = import_opencv()
    if len(video) < 2:
        raise TrackingError("A single picture holds no motion; connect the pictures of a video.")
    frames = to_bytes(video)
    count, height, width = frames.shape[:3]
    begin = starts[:, 0].round().long().clamp(0, count - 1).numpy()
    origin = starts[:, 1:].double().numpy() - 0.5  # OpenCV's (0, 0) is the middle of the first pixel
    places = np.repeat(origin[:, None], count, 1)
    seen = np.zeros((len(starts), count), bool)
    rows = np.arange(len(starts))
    seen[rows, begin] = _inside(origin, width, height)
    done = 0
    for direction in (1, -1):
        here = range(count - 1) if direction == 1 else range(count - 1, 0, -1)
        for now in here:
            then = now + direction
            ahead = begin <= now if direction == 1 else begin >= now
            places[ahead, then] = places[ahead, now]
            alive = np.flatnonzero(ahead & seen[:, now])
            if len(alive):
                found, good = _step(cv2, frames[now], frames[then], places[alive, now])
                good &= _inside(found, width, height)
                places[alive[good], then] = found[good]
                seen[alive[good], then] = True
            done += 1
            on_step(done, 2 * (count - 1))
    return Followed(torch.from_numpy(places + 0.5), torch.from_numpy(seen))


def _step(cv2: Any, now: np.ndarray, then: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places [P, 2] a frame later, and which of them [P] came back when followed back."""
    found, there = _flow(cv2, now, then, places)
    back, again = _flow(cv2, then, now, found)
    good = there & again & (np.linalg.norm(back - places, axis=1) < RETURN)
    for index in np.flatnonzero(good):
        good[index] = _correlation(_around(cv2, now, places[index]), _around(cv2, then, found[index])) > ALIKE
    return found, good


def _flow(cv2: Any, now: np.ndarray, then: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, STEPS, PRECISION)
    points = places.astype(np.float32).reshape(-1, 1, 2)
    options = {"winSize": (WINDOW, WINDOW), "maxLevel": LEVELS, "criteria": criteria, "minEigThreshold": TEXTURE}
    found, status, _ = cv2.calcOpticalFlowPyrLK(now, then, points, None, **options)
    return found.reshape(-1, 2).astype(np.float64), status.reshape(-1) == 1


def _around(cv2: Any, frame: np.ndarray, place: np.ndarray) -> np.ndarray:
    side = 2 * (WINDOW // 3) + 1
    return cv2.getRectSubPix(frame, (side, side), (float(place[0]), float(place[1]))).astype(np.float64)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean((0, 1)), b - b.mean((0, 1))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


def _inside(places: np.ndarray, width: int, height: int) -> np.ndarray:
    return ((places >= -0.5) & (places <= np.array([width, height]) - 0.5)).all(1)
