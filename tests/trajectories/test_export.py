"""What other nodes read, read back."""

from __future__ import annotations

import json

import pytest
import torch

from tora2.errors import TrajectoryError
from tora2.trajectories import export as formats
from tora2.trajectories import import_trajectories, parse_document, sample
from tora2.trajectories.export import export_trajectories

CLIP = {"width": 720, "height": 480, "frames": 49}
FOX = {"name": "fox", "points": [{"x": 0.1, "y": 0.2}, {"x": 0.5, "y": 0.9}, {"x": 0.9, "y": 0.2}]}
BIRD = {"name": "bird", "interpolation": "linear", "points": [{"x": 0.9, "y": 0.1}, {"x": 0.1, "y": 0.1, "frame": 20}]}
HIDDEN = {"name": "ghost", "hidden": True, "points": [{"x": 0.5, "y": 0.5}]}


def drawing(*tracks: dict):
    return parse_document({"version": 1, **CLIP, "tracks": list(tracks)})


@pytest.mark.parametrize("form", [formats.NESTED, formats.KJNODES, formats.ATI, formats.DOCUMENT])
def test_what_is_written_is_read_back(form):
    document = drawing(FOX, BIRD, HIDDEN)
    again = import_trajectories(export_trajectories(document, form), **CLIP)
    tolerance = 2e-3 if form == formats.ATI else 1e-6  # 121 points are not those of 49 frames
    torch.testing.assert_close(sample(again).points, sample(document).points, atol=tolerance, rtol=0)


@pytest.mark.parametrize("form", [formats.FLAT, formats.KJNODES, formats.TORA])
def test_one_track_is_flat(form):
    text = export_trajectories(drawing(FOX, BIRD), form, track=" fox ")
    again = import_trajectories(text, **CLIP)
    tolerance = 1 / 256 if form == formats.TORA else 1e-6
    torch.testing.assert_close(sample(again).points, sample(drawing(FOX)).points, atol=tolerance, rtol=0)
    assert form == formats.TORA or isinstance(json.loads(text)[0], dict)


def test_wrapper_tells_several_tracks_by_a_list_of_texts():
    texts = export_trajectories(drawing(FOX, BIRD, HIDDEN), formats.WRAPPER)
    assert [len(json.loads(text)) for text in texts] == [49, 49]
    with pytest.raises(TrajectoryError, match="1 to 9 tracks, but the drawing shows 10"):
        export_trajectories(drawing(*[FOX] * 10), formats.WRAPPER)


def test_more_tracks_than_the_format_holds():
    for form in (formats.FLAT, formats.TORA):
        with pytest.raises(TrajectoryError, match="one track, but the drawing"):
            export_trajectories(drawing(FOX, BIRD), form)


def test_an_unknown_track_is_told_with_those_that_exist():
    with pytest.raises(TrajectoryError, match="no track 'wolf'; its tracks are: 'fox', 'bird'"):
        export_trajectories(drawing(FOX, BIRD), formats.NESTED, track="wolf")


def test_wrapper_gets_no_place_off_the_canvas():
    off = {"name": "away", "interpolation": "linear", "points": [{"x": -0.3, "y": 0.5}, {"x": 1.2, "y": 1.5}]}
    (text,) = export_trajectories(drawing(off), formats.WRAPPER)
    places = json.loads(text)
    assert {place["x"] for place in places} >= {0.0, 719.0} and max(place["y"] for place in places) == 479.0
    assert min(place["x"] for place in places) == 0.0


def test_ati_lists_end_with_their_track():
    gone = FOX | {"end": 24}
    early, whole = json.loads(export_trajectories(drawing(gone, FOX), formats.ATI))
    assert (len(early), len(whole)) == (61, 121), "missing points are what ATI takes for invisible"
    assert early == whole[:61]
