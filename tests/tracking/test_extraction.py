from __future__ import annotations

import pytest
import torch
from moving import moving_square

from tora2.errors import TrackingError
from tora2.tracking.extraction import extract
from tora2.trajectories import parse_document, sample

pytest.importorskip("cv2")
SHIFTS = [(10 + 4 * t, 10 + 2 * abs(6 - t)) for t in range(13)]
CORNERS = torch.tensor(SHIFTS, dtype=torch.float64)


def mask():
    area = torch.zeros(80, 120)
    area[22:52, 10:40] = 1
    return area


def test_the_middle_of_a_mask_is_followed_and_drawn_with_few_points():
    document = extract(moving_square(SHIFTS), fps=12, tolerance=1.0, mask=mask())
    assert (document.width, document.height, document.frames, document.fps) == (120, 80, 13, 12)
    (track,) = document.tracks
    assert 3 <= len(track.points) <= 5 and track.interpolation == "smooth"
    places = sample(document).pixels(120, 80)[0]
    middle = CORNERS + 15
    assert (places - middle).norm(dim=-1).max() < 1.5
    assert parse_document(document.to_json()) == document


def test_no_tolerance_keeps_the_track_itself():
    document = extract(moving_square(SHIFTS), fps=8, tolerance=0, mask=mask())
    assert [point.frame for point in document.tracks[0].points] == list(range(13))


def test_several_points_move_alike():
    document = extract(moving_square(SHIFTS), fps=8, points="features", count=6, mask=mask())
    assert 2 <= len(document.tracks) <= 6
    assert len({track.color for track in document.tracks}) == len({track.name for track in document.tracks})


def test_a_track_ends_where_its_point_was_lost():
    video = moving_square([(70 + 5 * t, 20) for t in range(13)])
    area = torch.zeros(80, 120)
    area[20:50, 70:100] = 1
    document = extract(video, fps=8, mask=area)
    (track,) = document.tracks
    assert track.start in (0, None) and 4 <= track.end <= 7, "its middle leaves the picture after frame 7"
    assert sample(document).visible[0].tolist() == [t <= track.end for t in range(13)]


def test_a_drawing_says_where_to_start_and_gives_names_and_colours():
    drawing = parse_document(
        {
            "version": 1,
            "frames": 49,
            "tracks": [
                {"name": "fox", "color": "#abcdef", "points": [{"x": 25 / 120, "y": 37 / 80}]},
                {"name": "never", "points": [{"x": -0.5, "y": 0.5}]},
                {"name": "ground", "points": [{"x": 0.9, "y": 0.9}, {"x": 0.1, "y": 0.9}], "start": 24},
            ],
        }
    )
    document = extract(moving_square(SHIFTS), fps=8, drawing=drawing)
    fox, ground = document.tracks
    assert (fox.name, fox.color, ground.name) == ("fox", "#abcdef", "ground")
    assert ground.kind == "static" and abs(ground.points[0].x - 0.5) < 0.01, "from where it is at its first frame"
    assert ground.start is None, "it is followed back to the first picture as well"


def test_each_frame_is_told_and_may_end_the_work():
    told = []
    extract(moving_square(SHIFTS), fps=8, mask=mask(), on_step=lambda *step: told.append(step))
    assert told == [(done, 24) for done in range(1, 25)]

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(moving_square(SHIFTS), fps=8, mask=mask(), on_step=interrupt)


def test_what_cannot_be_followed_is_said():
    with pytest.raises(TrackingError, match="no pictures to follow"):
        extract(torch.zeros(0, 80, 120, 3), fps=8)
    with pytest.raises(TrackingError, match="No point could be followed"):
        extract(torch.full((5, 64, 64, 3), 0.5), fps=8)
    with pytest.raises(TrackingError, match="no visible track"):
        extract(moving_square(SHIFTS), fps=8, drawing=parse_document('{"version": 1, "tracks": []}'))
    with pytest.raises(TrackingError, match="single picture"):
        extract(moving_square(SHIFTS)[:1], fps=8)
