"""Python and the editor read, write and sample the same: shared vectors, and documents made by chance."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
from pathlib import Path

import pytest
import torch
from node import find_node

from tora2.errors import TrajectoryError
from tora2.trajectories import parse_document, sample

HERE = Path(__file__).parent
EASINGS = ["linear", "ease-in", "ease-out", "ease-in-out"]


@pytest.fixture(scope="module")
def vectors():
    spec = importlib.util.spec_from_file_location("web_vectors", HERE / "make_vectors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def approximately(value):
    """``value`` with numbers that compare to 1e-9, as different builds of torch may differ in the last digits."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-9)
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    return [approximately(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["documents", "formats"])
def test_vectors_are_what_python_makes(vectors, name):
    """If this fails after a deliberate change: python tests/web/make_vectors.py"""
    stored = json.loads((HERE / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    made = json.loads(json.dumps(getattr(vectors, name)()))
    assert [case["name"] for case in made] == [case["name"] for case in stored]
    for new, old in zip(made, stored, strict=True):
        assert new == approximately(old), old["name"]


def chance_document(dice: random.Random) -> str:
    """A document that is right, or nearly: one out of three has a value replaced."""
    tracks = []
    for _ in range(dice.randint(0, 3)):
        points = [{"x": dice.uniform(-0.3, 1.3), "y": round(dice.random(), 3)} for _ in range(dice.randint(1, 6))]
        for index, point in enumerate(points):
            if dice.random() < 0.35:
                point["frame"] = dice.choice([7 * index, 7 * index + 0.5, 48])
            if dice.random() < 0.2:
                point["easing"] = dice.choice([*EASINGS, None])
            if dice.random() < 0.15 and index:
                point.update(x=points[index - 1]["x"], y=points[index - 1]["y"])
        look = {"easing": dice.choice(EASINGS), "interpolation": dice.choice(["smooth", "linear"])}
        seen = {"start": dice.choice([None, 3, 8.5]), "end": dice.choice([None, 30]), "hidden": dice.random() < 0.2}
        tracks.append({"points": points, **look, **seen, "note": dice.random()})
    document = {"version": 1, "width": dice.choice([720, 128]), "tracks": tracks, "extra": [None, {"a": "\u2028"}]}
    if dice.random() < 0.33:
        place = dice.choice([document, *tracks, *(point for track in tracks for point in track["points"])])
        place[dice.choice(list(place))] = dice.choice([None, True, -1, 3.5, 1e300, "x", "#fff", [], {}, [1], 48, 49])
    return json.dumps(document)


def test_documents_by_chance():
    """What the editor writes Python reads as an equal document; both refuse the same; samples agree."""
    texts = [chance_document(random.Random(seed)) for seed in range(400)]
    done = subprocess.run([find_node(), HERE / "agree.mjs"], input=json.dumps(texts), capture_output=True, text=True,
                          encoding="utf-8", timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    refused = 0
    for text, answer in zip(texts, json.loads(done.stdout), strict=True):
        try:
            document = parse_document(text)
        except TrajectoryError as error:
            assert "refused" in answer, f"{error}\n{text}"
            refused += 1
            continue
        assert "refused" not in answer, f"{answer}\n{text}"
        assert parse_document(answer["text"]) == document
        for written, tracks in zip([answer["text"], *answer["edited"]], answer["samples"], strict=True):
            sampled = sample(parse_document(written))
            assert len(tracks) == len(sampled.names)
            for index, track in enumerate(tracks):
                points = torch.tensor(track["points"], dtype=torch.float64).view(-1, 2)
                assert torch.allclose(points, sampled.points[index], rtol=0, atol=1e-6), written
                assert track["visible"] == sampled.visible[index].tolist(), written
    assert 50 < refused < 300
