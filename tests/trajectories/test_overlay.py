from __future__ import annotations

import json

import pytest
import torch

from tora2.errors import TrajectoryError
from tora2.trajectories import parse_document
from tora2.trajectories.overlay import draw_trajectories

RED = torch.tensor([1.0, 0.0, 0.0])


def document(frames=9, width=96, height=64, **track):
    points = [{"x": 0.1, "y": 0.5}, {"x": 0.9, "y": 0.5}]
    tracks = [{"name": "dot", "color": "#ff0000", "points": points, **track}]
    return parse_document(
        json.dumps({"version": 1, "width": width, "height": height, "frames": frames, "tracks": tracks})
    )


def grey(frames=9, height=64, width=96):
    return torch.full((frames, height, width, 3), 0.5)


def changed(drawn, pictures):
    """Columns that differ, per frame: first and last."""
    columns = (drawn != pictures).any(-1).any(1)
    return [(int(row.nonzero()[0]), int(row.nonzero()[-1])) for row in columns]


def test_the_dot_is_where_the_track_is():
    drawn = draw_trajectories(grey(), document(), names=False)
    for frame in range(9):
        x = 0.1 + 0.8 * frame / 8
        torch.testing.assert_close(drawn[frame, 32, round(x * 96)], RED, rtol=0, atol=0.02)
    assert drawn.shape == (9, 64, 96, 3) and drawn.dtype == torch.float32


def test_the_travelled_part_is_stronger_than_what_is_to_come():
    drawn = draw_trajectories(grey(), document(), names=False)[4, 32]
    travelled, ahead = drawn[24, 0] - drawn[24, 1], drawn[72, 0] - drawn[72, 1]
    assert travelled > 0.7 > ahead > 0.1


def test_pictures_are_untouched_off_the_paths_and_the_input_everywhere():
    pictures = torch.rand(9, 64, 96, 4)
    before = pictures.clone()
    drawn = draw_trajectories(pictures, document(), names=False)
    assert torch.equal(pictures, before)
    assert torch.equal(drawn[:, :20], pictures[:, :20, :, :3])


def test_a_hidden_part_is_not_drawn():
    drawn = draw_trajectories(grey(), document(start=4), names=False)
    for first, last in changed(drawn, grey()):
        assert first > 40 and last < 96


def test_a_hidden_track_and_an_empty_drawing_change_nothing():
    assert torch.equal(draw_trajectories(grey(), document(hidden=True)), grey())
    empty = parse_document('{"version": 1, "tracks": [], "frames": 9}')
    assert torch.equal(draw_trajectories(grey(), empty), grey())


@pytest.mark.parametrize("count", [18, 5, 1, 30])
def test_other_counts_of_pictures(count):
    """Two videos of a batch share the drawing; another speed is stretched; one picture is a plan of the whole."""
    drawn = draw_trajectories(grey(count), document(), names=False)
    assert drawn.shape[0] == count
    if count == 18:
        assert torch.equal(drawn[:9], drawn[9:])
    elif count == 1:
        assert changed(drawn, grey(1))[0][1] > 80
        assert drawn[0, 32, 72, 0] - drawn[0, 32, 72, 1] > 0.7
    else:
        torch.testing.assert_close(drawn[-1, 32, round(0.9 * 96)], RED, rtol=0, atol=0.02)


def test_any_size_of_picture():
    drawn = draw_trajectories(grey(9, 32, 200), document(), names=False)
    torch.testing.assert_close(drawn[0, 16, 20], RED, rtol=0, atol=0.02)


def test_names_are_written_inside_the_picture_and_may_be_replaced():
    plain = draw_trajectories(grey(), document(), names=False)
    named = draw_trajectories(grey(), document())
    labelled = draw_trajectories(grey(), document(), labels={"dot": "a red balloon"})
    wide, wider = ((picture != plain).any(-1).any(1).sum(-1) for picture in (named, labelled))
    assert (wide > 5).all() and (wider > wide + 10).all()
    assert torch.equal(draw_trajectories(grey(), document(), labels={"dot": ""}), named)


def test_one_frame():
    drawn = draw_trajectories(grey(1), document(frames=1), names=False)
    torch.testing.assert_close(drawn[0, 32, round(0.1 * 96)], RED, rtol=0, atol=0.02)


def test_no_picture_at_all():
    with pytest.raises(TrajectoryError, match="no picture to draw"):
        draw_trajectories(grey(0), document())
