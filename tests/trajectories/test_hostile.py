"""Whatever comes in: a valid result or `TrajectoryError` with one sentence, and nothing else.

Hypothesis draws one number per input and shows it when an input fails; the inputs themselves are built from it by plain
functions, ten times as fast as drawing every part. 200 inputs a test; ``TORA2_HOSTILE_EXAMPLES=10000`` tries that many.
"""

from __future__ import annotations

import json
import math
import os
import random

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

EXAMPLES = int(os.environ.get("TORA2_HOSTILE_EXAMPLES", "200"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
dice = st.integers(0, 2**63).map(random.Random)

EASINGS = ["linear", "ease-in", "ease-out", "ease-in-out"]
WORDS = (
    "version width height frames fps tracks name color kind interpolation points easing start end hidden locked x y "
    "frame track_path track_visibility path static smooth linear ease-in #fff #1f77b4 1,2 [[1,2]] {'x':1,'y':2}"
).split()
NUMBERS = [0, 1, -1, 2, 3, 48, 49, 0.5, 2.0000000001, 48.000001, -0.0, 5e-324, 1e308, 1e999, -1e999, math.nan, 10**18,
           10**400, -(10**30), 10**5000, True, False]  # fmt: skip
TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "\n",
    "\u2028",
    "\u202e",
    "\u72d0\u72f8",
    "\ufeff",
    "NaN",
    "'",
    '"',
    "\\",
    "x" * 300,
    "1_0",
]


def number(r: random.Random):
    return r.choice([r.choice(NUMBERS), r.randint(-3, 60), r.uniform(-1, 2), r.uniform(-1e4, 1e4), r.choice(NUMBERS)])


def junk(r: random.Random, depth: int = 0):
    kind = r.randrange(9 if depth < 4 else 6)
    if kind < 3:
        return number(r)
    if kind < 6:
        return r.choice([None, r.choice(WORDS), r.choice(TEXTS), "".join(r.choices(WORDS + TEXTS, k=3))])
    if kind == 6:
        return {r.choice(WORDS + TEXTS): junk(r, depth + 1) for _ in range(r.randrange(4))}
    if kind == 7:
        return [junk(r, depth + 1) for _ in range(r.randrange(4))]
    value = junk(r, depth + 1)
    for _ in range(r.choice([1, 2, 20, 40])):
        value = [value]
    return value


def some(r: random.Random, **fields) -> dict:
    """Each field with a chance of one half."""
    return {key: value for key, value in fields.items() if r.random() < 0.5}


def track(r: random.Random) -> dict:
    points = [{"x": r.uniform(-1, 2), "y": r.choice([0, 1, -1, 2, 0.5, r.random()])} for _ in range(r.randint(1, 9))]
    for point in points:
        if r.random() < 0.2:
            point.update(r.choice(points))  # coincident points
    count = r.randrange(len(points) + 1)
    frames = sorted(r.sample(range(49), count)) if r.random() < 0.7 else sorted(r.uniform(0, 48) for _ in range(count))
    for index, frame in zip(sorted(r.sample(range(len(points)), count)), frames, strict=True):
        points[index] |= {"frame": frame, **some(r, easing=r.choice([*EASINGS, None]))}
    start, end = sorted([r.uniform(0, 48), r.randint(0, 48)])
    look = some(r, kind=r.choice(["path", "static"]), interpolation=r.choice(["smooth", "linear"]), hidden=False)
    look |= some(r, name=r.choice([*TEXTS, "fox"])[:200], color=r.choice(["#fff", "#010203", None]), locked=True)
    return {"points": points} | look | some(r, easing=r.choice(EASINGS), start=start, end=end, note={"a": [None]})


def document(r: random.Random) -> dict:
    return {"version": 1, "tracks": [track(r) for _ in range(r.randrange(4))]} | some(
        r, width=r.randint(1, 2000), height=r.randint(1, 2000), fps=r.uniform(1, 60), other=r.choice([1, "a", [None]])
    )


def pairs(r: random.Random) -> list:
    dress = r.choice([lambda x, y: {"x": x, "y": y}, lambda x, y: [x, y], lambda x, y: (x, y)])
    reach = r.choice([(0, 480), (-480, 960)])
    digits = r.choice([None, 3, 17])
    return [dress(*(round(r.uniform(*reach), digits) for _ in "xy")) for _ in range(r.choice([0, 1, 2, 5, 49, 60]))]


def lists(r: random.Random):
    kind = r.randrange(4)
    if kind == 0:
        return pairs(r)
    if kind == 1:
        return [pairs(r) for _ in range(r.randrange(5))]
    if kind == 2:
        return [dumped(pairs(r)) for _ in range(r.randrange(5))]
    store = [{"points": pairs(r)[:6]} for _ in range(r.randrange(4))]
    return [spline | some(r, name=junk(r), color=junk(r), isSinglePoint=True) for spline in store]


def damage(r: random.Random, value):
    """Up to three parts of ``value`` replaced, removed or doubled."""
    for _ in range(r.randrange(4)):
        place, parent, key = value, None, None
        while isinstance(place, (dict, list)) and place and (parent is None or r.random() < 0.8):
            key = r.choice(list(place)) if isinstance(place, dict) else r.randrange(len(place))
            parent, place = place, place[key]
        action = r.randrange(4)
        if parent is None:
            return junk(r)
        if action < 2:
            parent[key] = junk(r)
        elif action == 2:
            del parent[key]
        elif isinstance(parent, dict):
            parent[r.choice(WORDS)] = junk(r)
        else:
            parent.insert(key, r.choice([place, junk(r)]))
    return value


def scratch(r: random.Random, text: str) -> str:
    """Up to three stretches of ``text`` replaced."""
    for _ in range(r.randrange(4)):
        begin = r.randint(0, len(text))
        end = begin + r.choice([0, 1, 2, 9, 1000])
        new = r.choice([*"[]{}(),:'\"\\-e.0", *TEXTS, "NaN", "1e999", "[" * 3000, "9" * 5000, "null", ", ,"])
        text = text[:begin] + new + text[end:]
    return text


def dumped(value) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return printed(value)


def printed(value) -> str:
    try:
        return repr(value)
    except ValueError:  # numbers of more digits than Python prints
        return ""


def outcome(call, *args, **kwargs):
    """The call's result, or None for the named error; any other exception fails the test."""
    try:
        return call(*args, **kwargs)
    except TrajectoryError as error:
        text = str(error)
        assert text.endswith(".") and len(text) < 600 and text.isprintable()
        return None


def check(document) -> None:
    """What every document that was let in must be able to do."""
    if document is None or document.frames > 1000:
        return
    assert parse_document(document.to_json()) == document
    sampled = sample(document)
    shown = sum(not track.hidden for track in document.tracks)
    assert sampled.points.shape == (shown, document.frames, 2)
    assert sampled.points.isfinite().all()
    assert sample(document, torch.tensor([-1.0, 0.3, 1e9])).points.isfinite().all()
    assert to_tracks(document)["track_path"].isfinite().all()
    assert len(json.loads(to_coordinates(document, count=3, integers=True))) == shown
    assert len(to_tora_txt(document)) == shown
    seen = sampled.visible[:4, :9]
    assert motion_flow(sampled.pixels(24, 16)[:4, :9], seen, 16, 24, 2.0, 9).isfinite().all()
    again = document.fitted(frames=7)
    assert parse_document(again.to_json()) == again


@many
@given(dice)
def test_documents(r):
    check(outcome(parse_document, document(r)))


def test_inputs_are_neither_all_good_nor_all_bad():
    good = [outcome(parse_document, damage(r, document(r))) is not None for r in map(random.Random, range(200))]
    assert 40 < sum(good) < 160
    good = [outcome(import_trajectories, damage(r, lists(r)), width=720, height=480, frames=49) is not None
            for r in map(random.Random, range(200))]  # fmt: skip
    assert 40 < sum(good) < 160


@many
@given(dice)
def test_damaged_documents(r):
    value = damage(r, document(r))
    check(outcome(parse_document, value))
    check(outcome(parse_document, dumped(value)))


@many
@given(dice)
def test_scratched_document_texts(r):
    check(outcome(parse_document, scratch(r, dumped(document(r)))))


@many
@given(dice)
def test_junk_as_a_document(r):
    value = junk(r)
    outcome(parse_document, r.choice([value, dumped(value), printed(value)]))


@many
@given(st.text())
@example("\ud800")
def test_any_text_as_a_document(text):
    outcome(parse_document, text)


def imported(value) -> None:
    document = outcome(import_trajectories, value, width=720, height=480, frames=49)
    if document is not None:
        assert (document.width, document.height, document.frames) == (720, 480, 49)
        check(document)


@many
@given(dice)
def test_damaged_lists(r):
    imported(damage(r, r.choice([lists, document])(r)))


@many
@given(dice)
def test_scratched_list_texts(r):
    value = lists(r)
    imported(scratch(r, r.choice([dumped(value), printed(value), printed([dumped(value)])])))


@many
@given(dice)
def test_scratched_tora_lines(r):
    lines = [f"{r.randint(0, 255)}{r.choice([',', ', ', ' '])}{r.uniform(0, 255)}" for _ in range(r.randrange(60))]
    if lines and r.random() < 0.3:
        lines[r.randrange(len(lines))] = f"{dumped(number(r))[:30]},{r.choice(TEXTS)}" if r.random() < 0.5 else ""
    imported(scratch(r, "\n".join(lines)))


@many
@given(dice)
def test_junk_as_coordinates(r):
    value = junk(r)
    imported(r.choice([value, dumped(value), printed(value)]))


@many
@given(st.one_of(st.text(), st.text("[](){}'\"\\,:.-+eE0123456789xyNaTruFlsn \n")))
@example("'\\")
@example("['" + "\\'" * 5000)
@example('["' + '\\"' * 5000)
@example("(" * 100_000)
def test_any_text_as_coordinates(text):
    imported(text)


def array(r: random.Random, shape: list[int]) -> torch.Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(r.randrange(1000))) * r.choice([1, 480])
    for _ in range(r.randrange(3) if values.numel() else 0):
        values.view(-1)[r.randrange(values.numel())] = r.choice([math.nan, math.inf, -math.inf, -3e38, -500, 1440.1])
    kind = r.choice([torch.float32, torch.float32, torch.float16, torch.float64, torch.int32, torch.bool])
    return values.nan_to_num(0, 9e4, -9e4).to(kind) if kind in (torch.int32, torch.bool) else values.to(kind)


@many
@given(dice)
def test_core_tracks(r):
    frames, count = r.randint(1, 70), r.randrange(5)
    any_shape = [r.randrange(4) for _ in range(r.randrange(5))]
    path = array(r, r.choice([[frames, count, 2], [frames, count, 2], [1, frames, count, 2], any_shape]))
    tracks = {"track_path": r.choice([path, path, path, path.tolist(), junk(r)])}
    if r.random() < 0.8:
        seed = torch.Generator().manual_seed(r.randrange(1000))
        shape = r.choice([[frames, count], [frames, 1], [frames], any_shape])
        tracks["track_visibility"] = r.choice([torch.rand(shape, generator=seed) < r.choice([0.1, 0.9, 1.0]),
                                               array(r, shape), junk(r)])  # fmt: skip
    clip = r.choice([1, 2, 17, 49, 121])
    check(outcome(from_tracks, tracks, width=720, height=480, frames=clip))


@many
@given(dice)
def test_keys_are_met(r):
    value = {"version": 1, "tracks": [{**track(r), "kind": "path", "hidden": False}]}
    read = outcome(parse_document, value)
    for point in read.tracks[0].points if read else ():
        if point.frame is not None:
            place = sample(read, torch.tensor([point.frame], dtype=torch.float64)).points[0, 0].tolist()
            assert place == pytest.approx([point.x, point.y], abs=1e-6)
