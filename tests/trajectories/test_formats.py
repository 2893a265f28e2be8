"""Import and export: every format in, every format out, and the way back."""

from __future__ import annotations

import json

import pytest
import torch

from tora2.errors import TrajectoryError
from tora2.trajectories import (
    from_tora_files,
    from_tracks,
    import_trajectories,
    parse_document,
    sample,
    to_coordinates,
    to_tora_txt,
    to_tracks,
)  # fmt: skip

CLIP = {"width": 720, "height": 480, "frames": 49}
FLAT = '[{"x": 72, "y": 48}, {"x": 360, "y": 240}, {"x": 648, "y": 48}]'
PLACES = [[0.1, 0.1], [0.5, 0.5], [0.9, 0.1]]
OTHER = '[{"x": 0, "y": 480}]'


def control_places(track) -> list[list[float]]:
    return [[pytest.approx(point.x), pytest.approx(point.y)] for point in track.points]


ONE_TRACK = {
    "flat": FLAT,
    "flat, single quotes": FLAT.replace('"', "'"),
    "nested": f"[{FLAT}]",
    "deeper": f"[[[{FLAT}]]]",
    "a list of texts": [FLAT],
    "text of a list of texts": json.dumps([FLAT]),
    "Python text of a list of texts": str([FLAT]),
    "objects": json.loads(FLAT),
    "pairs": "[[72, 48], [360, 240], [648, 48]]",
    "nested pairs": "[[[72, 48], [360, 240], [648, 48]]]",
    "tuples": "[(72, 48), (360.0, 240), (648, 48),]",
    "numpy": "[(np.float64(72.0), np.float32(48)), (360, 240), (648, 48)]",
    "more fields": '[{"x": 72, "y": 48, "z": null}, {"x": 360, "y": 240}, {"x": 648, "y": 48}]',
    "empty tracks beside": f"[[], {FLAT}, []]",
    "byte order mark": "\ufeff " + FLAT,
    "Tora": "25.6,25.6\n128, 128\r\n230.4 25.6\n\n",
    "points store": '[{"name": "Spline 1", "points": ' + FLAT + "}]",
}


@pytest.mark.parametrize("value", ONE_TRACK.values(), ids=ONE_TRACK)
def test_one_track_in_every_dress(value):
    document = import_trajectories(value, **CLIP)
    assert len(document.tracks) == 1
    assert control_places(document.tracks[0]) == PLACES
    assert parse_document(document.to_json()) == document


TWO_TRACKS = {
    "nested": f"[{FLAT}, {OTHER}]",
    "texts": [FLAT, OTHER],
    "ten and more texts": [FLAT, OTHER] * 6,  # CogVideoXWrapper reads such a list as one text
    "Python text of texts": str([FLAT, OTHER.replace('"', "'")]),
    "Tora files": ["25.6,25.6\n128,128\n230.4,25.6", "0,256"],
    "Tora in one text": "25.6,25.6\n128,128\n230.4,25.6\n\n0,256",
    "mixed": [FLAT, "0,256"],
}


@pytest.mark.parametrize("value", TWO_TRACKS.values(), ids=TWO_TRACKS)
def test_several_tracks_in_every_dress(value):
    first, second = import_trajectories(value, **CLIP).tracks[:2]
    assert control_places(first) == PLACES
    assert second.kind == "static" and control_places(second) == [[0, 1]]
    assert (first.name, second.name) == ("track 1", "track 2") and first.color != second.color


def test_points_store_of_kjnodes():
    store = [
        {"points": [{"x": 0, "y": 0, "h1x": 3}, {"x": 360, "y": 240}], "color": "#1f77b4", "name": "Spline 1"},
        {"points": [{"x": 720, "y": 480}], "color": "rgb(1,2,3)", "name": "", "isSinglePoint": True},
        {"points": [], "color": "#1f77b4"},
    ]
    curve, still = import_trajectories(json.dumps(store), **CLIP).tracks
    assert (curve.name, curve.color, curve.interpolation, curve.kind) == ("Spline 1", "#1f77b4", "smooth", "path")
    assert [point.frame for point in curve.points] == [None, None]
    assert (still.name, still.kind) == ("track 2", "static") and still.color.startswith("#")


def test_our_own_document_is_fitted():
    text = parse_document({"version": 1, "frames": 9, "note": 1,
                           "tracks": [{"points": [{"x": 0.5, "y": 0.5, "frame": 4}]}]}).to_json()  # fmt: skip
    document = import_trajectories(text, width=64, height=32, frames=17, fps=5)
    assert (document.width, document.height, document.frames, document.fps) == (64, 32, 17, 5)
    assert document.tracks[0].points[0].frame == 8 and document.extra == {"note": 1}


@pytest.mark.parametrize("count", [2, 5, 48, 49, 50, 60, 98, 121, 5000])
def test_any_number_of_points_spans_the_clip(count):
    """60 points in 49 frames: Tora v1 takes the first 49 and never arrives."""
    line = [{"x": 700 * i / (count - 1), "y": 7} for i in range(count)]
    document = import_trajectories([line], **CLIP)
    x = sample(document).pixels(720, 480)[0, :, 0]
    assert torch.allclose(x, torch.linspace(0, 700, 49, dtype=torch.float64), atol=1e-9)
    assert len(document.tracks[0].points) == min(count, 49)


def test_resampling_is_in_time_not_in_length():
    line = [[0, 0]] * 30 + [[600, 0]] * 31  # rests, jumps, rests
    x = sample(import_trajectories([line], **CLIP)).pixels(720, 480)[0, :, 0]
    assert (x[:24] == 0).all() and (x[25:] == 600).all()


def test_a_whole_clip_of_points_comes_back_as_it_was():
    random = torch.Generator().manual_seed(3)
    line = (torch.rand(49, 2, generator=random, dtype=torch.float64) * 400).round(decimals=4).tolist()
    document = import_trajectories([line], **CLIP)
    assert all(isinstance(point.frame, float) and point.frame == i for i, point in enumerate(document.tracks[0].points))
    assert json.loads(to_coordinates(document)) == [[{"x": x, "y": y} for x, y in line]]


def test_one_frame_takes_the_first_point():
    document = import_trajectories(FLAT, width=720, height=480, frames=1)
    assert sample(document).pixels(720, 480)[0].tolist() == [pytest.approx([72, 48])]
    tracks = from_tracks({"track_path": torch.ones(9, 2, 2)}, width=720, height=480, frames=1)
    assert sample(tracks).points.shape == (2, 1, 2)


def test_coordinates_outside_the_canvas_are_fine_up_to_one_canvas():
    document = import_trajectories("[[-720, 960], [1440, -480]]", **CLIP)
    assert [(p.x, p.y) for p in document.tracks[0].points] == [(-1, 2), (2, -1)]
    with pytest.raises(
        TrajectoryError, match=r"Track 2, point 3: \(1441.0, 0.0\) is too far outside the 720x480 canvas"
    ):
        import_trajectories("[[[1, 1]], [[1, 1], [2, 2], [1441, 0]]]", **CLIP)


WRONG = {
    "blank": (" ", "no points"),
    "empty list": ("[[], []]", "no points"),
    "words": ("hello", "Line 1 of the coordinates is 'hello'; it must be JSON or a line like 120,194"),
    "Tora line 2": ("1,2\n3", "Line 2 of the coordinates is '3'"),
    "Tora NaN": ("1,nan", "Line 1"),
    "broken JSON": ('[{"x": 1', "not valid JSON"),
    "unclosed quote": ("['", "not valid JSON"),
    "numbers": ("[1, 2, 3]", "Track 1 of the coordinates is 1; it must be a list of points"),
    "triples": ("[[1, 2, 3]]", "Track 1 of the coordinates is 1"),
    "half a point": ('[{"x": 1, "y": 2}, {"x": 1}]', "Track 1, point 2 is an object of 1"),
    "mixed": ('[{"x": 1, "y": 2}, [[1, 2]]]', "Track 1, point 2 is a list of 1"),
    "text as number": ('[[{"x": 1, "y": 2}], [{"x": "1", "y": 2}]]', "Track 2, point 1: x must be a number, not '1'"),
    "null": ('[{"x": null, "y": 2}]', "x must be a number, not nothing"),
    "NaN": ('[{"x": NaN, "y": 2}]', "NaN, which is no finite number"),
    "overflow": ('[{"x": 1e999, "y": 2}]', "1e999"),
    "giant": ("[[" + "9" * 400 + ", 1], [1, 2]]", "x = a number of 60 digits or more cannot be a pixel position"),
    "an object": ('{"a": 1}', "Track 1 of the coordinates is an object of 1"),
    "a number": (7, "Track 1 of the coordinates is 7"),
    "None": (None, "Track 1 of the coordinates is nothing"),
    "deep": ("[" * 100 + "]" * 100, "nested more than 16"),
    "very deep": ("[" * 100_000, "nested too deeply"),
    "65 tracks": (str([[[1, 2]]] * 65), "more than 64 tracks"),
    "next version": ('{"version": 2}', "version 2"),
    "code": ("__import__('os').system('true')", "Line 1"),
    "code in a list": ("[__import__('os').system('true')]", "not valid JSON"),
}


@pytest.mark.parametrize(("value", "message"), WRONG.values(), ids=WRONG)
def test_wrong_coordinates_are_explained(value, message):
    with pytest.raises(TrajectoryError, match=message) as caught:
        import_trajectories(value, **CLIP)
    assert len(str(caught.value)) < 400 and str(caught.value).endswith(".")


def test_core_tracks_there_and_back():
    document = import_trajectories([FLAT, OTHER], **CLIP)
    tracks = to_tracks(document)
    assert tracks["track_path"].shape == (49, 2, 2) and tracks["track_path"].dtype == torch.float32
    assert tracks["track_visibility"].shape == (49, 2) and tracks["track_visibility"].dtype == torch.bool
    assert torch.equal(to_tracks(from_tracks(tracks, **CLIP))["track_path"], tracks["track_path"])
    assert torch.equal(to_tracks(import_trajectories(tracks, **CLIP))["track_visibility"], tracks["track_visibility"])
    empty = to_tracks(parse_document({"version": 1}))
    assert empty["track_path"].shape == (49, 0, 2)
    assert from_tracks(empty, **CLIP).tracks == []


def test_core_tracks_of_another_length():
    path = torch.linspace(0, 720, 81)[:, None, None].expand(81, 3, 2) * torch.tensor([1.0, 0.5])
    document = from_tracks({"track_path": path}, **CLIP)
    x = sample(document).pixels(720, 480)[..., 0]
    assert torch.allclose(x, torch.linspace(0, 720, 49, dtype=torch.float64).expand(3, 49), atol=1e-4)


def test_vanishing_and_coming_back():
    path = torch.arange(49.0)[:, None, None].expand(49, 2, 2) + 100
    visible = torch.ones(49, 2, dtype=torch.bool)
    visible[10:20, 0] = False
    visible[:, 1] = False
    path = torch.where(visible[..., None], path, torch.nan)  # a point tracker says nothing about what it does not see
    document = from_tracks({"track_path": path, "track_visibility": visible}, **CLIP)
    assert [(track.name, track.start, track.end) for track in document.tracks] == [
        ("track 1", 0, 9),
        ("track 1", 20, 48),
    ]
    sampled = sample(document)
    assert torch.equal(sampled.visible.any(0), visible[:, 0])
    pixels = sampled.pixels(720, 480)
    assert torch.allclose(pixels[0, :10, 0], torch.arange(100.0, 110.0).double())
    assert torch.allclose(pixels[1, 20:, 0], torch.arange(120.0, 149.0).double())


@pytest.mark.parametrize("frames", [9, 13, 97])
def test_visible_stretches_keep_their_part_of_the_clip(frames):
    path = torch.arange(49.0)[:, None, None].expand(49, 1, 2)
    visible = torch.full((49, 1), 0.5)
    visible[13:36] = 0.6
    sampled = sample(
        from_tracks({"track_path": path, "track_visibility": visible}, width=100, height=100, frames=frames)
    )
    at = torch.arange(frames) * 48 / (frames - 1)
    assert torch.equal(sampled.visible[0], (at >= 13) & (at <= 35))
    seen = sampled.visible[0]
    assert torch.allclose(sampled.pixels(100, 100)[0, seen, 0], at[seen].double(), atol=1e-5)


@pytest.mark.parametrize("shape", [(49, 1), (49,), (1, 49, 2)])
def test_shapes_of_visibility(shape):
    document = from_tracks({"track_path": torch.ones(1, 49, 2, 2), "track_visibility": torch.ones(shape)}, **CLIP)
    assert len(document.tracks) == 2 and document.tracks[0].start is None


WRONG_TRACKS = {
    "no dict": ([1], "TRACKS must be an object"),
    "no path": ({"track_visibility": 1}, "TRACKS must be an object"),
    "text": ({"track_path": "abc"}, "track_path must be an array of numbers"),
    "ragged": ({"track_path": [[[1, 2]], [[1]]]}, "track_path must be an array"),
    "shape": ({"track_path": torch.zeros(49, 2)}, r"track_path has shape \[49, 2\]; it must be \[frames, tracks, 2\]"),
    "three numbers": ({"track_path": torch.zeros(49, 2, 3)}, "track_path has shape"),
    "no frames": ({"track_path": torch.zeros(0, 2, 2)}, "track_path has shape"),
    "visibility": (
        {"track_path": torch.zeros(9, 2, 2), "track_visibility": torch.ones(8, 2)},
        r"\[8, 2\], which does not fit",
    ),
    "NaN": ({"track_path": torch.full((9, 2, 2), torch.nan)}, r"Track 1, point 1: \(nan, nan\)"),
    "infinite": ({"track_path": torch.full((9, 2, 2), torch.inf)}, "too far outside"),
    "many": ({"track_path": torch.zeros(9, 65, 2)}, "more than 64 visible"),
}


@pytest.mark.parametrize(("value", "message"), WRONG_TRACKS.values(), ids=WRONG_TRACKS)
def test_wrong_tracks_are_explained(value, message):
    with pytest.raises(TrajectoryError, match=message):
        from_tracks(value, **CLIP)


def test_coordinates_out():
    document = import_trajectories([FLAT, OTHER], **CLIP)
    tracks = json.loads(to_coordinates(document))
    assert [len(track) for track in tracks] == [49, 49]
    assert tracks[0][0] == {"x": 72.0, "y": 48.0} and tracks[0][-1] == {"x": 648.0, "y": 48.0}
    ati = json.loads(to_coordinates(document, count=121, integers=True))
    assert [len(track) for track in ati] == [121, 121]
    assert all(isinstance(value, int) for track in ati for point in track for value in point.values())
    assert ati[0][60] == {"x": 360, "y": 240}
    assert json.loads(to_coordinates(document, count=1))[1] == [{"x": 0, "y": 480}]
    assert to_coordinates(parse_document({"version": 1})) == "[]"


def test_flat_needs_one_track():
    document = import_trajectories([FLAT, OTHER], **CLIP)
    with pytest.raises(TrajectoryError, match="has 2; hide the others"):
        to_coordinates(document, flat=True)
    document.tracks[1].hidden = True
    assert json.loads(to_coordinates(document, flat=True, count=3)) == json.loads(FLAT)
    with pytest.raises(TrajectoryError, match="at least 1"):
        to_coordinates(document, count=0)


def test_tora_txt_out():
    document = import_trajectories([FLAT, "[[-100, 100], [800, 479]]"], **CLIP)
    first, second = ([tuple(map(int, line.split(","))) for line in text.splitlines()] for text in to_tora_txt(document))
    assert len(first) == len(second) == 49
    assert (first[0], first[24], first[-1]) == ((26, 26), (128, 128), (230, 26))
    assert (second[0], second[-1]) == ((0, 53), (255, 255))
    back = import_trajectories(to_tora_txt(document), **CLIP)
    assert (sample(back).points[0] - sample(document).points[0]).abs().max() <= 0.5 / 256 + 1e-9


def test_tora_files(tmp_path):
    (tmp_path / "fox.txt").write_text("10,10\n20,20\n")
    (tmp_path / "hare.txt").write_text("10,10\n")
    document = from_tora_files([tmp_path / "fox.txt", tmp_path / "hare.txt"], **CLIP)
    assert [(track.name, track.kind) for track in document.tracks] == [("fox", "path"), ("hare", "static")]
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    for name in ("bad.txt", "none.txt"):
        with pytest.raises(TrajectoryError, match=f"{name} cannot be read"):
            from_tora_files([tmp_path / name], **CLIP)
