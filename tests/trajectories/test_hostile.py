"""Whatever comes in: a valid result or `TrajectoryError` with one sentence, and nothing else.

300 inputs per test; ``TORA2_HOSTILE_EXAMPLES=10000`` tries that many.
"""

from __future__ import annotations

import copy
import json
import os

import pytest
import torch

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tora2.errors import TrajectoryError  # noqa: E402
from tora2.trajectories import (  # noqa: E402
    from_tracks,
    import_trajectories,
    motion_flow,
    parse_document,
    sample,
    to_coordinates,
    to_tora_txt,
    to_tracks,
)

many = settings(
    max_examples=int(os.environ.get("TORA2_HOSTILE_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

NUMBERS = st.one_of(
    st.integers(-3, 60),
    st.integers(),
    st.floats(-1, 2),
    st.floats(),
    st.sampled_from([10**400, -(10**30), 1e308, 5e-324, -0.0, 2.0000000001, 48.000001]),
)
WORDS = st.sampled_from(
    "version width height frames fps tracks name color kind interpolation points easing start end hidden locked x y frame "
    "track_path track_visibility path static smooth linear ease-in ease-out #fff #1f77b4 1,2 [[1,2]] [{'x':1,'y':2}]".split(" ")
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20), WORDS)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=4),
    ),
    max_leaves=12,
)
PART = st.one_of(st.floats(-1, 2), st.sampled_from([0, 1, 0.5, -1, 2]))
POINTS = st.fixed_dictionaries(
    {"x": PART, "y": PART},
    optional={
        "frame": st.one_of(st.none(), st.integers(0, 48), st.floats(0, 48)),
        "easing": st.sampled_from(["linear", "ease-in", "ease-out", "ease-in-out", None]),
        "note": JUNK,
    },
)
TRACKS = st.fixed_dictionaries(
    {"points": st.lists(POINTS, min_size=1, max_size=7)},
    optional={
        "name": st.text(max_size=8),
        "color": st.sampled_from(["#fff", "#010203", None]),
        "kind": st.sampled_from(["path", "static"]),
        "interpolation": st.sampled_from(["smooth", "linear"]),
        "easing": st.sampled_from(["linear", "ease-in", "ease-out", "ease-in-out"]),
        "start": st.one_of(st.none(), st.integers(0, 20)),
        "end": st.one_of(st.none(), st.integers(20, 48)),
        "hidden": st.booleans(),
        "locked": st.booleans(),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"version": st.just(1), "tracks": st.lists(TRACKS, max_size=4)},
    optional={"width": st.integers(1, 2000), "height": st.integers(1, 2000), "fps": st.floats(1, 60), "other": JUNK},
)
PIXELS = st.one_of(st.floats(-720, 1440), st.integers(-500, 900))
PAIRS = st.one_of(
    st.fixed_dictionaries({"x": PIXELS, "y": PIXELS}),
    st.tuples(PIXELS, PIXELS),
    st.lists(PIXELS, min_size=2, max_size=2),
)
LISTS = st.one_of(
    st.lists(PAIRS, max_size=70),
    st.lists(st.lists(PAIRS, max_size=60), max_size=5),
    st.lists(
        st.fixed_dictionaries(
            {"points": st.lists(PAIRS, max_size=6)}, optional={"name": JUNK, "color": JUNK, "isSinglePoint": st.booleans()}
        ),
        max_size=4,
    ),
)  # fmt: skip
LINES = st.lists(st.tuples(NUMBERS, st.sampled_from([",", ", ", " ", ",,"]), NUMBERS), max_size=60).map(
    lambda rows: "\n".join(f"{x}{comma}{y}" for x, comma, y in rows)
)


@st.composite
def damaged(draw: st.DrawFn, values: st.SearchStrategy) -> object:
    """A valid value with up to three of its parts replaced, removed or doubled."""
    value = copy.deepcopy(draw(values))
    for _ in range(draw(st.integers(0, 3))):
        place, parents = value, []
        while isinstance(place, (dict, list)) and place and (not parents or draw(st.integers(0, 4))):
            keys = sorted(place, key=str) if isinstance(place, dict) else range(len(place))
            key = draw(st.sampled_from(list(keys)))
            parents.append((place, key))
            place = place[key]
        if not parents:
            return draw(JUNK)
        parent, key = parents[-1]
        action = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if action == "replace":
            parent[key] = draw(st.one_of(LEAVES, JUNK))
        elif action == "remove":
            del parent[key]
        elif isinstance(parent, dict):
            parent[draw(WORDS)] = draw(JUNK)
        else:
            parent.insert(key, draw(st.one_of(st.just(place), JUNK)))
    return value


@st.composite
def scratched(draw: st.DrawFn, texts: st.SearchStrategy) -> str:
    """A text with up to three stretches of it replaced."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from([0, 1, 2, 9, 1000])))
        new = draw(
            st.one_of(st.text(max_size=4), st.sampled_from(list("[]{}(),:'\"\\-e.") + ["NaN", "1e999", "[" * 3000]))
        )
        text = text[:begin] + new + text[end:]
    return text


def dumped(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)


def outcome(call, *args, **kwargs):
    """The call's result, or None for the named error; any other exception passes and fails the test."""
    try:
        return call(*args, **kwargs)
    except TrajectoryError as error:
        text = str(error)
        assert text.endswith(".") and "\n" not in text and len(text) < 600
        assert text.isprintable()
        return None


def check(document) -> None:
    """What every document that was let in must be able to do."""
    assert parse_document(document.to_json()) == document
    sampled = sample(document)
    shown = sum(not track.hidden for track in document.tracks)
    assert sampled.points.shape == (shown, document.frames, 2)
    assert sampled.points.isfinite().all()
    assert sample(document, torch.tensor([-1.0, 0.3, 1e9])).points.isfinite().all()
    tracks = to_tracks(document)
    assert tracks["track_path"].isfinite().all()
    assert len(json.loads(to_coordinates(document, count=3, integers=True))) == shown
    assert len(to_tora_txt(document)) == shown
    assert motion_flow(sampled.pixels(24, 16)[:, :4], sampled.visible[:, :4], 16, 24, 2.0, 9).isfinite().all()
    again = document.fitted(frames=7)
    assert parse_document(again.to_json()) == again


@many
@given(DOCUMENTS)
def test_random_documents(value):
    document = outcome(parse_document, value, frames=49)
    if document is not None:
        check(document)


@many
@given(damaged(DOCUMENTS))
@example({"version": 1, "frames": 1, "tracks": [{"points": [{"x": 0, "y": 0}, {"x": 1, "y": 0, "frame": 0}]}]})
@example({"version": 1, "tracks": [{"name": "\ud800", "kind": "\ud800", "points": [{"x": 0, "y": 0}]}]})
def test_damaged_documents(value):
    document = outcome(parse_document, value)
    if document is not None and document.frames < 1000:
        check(document)


@many
@given(scratched(DOCUMENTS.map(dumped)))
def test_scratched_document_texts(text):
    document = outcome(parse_document, text)
    if document is not None and document.frames < 1000:
        check(document)


@many
@given(st.one_of(JUNK, JUNK.map(dumped), st.text()))
def test_junk_as_a_document(value):
    outcome(parse_document, value)


def imported(value) -> None:
    document = outcome(import_trajectories, value, width=720, height=480, frames=49)
    if document is not None:
        assert (document.width, document.height, document.frames) == (720, 480, 49)
        check(document)


@many
@given(damaged(LISTS))
def test_damaged_lists(value):
    imported(value)


@many
@given(scratched(st.one_of(LISTS.map(dumped), LISTS.map(repr), LISTS.map(lambda value: repr([dumped(value)])))))
@example("'\\")
@example("['" + "\\'" * 5000)
def test_scratched_list_texts(text):
    imported(text)


@many
@given(scratched(LINES))
def test_scratched_tora_lines(text):
    imported(text)


@many
@given(
    st.one_of(JUNK, JUNK.map(dumped), JUNK.map(repr), st.text(), st.lists(st.text(), max_size=3), damaged(DOCUMENTS))
)
def test_junk_as_coordinates(value):
    imported(value)


SHAPES = st.lists(st.integers(0, 5), max_size=4)


@st.composite
def arrays(draw: st.DrawFn) -> torch.Tensor:
    frames, count = draw(st.integers(1, 70)), draw(st.integers(0, 4))
    shape = draw(st.one_of(st.just([frames, count, 2]), SHAPES))
    values = torch.rand(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))) * 720
    for _ in range(draw(st.integers(0, 2)) if values.numel() else 0):
        values.view(-1)[draw(st.integers(0, values.numel() - 1))] = draw(st.floats(width=32))
    return values.to(draw(st.sampled_from([torch.float32, torch.float16, torch.float64, torch.int32, torch.bool])))


@many
@given(st.one_of(arrays(), JUNK), st.data())
def test_core_tracks(path, data):
    tracks = {"track_path": path}
    if data.draw(st.booleans()):
        if isinstance(path, torch.Tensor) and path.ndim == 3:
            shape = data.draw(st.sampled_from([path.shape[:2], (len(path), 1), (len(path),)]))
            seed = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
            tracks["track_visibility"] = torch.rand(shape, generator=seed) < data.draw(st.sampled_from([0.1, 0.9, 1.0]))
        else:
            tracks["track_visibility"] = data.draw(st.one_of(arrays(), JUNK))
    frames = data.draw(st.sampled_from([1, 2, 17, 49, 121]))
    document = outcome(from_tracks, tracks, width=720, height=480, frames=frames)
    if document is not None:
        check(document)


@many
@given(TRACKS)
def test_keys_are_met(track):
    document = outcome(parse_document, {"version": 1, "tracks": [{**track, "kind": "path", "hidden": False}]})
    if document is None:
        return
    for point in document.tracks[0].points:
        if point.frame is not None:
            place = sample(document, torch.tensor([point.frame], dtype=torch.float64)).points[0, 0].tolist()
            assert place == pytest.approx([point.x, point.y], abs=1e-6)
