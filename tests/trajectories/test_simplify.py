from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tora2.trajectories import from_tracks, parse_document, sample
from tora2.trajectories import simplify as simplify_module
from tora2.trajectories.simplify import simplify

SIZE = {"width": 200, "height": 100}


def document(places, visible=None):
    places = torch.as_tensor(places, dtype=torch.float64)
    tracks = {"track_path": places[:, None]}
    if visible is not None:
        tracks["track_visibility"] = torch.as_tensor(visible)[:, None]
    return from_tracks(tracks, **SIZE, frames=len(places))


def circle(frames=33):
    turn = torch.linspace(0, 2 * math.pi, frames, dtype=torch.float64)
    return torch.stack([100 + 40 * turn.cos(), 50 + 40 * turn.sin()], 1)


def distance(a, b):
    a, b = sample(a), sample(b)
    assert torch.equal(a.visible, b.visible)
    return (a.pixels(200, 100) - b.pixels(200, 100)).norm(dim=-1)[a.visible].max()


def test_an_even_straight_motion_needs_its_ends_only():
    places = torch.stack([torch.linspace(10, 190, 17), torch.linspace(90, 10, 17)], 1)
    (track,) = simplify(document(places), 0.01).tracks
    assert [point.frame for point in track.points] == [0, 16]


def test_time_is_kept_as_well_as_the_path():
    """A pause in the middle of a straight path shows in the keys alone."""
    x = torch.cat([torch.linspace(10, 100, 9), torch.full((7,), 100.0), torch.linspace(100, 190, 9)])
    before = document(torch.stack([x, torch.full_like(x, 50)], 1))
    after = simplify(before, 0.5)
    assert distance(before, after) <= 0.5
    assert 4 <= len(after.tracks[0].points) <= 6


def test_a_bend_keeps_few_points_on_a_smooth_path():
    before = document(circle())
    after = simplify(before, 1.0)
    assert distance(before, after) <= 1.0
    assert len(after.tracks[0].points) <= 13 and after.tracks[0].interpolation == "smooth"


def test_shaking_within_the_tolerance_is_standing_still():
    places = torch.tensor([50.0, 50.0]) + 0.3 * torch.rand(17, 2)
    (track,) = simplify(document(places), 0.5).tracks
    assert track.kind == "static" and len(track.points) == 1


def test_only_the_visible_stretch_counts_and_stays():
    visible = torch.zeros(33, dtype=torch.bool)
    visible[5:20] = True
    before = document(circle(), visible)
    after = simplify(before, 1.0)
    assert distance(before, after) <= 1.0
    assert (after.tracks[0].start, after.tracks[0].end) == (5, 19)
    assert len(after.tracks[0].points) <= len(before.tracks[0].points) / 2


def test_pauses_whose_keys_lie_on_one_another():
    """Many keys at one place are one knot, so that what one of them changes is far away in their order."""
    stairs = torch.arange(120) // 6 * 8.0
    back = torch.where(torch.arange(120) % 12 < 6, 30.0, 60.0)
    before = document(torch.stack([stairs + 10, back], 1))
    after = simplify(before, 0.5)
    assert distance(before, after) <= 0.5
    assert len(after.tracks[0].points) < 120


def test_a_shaking_track_is_looked_at_once_around_each_key(monkeypatch):
    """Not along its whole length: that grew with the cube of the frames, and a long clip took a quarter of an hour."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 2, generator=generator, dtype=torch.float64)
    turn = torch.linspace(0, 6, 400, dtype=torch.float64)
    places = torch.stack([100 + 60 * turn.cos(), 50 + 30 * turn.sin()], 1) + 1.5 * noise
    drawn, real = [], simplify_module.sample
    monkeypatch.setattr(simplify_module, "sample", lambda doc, times: drawn.append(len(times)) or real(doc, times))
    after = simplify(document(places), 1.0)
    assert distance(document(places), after) <= 1.0
    assert sum(drawn) < 60 * 400


@pytest.mark.parametrize("frames", [1, 2])
def test_short_clips(frames):
    before = document([[10.0, 10.0], [90.0, 30.0]][:frames])
    assert distance(before, simplify(before, 1.0)) <= 1.0


def test_no_tolerance_changes_nothing():
    before = document(circle())
    assert simplify(before, 0.0) == before


@given(st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 140)), min_size=2, max_size=24), st.floats(0.1, 20))
def test_any_track_stays_within_the_tolerance_and_can_be_read_again(places, tolerance):
    before = document(places)
    after = simplify(before, tolerance)
    assert parse_document(after.to_json()) == after
    moved = sample(after).pixels(200, 100) - sample(before).pixels(200, 100)
    assert moved.norm(dim=-1).max() <= tolerance + 1e-6
