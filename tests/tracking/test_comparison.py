from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from moving import moving_square

from tora2.conditions import Entity, PersonalizationConditions
from tora2.errors import TrackingError
from tora2.evaluation.measures import Judges, measure
from tora2.evaluation.networks import load_recognizer, load_watcher
from tora2.evaluation.scenes import make_scene, make_world
from tora2.tracking.comparison import compare, mean_error, numbers, overlay, report
from tora2.trajectories import parse_document, sample

pytest.importorskip("cv2")
SHIFTS = [(10 + 4 * t, 20) for t in range(13)]
VIDEO = moving_square(SHIFTS)


def drawing(right=4.0, **fields):
    """The square's middle, to the right by so many pixels a frame."""
    points = [{"x": 25 / 120, "y": 35 / 80}, {"x": (25 + 12 * right) / 120, "y": 35 / 80}]
    tracks = [{"name": "square", "points": points, **fields}]
    return parse_document({"version": 1, "width": 120, "height": 80, "frames": 13, "tracks": tracks})


def test_what_does_as_asked_has_no_error():
    ((entity,),) = (comparison.entities for comparison in compare(VIDEO, drawing()))
    assert entity.name == "square" and entity.tracker == "points" and entity.followed == 1
    assert entity.l1 < 0.5 and entity.l2 < 0.5


def test_errors_are_mean_distances_over_the_frames():
    """Asked for half the speed: off by 2, 4, ... 24 pixels along x; the frame that it starts in does not count."""
    (comparison,) = compare(VIDEO, drawing(right=2.0))
    (entity,) = comparison.entities
    assert entity.l1 == pytest.approx(13, abs=0.3) and entity.l2 == pytest.approx(13, abs=0.3)
    assert entity.l1_paper == pytest.approx(13 * 720 / 120, abs=2)
    assert mean_error([comparison]) == comparison.l1 == entity.l1
    got = sample(comparison.got(drawing())).pixels(120, 80)[0]
    torch.testing.assert_close(got[:, 0], 25 + 4 * torch.arange(13, dtype=torch.float64), rtol=0, atol=0.5)


def test_only_frames_with_both_count_and_the_share_is_told():
    leaving = moving_square([(70 + 5 * t, 20) for t in range(13)])
    document = drawing(right=0)
    document.tracks[0].points[0].x = document.tracks[0].points[1].x = 85 / 120
    (entity,) = compare(leaving, document)[0].entities
    assert 0.3 < entity.followed < 0.7 and 5 < entity.l1 < 20
    (hidden,) = compare(leaving, replace(document, tracks=[replace(document.tracks[0], end=3)]))[0].entities
    assert hidden.followed == 1 and hidden.l1 == pytest.approx(10, abs=0.5)


def test_tracks_of_one_name_are_one_entity():
    document = drawing()
    document.tracks.append(replace(drawing(right=2.0).tracks[0], color="#00ff00"))
    (comparison,) = compare(VIDEO, document)
    (entity,) = comparison.entities
    assert entity.l1 == pytest.approx(6.5, abs=0.3) and len(comparison.got(document).tracks) == 2


def test_videos_of_a_batch_and_other_speeds():
    first, second = compare(torch.cat([VIDEO, VIDEO.flip(0)]), drawing())
    assert first.l1 < 0.5 < second.l1
    (half,) = compare(VIDEO[::2], drawing())
    assert half.l1 < 0.5 and half.got(drawing()).frames == 13


def test_nothing_followed_is_no_error_of_zero():
    grey = torch.full((13, 80, 120, 3), 0.5)
    comparisons = compare(grey, drawing())
    assert math.isnan(mean_error(comparisons)) and comparisons[0].entities[0].followed == 0
    assert json.loads(numbers(comparisons))["l1"] is None
    row = next(line for line in report(comparisons).splitlines() if line.startswith("square"))
    assert row.split() == ["square", "-", "-", "-", "0%", "points"]
    assert overlay(grey, drawing(), comparisons).shape == grey.shape


def test_report_and_numbers_name_every_entity():
    comparisons = compare(torch.cat([VIDEO, VIDEO]), drawing(right=2.0))
    text = report(comparisons, {"square": "a grey square"})
    assert "video 2: a grey square" in text and "13.0" in text and "100%" in text and "120x80" in text
    data = json.loads(numbers(comparisons))
    assert len(data["videos"]) == 2
    assert data["videos"][0]["entities"]["square"]["l1"] == pytest.approx(13, abs=0.3)


def test_the_overlay_shows_both_paths():
    document = drawing(right=2.0, color="#ff0000")
    document.tracks[0].points[1].y = 75 / 80
    shown = overlay(VIDEO, document, compare(VIDEO, document))[-1]
    asked, got = shown[55, 37], shown[35, 45]
    assert asked[0] > 0.8 and asked[1] < 0.3, "the asked path is drawn in its colour"
    assert got[0] > 0.8 and got[1] > 0.5, "the found one in a light tint"


def test_what_cannot_be_measured_is_said():
    with pytest.raises(TrackingError, match="single picture"):
        compare(VIDEO[:1], drawing())
    with pytest.raises(TrackingError, match="no visible track"):
        compare(VIDEO, drawing(hidden=True))
    with pytest.raises(TrackingError, match="reference picture"):
        compare(VIDEO, drawing(), tracker="appearance")
    seen = torch.rand(1, 96, 96, 3)
    entities = PersonalizationConditions(
        torch.zeros(1, 1, 1),
        torch.ones(1, dtype=torch.bool),
        torch.zeros(1, dtype=torch.bool),
        (Entity("square"),),
        seen,
    )
    with pytest.raises(TrackingError, match="128x128 videos only"):
        compare(VIDEO, drawing(), entities=entities, tracker="appearance")
    assert compare(VIDEO, drawing(), entities=entities)[0].entities[0].tracker == "points"


@pytest.fixture(scope="module")
def scene():
    return make_scene(make_world(None, "heldout_names", 2), 0)


def personalization(scene, given=(True, True)):
    count = len(scene.entities)
    return PersonalizationConditions(
        torch.zeros(count, 1, 1),
        torch.tensor(given),
        torch.zeros(count, dtype=torch.bool),
        scene.entities,
        scene.references.permute(0, 2, 3, 1),
    )


def test_by_appearance_it_is_the_evaluations_traj_error(scene):
    video = scene.true_video()
    (comparison,) = compare(video.permute(0, 2, 3, 1), scene.document, entities=personalization(scene))
    assert {entity.tracker for entity in comparison.entities} == {"appearance"}
    figures = measure(Judges(load_watcher(), load_recognizer()), scene, video, scene.references)
    assert comparison.l1 == pytest.approx(figures["traj_error"], abs=0.01)


def test_entities_without_a_reference_are_followed_by_points(scene):
    video = scene.true_video().permute(0, 2, 3, 1)
    (comparison,) = compare(video, scene.document, entities=personalization(scene, (True, False)))
    assert [entity.tracker for entity in comparison.entities] == ["appearance", "points"]
    (comparison,) = compare(video, scene.document, entities=personalization(scene), tracker="points")
    assert [entity.tracker for entity in comparison.entities] == ["points", "points"]


def test_what_shares_a_track_is_one_row_and_nobodys_picture(scene):
    first, second = scene.entities
    shared = replace(personalization(scene), entities=(first, replace(second, track=first.track_name)))
    video = scene.true_video().permute(0, 2, 3, 1)
    compared = compare(video, scene.document, entities=shared)
    assert [entity.tracker for entity in compared[0].entities] == ["points", "points"]
    assert shared.labels == {first.track_name: f"{first.phrase} + {second.phrase}"}
    assert f"{first.phrase} + {second.phrase}  " in report(compared, shared.labels)
