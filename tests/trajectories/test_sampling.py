"""Sampling in time: the shared vectors, an independent reading of the method, and what a user expects."""

from __future__ import annotations

import bisect
import json
import math
from pathlib import Path

import pytest
import torch

from tora2.trajectories import parse_document, sample

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


def document(*tracks: dict, **fields):
    return parse_document({"version": 1, "tracks": list(tracks), **fields})


def path(*points: tuple, **fields) -> dict:
    return {"points": [dict(zip(("x", "y", "frame", "easing"), p, strict=False)) for p in points], **fields}


# An independent reading of geometry.py's and sampling.py's recipes, in plain loops: the shape a port takes. The spline
# is evaluated by Barry and Goldman's pyramid instead of the Hermite form.


def plain_position(track: dict, size: tuple[int, int], frames: int, time: float) -> tuple[float, float]:
    width, height = size
    points = [(p["x"] * width, p["y"] * height) for p in track["points"]]
    if track.get("kind") == "static":
        return points[0][0] / width, points[0][1] / height
    keys = [(i, p["frame"]) for i, p in enumerate(track["points"]) if p.get("frame") is not None]
    if frames == 1:
        x, y = points[keys[0][0] if keys else 0]
        return x / width, y / height
    if not keys or keys[0][0] > 0:
        keys.insert(0, (0, 0))
    if keys[-1][0] < len(points) - 1:
        keys.append((len(points) - 1, frames - 1))
    knots, knot_of = [points[0]], []
    for point in points:
        if math.dist(point, knots[-1]) >= 1e-9:
            knots.append(point)
        knot_of.append(len(knots) - 1)
    smooth = track.get("interpolation", "smooth") == "smooth" and len(knots) > 2
    cuts = 32 if smooth else 1

    def at(segment: int, u: float) -> tuple[float, float]:
        q, r = knots[segment], knots[segment + 1]
        if not smooth:
            return q[0] + u * (r[0] - q[0]), q[1] + u * (r[1] - q[1])
        p = knots[segment - 1] if segment else (2 * q[0] - r[0], 2 * q[1] - r[1])
        s = knots[segment + 2] if segment + 2 < len(knots) else (2 * r[0] - q[0], 2 * r[1] - q[1])
        t0 = 0.0
        t1 = t0 + math.dist(p, q) ** 0.5
        t2 = t1 + math.dist(q, r) ** 0.5
        t3 = t2 + math.dist(r, s) ** 0.5
        t = t1 + u * (t2 - t1)

        def mix(a, b, ta, tb):
            return tuple(((tb - t) * m + (t - ta) * n) / (tb - ta) for m, n in zip(a, b, strict=True))

        a1, a2, a3 = mix(p, q, t0, t1), mix(q, r, t1, t2), mix(r, s, t2, t3)
        return mix(mix(a1, a2, t0, t2), mix(a2, a3, t1, t3), t1, t2)

    table = [0.0]
    for segment in range(len(knots) - 1):
        for j in range(cuts):
            table.append(table[-1] + math.dist(at(segment, j / cuts), at(segment, (j + 1) / cuts)))
    if time <= keys[0][1]:
        length = table[knot_of[keys[0][0]] * cuts]
    elif time >= keys[-1][1]:
        length = table[knot_of[keys[-1][0]] * cuts]
    else:
        k = max(k for k in range(len(keys) - 1) if keys[k][1] <= time)
        (i, f), (j, g) = keys[k], keys[k + 1]
        progress = (time - f) / (g - f)
        easing = track["points"][i].get("easing") or track.get("easing", "linear")
        eased = {
            "linear": progress,
            "ease-in": progress**2,
            "ease-out": progress * (2 - progress),
            "ease-in-out": 2 * progress**2 if progress <= 0.5 else 1 - 2 * (1 - progress) ** 2,
        }[easing]
        first, last = table[knot_of[i] * cuts], table[knot_of[j] * cuts]
        length = first + eased * (last - first)
    if len(knots) == 1:
        return knots[0][0] / width, knots[0][1] / height
    index = min(bisect.bisect_right(table, length) - 1, len(table) - 2)
    chord = table[index + 1] - table[index]
    u = (index % cuts + ((length - table[index]) / chord if chord > 0 else 0)) / cuts
    x, y = at(index // cuts, u)
    return x / width, y / height


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case):
    sampled = sample(parse_document(case["document"]), torch.tensor(case["times"], dtype=torch.float64))
    expected = torch.tensor(case["points"], dtype=torch.float64).reshape(sampled.points.shape)
    assert torch.allclose(sampled.points, expected, rtol=0, atol=1e-9)
    assert sampled.visible.tolist() == case["visible"]
    assert list(sampled.names) == case["names"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors_follow_the_plain_reading(case):
    doc = case["document"]
    size, frames = (doc.get("width", 720), doc.get("height", 480)), doc.get("frames", 49)
    tracks = [track for track in doc["tracks"] if not track.get("hidden")]
    for track, points, visible in zip(tracks, case["points"], case["visible"], strict=True):
        for time, point, seen in zip(case["times"], points, visible, strict=True):
            x, y = plain_position(track, size, frames, time)
            assert (x, y) == pytest.approx(point, abs=1e-9)
            inside = -1e-9 <= x <= 1 + 1e-9 and -1e-9 <= y <= 1 + 1e-9
            assert seen == (inside and track.get("start", -1e9) <= time <= track.get("end", 1e9))


def test_vectors_cover_the_method():
    text = json.dumps(VECTORS)
    for word in ("static", "linear", "ease-in-out", "frame", "start", "hidden"):
        assert word in text
    assert len(VECTORS) >= 20


def test_keys_are_met_exactly():
    points = [(0.1, 0.1), (0.2, 0.7, 7), (0.6, 0.6), (0.9, 0.2, 31), (0.4, 0.4)]
    sampled = sample(document(path(*points, easing="ease-in-out")), torch.tensor([0, 7, 31, 48]))
    expected = torch.tensor([p[:2] for p in (points[0], points[1], points[3], points[4])], dtype=torch.float64)
    assert torch.allclose(sampled.points[0], expected, atol=1e-12)


def test_speed_is_even_along_a_smooth_path():
    sampled = sample(document(path((0.1, 0.1), (0.15, 0.8), (0.8, 0.9), (0.9, 0.1)), frames=200))
    steps = sampled.pixels(720, 480)[0].diff(dim=0).norm(dim=-1)
    assert steps.std() / steps.mean() < 0.01


def test_arc_length_is_measured_in_pixels():
    square, tall = path((0, 0), (1, 0), (1, 1), interpolation="linear"), {"frames": 3}
    assert sample(document(square, width=100, height=100, **tall)).points[0, 1].tolist() == [1, 0]
    assert sample(document(square, width=100, height=300, **tall)).points[0, 1].tolist() == pytest.approx([1, 1 / 3])


def test_curve_stays_near_its_points():
    """Centripetal parametrisation: no loops where points lie close together (uniform Catmull-Rom would overshoot)."""
    sampled = sample(document(path((0.1, 0.5), (0.5, 0.5), (0.501, 0.51), (0.501, 0.9)), frames=400))
    x, y = sampled.points[0].unbind(-1)
    assert x.max() < 0.503 and y.min() > 0.485


def test_easing_changes_timing_not_place():
    slow = sample(document(path((0, 0.5), (1, 0.5), easing="ease-in"), frames=5)).points[0, :, 0]
    assert slow.tolist() == pytest.approx([0, 1 / 16, 4 / 16, 9 / 16, 1])
    per_point = document(path((0, 0.5, None, "ease-out"), (1, 0.5), easing="ease-in"), frames=5)
    assert sample(per_point).points[0, :, 0].tolist() == pytest.approx([0, 7 / 16, 12 / 16, 15 / 16, 1])


def test_start_and_end_hide_but_do_not_retime():
    whole, part = sample(document(path((0, 0.5), (1, 0.5)), path((0, 0.5), (1, 0.5), start=10, end=20))).points
    assert torch.equal(whole, part)


def test_hidden_tracks_are_left_out_and_pixels_scale():
    sampled = sample(document(path((0.5, 0.25), name="a", hidden=True), path((0.5, 0.25), name="b", color="#123456")))
    assert sampled.names == ("b",) and sampled.colors == ("#123456",)
    assert sampled.pixels(720, 480)[0, 0].tolist() == [360, 120]
    assert sample(document()).points.shape == (0, 49, 2)


def test_many_points_stay_fast_and_finite():
    points = [{"x": 0.5 + 0.4 * math.cos(i / 9), "y": 0.5 + 0.4 * math.sin(i / 7)} for i in range(4096)]
    sampled = sample(document({"points": points}))
    assert sampled.points.isfinite().all()
    assert sampled.points[0, -1].tolist() == pytest.approx([points[-1]["x"], points[-1]["y"]], abs=1e-9)
