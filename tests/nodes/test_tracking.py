"""The nodes that look at videos, on small synthetic ones."""

from __future__ import annotations

import json

import pytest
import torch
from moving import moving_square

from tora2.errors import TrackingError
from tora2.trajectories import parse_document

pytest.importorskip("cv2")
VIDEO = moving_square([(10 + 4 * t, 20) for t in range(13)])


@pytest.fixture
def measure(nodes):
    def execute(images, trajectories, tracker="auto", **inputs):
        return nodes["Tora2MeasureTrajectories"].execute(images, trajectories, tracker, **inputs).result

    return execute


@pytest.fixture
def take(nodes):
    def execute(images, points="even", count=1, tolerance=1.0, fps=8.0, **inputs):
        return nodes["Tora2TrajectoriesFromVideo"].execute(images, points, count, tolerance, fps, **inputs).result

    return execute


def mask():
    area = torch.zeros(1, 80, 120)
    area[:, 22:49, 12:39] = 1
    return area


def test_a_drawing_taken_from_a_video_measures_as_that_video(nodes, measure, take):
    document, tracks, coordinates, drawing = take(VIDEO, mask=mask())
    assert tracks["track_path"].shape == (13, 1, 2)
    assert len(json.loads(coordinates)[0]) == 13
    report, overlay, error, numbers, found = measure(VIDEO, document)
    assert "track 1" in report and error < 1.0 and json.loads(numbers)["l1"] == pytest.approx(error, abs=1e-3)
    assert overlay.shape == VIDEO.shape and not torch.equal(overlay, VIDEO)
    assert (found.width, found.frames, found.tracks[0].name) == (120, 13, "track 1")

    edited = nodes["Tora2TrajectoryEditor"].execute(drawing, 120, 80, 13, 8.0).result[0]
    assert edited == parse_document(drawing) == document, "the editor goes on with it"
    edited.tracks[0].points[-1].x -= 0.3
    assert measure(VIDEO, edited)[2] > 5


def test_a_drawn_point_is_followed_under_its_name(take):
    tracks = [{"name": "square", "points": [{"x": 25 / 120, "y": 35 / 80}]}]
    drawing = parse_document({"version": 1, "tracks": tracks})
    document = take(VIDEO, trajectories=drawing, mask=torch.zeros(1, 80, 120))[0]
    (track,) = document.tracks
    assert track.name == "square" and track.points[-1].x == pytest.approx(73 / 120, abs=0.01)


def test_errors_are_sentences_for_users(measure, take):
    with pytest.raises(TrackingError, match="mask is empty"):
        take(VIDEO, mask=torch.zeros(1, 80, 120))
    with pytest.raises(TrackingError, match="single picture"):
        measure(VIDEO[:1], parse_document('{"version": 1, "tracks": [{"points": [{"x": 0.5, "y": 0.5}]}]}'))
