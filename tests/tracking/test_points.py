from __future__ import annotations

import builtins

import pytest
import torch
from moving import moving_square, texture

from tora2.errors import TrackingError
from tora2.evaluation import metrics
from tora2.evaluation.scenes import make_scene, make_world
from tora2.tracking.points import follow_points

cv2 = pytest.importorskip("cv2")


SHIFTS = [(10 + 5 * t, 10 + 2 * t) for t in range(12)]
CORNERS = torch.tensor(SHIFTS, dtype=torch.float64)


def test_points_on_a_moving_thing_and_on_the_ground():
    starts = torch.tensor([[0, 25.0, 25.0], [0, 22.5, 26.25], [0, 100.0, 70.0]])
    places, seen = follow_points(moving_square(SHIFTS), starts)
    assert places.dtype == torch.float64 and places.shape == (3, 12, 2) and seen.shape == (3, 12) and seen[:2].all()
    for index in (0, 1):
        expected = starts[index, 1:] + CORNERS - CORNERS[0]
        assert (places[index] - expected).abs().max() < 0.3
    assert (places[2] - starts[2, 1:]).abs().max() < 0.3


def test_a_point_that_starts_late_is_followed_both_ways():
    starts = torch.tensor([[6, 15.0 + 40, 15.0 + 22]])
    places, seen = follow_points(moving_square(SHIFTS), starts)
    assert seen.all() and (places[0] - (CORNERS + 15)).abs().max() < 0.3


def test_what_leaves_the_picture_is_lost_where_it_leaves():
    shifts = [(80 + 6 * t, 20) for t in range(9)]
    places, seen = follow_points(moving_square(shifts), torch.tensor([[0, 95.0, 35.0]]))
    visible = torch.tensor([95 + 6 * t <= 120 for t in range(9)])
    assert not seen[0, ~visible].any() and seen[0, :3].all()
    last = int(seen[0].nonzero()[-1])
    assert (places[0, last:] == places[0, last]).all(), "it stays where it was last seen"


def test_what_is_covered_is_lost_and_never_taken_for_the_cover():
    video = moving_square([(10, 10)] * 12)
    cover = texture(80, 40, seed=3)
    for t in range(12):
        right = 8 * t
        video[t, :, max(0, right - 40) : right] = cover[:, max(0, 40 - right) :][:, : right - max(0, right - 40)]
    places, seen = follow_points(video, torch.tensor([[0, 30.0, 25.0], [0, 110.0, 70.0]]))
    assert seen[0, :3].all() and not seen[0, 4:].any(), "the cover reaches it in frame 4"
    assert (places[0] - places[0, 0]).abs().max() < 3
    assert seen[1].all()


def test_even_areas_and_starts_outside_are_not_seen():
    grey = torch.full((4, 64, 64, 3), 0.5)
    _, seen = follow_points(grey, torch.tensor([[0, 30.0, 30.0], [0, 99.0, 30.0]]))
    assert seen.tolist() == [[True, False, False, False], [False] * 4]


def test_no_points():
    places, seen = follow_points(moving_square(SHIFTS), torch.zeros(0, 3))
    assert places.shape == (0, 12, 2) and seen.shape == (0, 12)


def test_error_on_ground_truth_clips():
    """One in twenty things is lost to what is behind it: the window is larger than they are."""
    world = make_world(None, "heldout_names", 2)
    errors, shares = [], []
    for seed in range(10):
        scene = make_scene(world, seed)
        video, first = scene.true_video().permute(0, 2, 3, 1), scene.visible.int().argmax(1)
        starts = torch.cat([first[:, None], scene.asked[torch.arange(2), first]], 1)
        for index in range(2):
            asked, visible = scene.asked[index, None], scene.visible[index, None]
            found = follow_points(video, starts[index, None])
            errors.append(metrics.trajectory_error(found.places, asked, visible & found.seen))
            shares.append(float((found.seen & visible).sum() / visible.sum()))
    assert sum(error < 3 for error in errors) >= 18, errors
    assert sorted(errors)[10] < 0.5 and sum(shares) / 20 > 0.75, (errors, shares)


def test_one_picture_is_no_video():
    with pytest.raises(TrackingError, match="holds no motion"):
        follow_points(torch.rand(1, 32, 32, 3), torch.tensor([[0, 5.0, 5.0]]))


def test_without_opencv_one_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(TrackingError, match="pip install opencv-python-headless"):
        follow_points(torch.rand(3, 32, 32, 3), torch.tensor([[0, 5.0, 5.0]]))
