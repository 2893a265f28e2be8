"""The document: round trips, defaults, and one clear sentence for everything that is wrong with one."""

from __future__ import annotations

import json

import pytest

from tora2.errors import TrajectoryError
from tora2.trajectories import MAX_POINTS, MAX_TRACKS, Point, Track, TrajectoryDocument, parse_document, sample

POINT = {"x": 0.5, "y": 0.5}


def with_track(**fields) -> dict:
    return {"version": 1, "tracks": [{"name": "fox", "points": [POINT], **fields}]}


def with_points(*points, **fields) -> dict:
    return with_track(points=list(points), **fields)


def test_defaults():
    document = parse_document(
        '{"version": 1, "tracks": [{"points": [{"x": 0, "y": 1}]}, {"name": " ", "points": [{"x": 0, "y": 1}]}]}'
    )
    assert (document.width, document.height, document.frames, document.fps) == (720, 480, 49, 8.0)
    first, second = document.tracks
    assert (first.name, second.name) == ("track 1", "track 2")
    assert (first.kind, first.interpolation, first.easing, first.hidden, first.locked) == (
        "path", "smooth", "linear", False, False
    )  # fmt: skip
    assert first.color != second.color
    assert first.points == [Point(0.0, 1.0)]


def test_unknown_fields_survive_at_every_level():
    data = with_points({**POINT, "frame": 3, "tension": 0.5, "none": None}, layer={"a": [1, {"b": None}]})
    data |= {"editor": {"zoom": 1.5}, "x": None}
    document = parse_document(json.dumps(data))
    assert document.extra == {"editor": {"zoom": 1.5}, "x": None}
    assert document.tracks[0].extra == {"layer": {"a": [1, {"b": None}]}}
    assert document.tracks[0].points[0].extra == {"tension": 0.5, "none": None}
    written = json.loads(document.to_json())
    assert written["editor"] == {"zoom": 1.5} and written["x"] is None
    assert written["tracks"][0]["layer"] == data["tracks"][0]["layer"]
    assert written["tracks"][0]["points"][0] == {**POINT, "frame": 3, "tension": 0.5, "none": None}
    assert parse_document(document.to_json()) == document


def test_round_trip_of_everything():
    document = TrajectoryDocument(
        128, 96, 17, 12.5,
        [
            Track([Point(-1, 2, 0, "ease-in"), Point(0.3, 0.1), Point(0.25, 0.5, 12.5)], "\u72d0\u72f8 \U0001f98a",
                  "#abc", "path", "linear", "ease-in-out", 1, 15.5, True, True),
            Track([Point(0.5, 0.5)], kind="static"),
        ],
    )  # fmt: skip
    assert parse_document(document.to_json()) == document


def test_what_was_read_is_not_shared_with_the_caller():
    data = with_track(note=[1])
    document = parse_document(data)
    data["tracks"][0]["note"].append(2)
    assert document.tracks[0].extra == {"note": [1]}
    assert data["tracks"][0]["name"] == "fox"


def test_null_counts_as_left_out():
    document = parse_document(with_points({**POINT, "frame": None, "easing": None}, start=None, end=None, easing=None))
    assert document.tracks[0] == Track([Point(0.5, 0.5)], "fox")


def test_byte_order_mark():
    assert parse_document("\ufeff" + json.dumps(with_track())).tracks


def test_blank_text_is_an_empty_drawing_only_with_a_canvas():
    with pytest.raises(TrajectoryError, match="empty; draw"):
        parse_document("  \n")
    document = parse_document("", width=64, height=32, frames=9, fps=4)
    assert document == TrajectoryDocument(64, 32, 9, 4.0)
    assert sample(document).points.shape == (0, 9, 2)


def test_callers_canvas_stands_in_for_what_is_not_said():
    document = parse_document({"version": 1, "width": 100}, width=64, height=32, frames=9)
    assert (document.width, document.height, document.frames) == (100, 32, 9)


def test_fitted_keeps_parts_of_canvas_and_clip():
    document = parse_document(with_points(POINT, {"x": 1, "y": 0, "frame": 24}, POINT, start=12, end=48))
    other = document.fitted(width=100, height=50, frames=17, fps=24)
    assert (other.width, other.height, other.frames, other.fps) == (100, 50, 17, 24)
    assert (other.tracks[0].start, other.tracks[0].end, other.tracks[0].points[1].frame) == (4, 16, 8)
    assert document.tracks[0].points[1].frame == 24
    assert document.fitted() == document
    for frames in (1, 2, 50, 1000):
        fitted = document.fitted(frames=frames)
        assert parse_document(fitted.to_json()) == fitted
    assert parse_document(document.fitted(frames=1).fitted(frames=49).to_json()).frames == 49


WRONG = {
    "not JSON": ("{", "not valid JSON"),
    "no object": ("[1]", "must be a JSON object"),
    "no text": (17, "but this is a int"),
    "no version": ({"tracks": []}, 'no "version"'),
    "next version": ({"version": 2}, "version 2, but this pack reads version 1"),
    "true version": ({"version": True}, "version true"),
    "NaN": ('{"version": 1, "note": NaN}', "NaN"),
    "Infinity": ('{"version": 1, "width": Infinity}', "Infinity"),
    "NaN in an object": ({"version": 1, "fps": float("nan")}, "JSON cannot"),
    "overflow": ('{"version": 1, "note": 1e999}', "1e999"),
    "huge integer": ('{"version": 1, "note": ' + "9" * 5000 + "}", "thousands of digits"),
    "large integer": ('{"version": 1, "width": ' + "9" * 100 + "}", "width = a number of 60 digits or more"),
    "nesting": ("[" * 200_000, "nested too deeply"),
    "nested extra": ('{"version": 1, "note": ' + "[" * 60 + "]" * 60 + "}", "'note' is nested"),
    "width": ({"version": 1, "width": 0}, "width = 0 must be within 1"),
    "half a pixel": ({"version": 1, "height": 10.5}, "height = 10.5 must be a whole number"),
    "frames as text": ({"version": 1, "frames": "49"}, "frames must be a number, not '49'"),
    "fps": ({"version": 1, "fps": -8}, "fps = -8"),
    "tracks": ({"version": 1, "tracks": {}}, '"tracks" must be a list of tracks, not an empty object'),
    "65 tracks": ({"version": 1, "tracks": [{"points": [POINT]}] * (MAX_TRACKS + 1)}, "65 tracks; at most 64"),
    "track": ({"version": 1, "tracks": [3]}, 'Track 1 must be an object with "points", not 3'),
    "name": (with_track(name=["a"]), "Track 1: its name must be text, not a list of 1"),
    "long name": (with_track(name="x" * 10_000), "name has 10000 characters; shorten"),
    "color": (with_track(color="red"), r"Track 1 \('fox'\): its color must look like"),
    "points": (with_track(points="abc"), "points must be a list, not 'abc'"),
    "no points": (with_track(points=[]), "has no points; draw at least one or delete"),
    "4097 points": (with_track(points=[POINT] * (MAX_POINTS + 1)), "4097 points; at most 4,096"),
    "point": (with_points([1, 2]), r"Track 1 \('fox'\), point 1 must be an object with \"x\" and \"y\""),
    "no y": (with_points(POINT, {"x": 1}), "point 2: y must be a number, not nothing"),
    "x as text": (with_points({"x": "0.5", "y": 0}), "point 1: x must be a number, not '0.5'"),
    "x true": (with_points({"x": True, "y": 0}), "x must be a number, not true"),
    "x outside": (with_points({"x": 2.01, "y": 0}), r"x = 2.01 is too far outside the canvas; it must be"),
    "key outside": (with_points({**POINT, "frame": 49}), r"frame 49 is not in the clip; choose one within 0\.\.48"),
    "key before": (with_points({**POINT, "frame": -1}), "frame -1 is not in the clip"),
    "key as text": (with_points({**POINT, "frame": "7"}), "must be a frame number, not '7'"),
    "same key": (with_points({**POINT, "frame": 7}, POINT, {**POINT, "frame": 7}),
                 "point 3: its key at frame 7 has the same frame as the key of point 1"),
    "falling keys": (with_points({**POINT, "frame": 9}, {**POINT, "frame": 7}),
                     "frame 7 comes before the key of point 1"),
    "no time before": (with_points(POINT, {**POINT, "frame": 0}), "point 2: a key at frame 0 leaves no time"),
    "no time after": (with_points({**POINT, "frame": 48}, POINT), "point 1: a key at the last frame"),
    "kind": (with_track(kind="spiral"), "its kind is 'spiral'; choose one of path, static"),
    "interpolation": (with_track(interpolation=1), "interpolation is 1; choose one of smooth, linear"),
    "easing": (with_track(easing="bounce"), "easing is 'bounce'; choose one of linear, ease-in"),
    "easing of a point": (with_points({**POINT, "easing": "x"}), "point 1: its easing is 'x'"),
    "start": (with_track(start=50), "its start 50 is not in the clip"),
    "end before start": (with_track(start=9, end=3), "starts at frame 9 but ends before, at 3"),
    "hidden": (with_track(hidden=1), '"hidden" must be true or false, not 1'),
    "locked": (with_track(locked="no"), '"locked" must be true or false'),
    "circular": ((lambda d: d.update(d=d) or d)({"version": 1}), "JSON cannot"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_wrong_documents_are_explained(data, message):
    with pytest.raises(TrajectoryError, match=message) as caught:
        parse_document(data)
    text = str(caught.value)
    assert len(text) < 400 and text.endswith(".") and "\n" not in text


def test_second_track_is_named():
    with pytest.raises(TrajectoryError, match=r"Track 2 \('hare'\), point 3: x"):
        parse_document({"version": 1, "tracks": [{"points": [POINT]},
                        {"name": "hare", "points": [POINT, POINT, {"x": 9, "y": 0}]}]})  # fmt: skip


def test_fitted_times_hit_whole_frames():
    """Times that are whole frames on the other clip, too, or a track would miss its first or last one."""
    lengths = range(9, 122, 8)
    for old in lengths:
        document = TrajectoryDocument(
            frames=old, tracks=[Track([Point(0.5, 0.5)], end=float(time)) for time in range(old)]
        )
        for new in lengths:
            for time, track in enumerate(document.fitted(frames=new).tracks):
                if time * (new - 1) % (old - 1) == 0:
                    assert track.end == time * (new - 1) // (old - 1)
