from __future__ import annotations

import pytest
import torch

from tora2.errors import TrackingError
from tora2.tracking.starts import drawn_starts, starts_in
from tora2.trajectories import parse_document, sample


def test_drawn_tracks_start_where_they_are_first_visible():
    tracks = [
        {"points": [{"x": 0.1, "y": 0.5}, {"x": 0.9, "y": 0.5}]},
        {"points": [{"x": -0.5, "y": 0.2}, {"x": 0.5, "y": 0.2}]},
        {"points": [{"x": -0.5, "y": 0.2}, {"x": -0.1, "y": 0.2}]},
        {"points": [{"x": 0.0, "y": 0.5}, {"x": 0.8, "y": 0.5}], "start": 2},
    ]
    sampled = sample(parse_document({"version": 1, "frames": 9, "tracks": tracks}))
    starts, shown = drawn_starts(sampled, 100, 50)
    assert shown == [0, 1, 3]
    torch.testing.assert_close(
        starts, torch.tensor([[0, 10.0, 25.0], [4, 0.0, 10.0], [2, 20.0, 25.0]], dtype=torch.float64)
    )


def test_one_even_point_is_the_middle_of_the_mask():
    mask = torch.zeros(40, 60)
    mask[10:21, 30:51] = 1
    assert starts_in(torch.zeros(40, 60, 3), "even", 1, mask).tolist() == [[0, 40.5, 15.5]]


def test_even_points_share_the_area_and_lie_in_it():
    mask = torch.zeros(80, 80)
    mask[:, :20] = 1
    mask[60:, :] = 1
    starts = starts_in(torch.zeros(80, 80, 3), "even", 7, mask)
    assert starts.shape == (7, 3)
    for _, x, y in starts.long().tolist():
        assert mask[y, x] == 1
    apart = torch.cdist(starts[:, 1:], starts[:, 1:]) + 1e9 * torch.eye(7)
    assert apart.min() > 10


def test_a_mask_of_another_size_is_scaled():
    mask = torch.zeros(10, 10)
    mask[:, 5:] = 1
    (start,) = starts_in(torch.zeros(40, 80, 3), "even", 1, mask)
    assert start[1] == pytest.approx(60, abs=1) and start[2] == pytest.approx(20, abs=1)


def test_no_more_points_than_pixels():
    mask = torch.zeros(8, 8)
    mask[2, 2:5] = 1
    assert len(starts_in(torch.zeros(8, 8, 3), "even", 9, mask)) == 3


def test_features_are_corners_inside_the_mask():
    pytest.importorskip("cv2")
    picture = torch.zeros(60, 60, 3)
    picture[10:20, 10:20] = 1
    picture[40:50, 40:50] = 1
    mask = torch.zeros(60, 60)
    mask[30:, 30:] = 1
    starts = starts_in(picture, "features", 4, mask)
    assert len(starts) >= 2 and (starts[:, 1:] > 35).all() and (starts[:, 1:] < 55).all()


def test_nothing_to_follow_is_said():
    pytest.importorskip("cv2")
    with pytest.raises(TrackingError, match="Nothing stands out"):
        starts_in(torch.full((32, 32, 3), 0.5), "features", 4)
    with pytest.raises(TrackingError, match="mask is empty"):
        starts_in(torch.rand(32, 32, 3), "even", 4, torch.zeros(32, 32))
