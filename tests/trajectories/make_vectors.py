"""Writes vectors.json: documents and where their tracks must be, to bind every port of the sampling (1e-6).

    python tests/trajectories/make_vectors.py

Run it only when the agreed sampling itself changes; `test_sampling.py` proves that Python still gives these numbers and
checks the method against an independent reading. Each case: ``document``, ``times`` (frames), ``names``, ``points``
[N][T][2] parts of the canvas and ``visible`` [N][T]; tracks with ``hidden`` are not in them.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LATENT = list(range(0, 49, 4))


def track(*points: tuple, **fields) -> dict:
    """Points are (x, y), (x, y, frame) or (x, y, frame, easing)."""
    return {"points": [dict(zip(("x", "y", "frame", "easing"), point, strict=False)) for point in points], **fields}


def cases() -> list[dict]:
    wave = [(0.1, 0.5), (0.3, 0.2), (0.5, 0.8), (0.7, 0.2), (0.9, 0.5)]
    found = [
        ("straight line", {}, [track((0.1, 0.2), (0.9, 0.7))], None),
        ("smooth wave", {}, [track(*wave)], None),
        ("linear wave, latent frames", {}, [track(*wave, interpolation="linear")], LATENT),
        ("the aspect counts", {"width": 128, "height": 512},
         [track(*wave), track(*wave, interpolation="linear")], LATENT),
        ("every easing", {},
         [track(*wave, easing=easing) for easing in ("linear", "ease-in", "ease-out", "ease-in-out")], LATENT),
        (
            "keys with unkeyed points between, easing of a stretch",
            {},
            [track((0.1, 0.1), (0.2, 0.4), (0.5, 0.5, 10, "ease-out"), (0.6, 0.3), (0.8, 0.3, 20), (0.9, 0.9),
                   easing="ease-in-out")],
            [0, 0.5, 5, 9.999, 10, 10.001, 12.25, 15, 20, 30, 47.5, 48],
        ),
        ("waits before its first key and after its last", {},
         [track((0.2, 0.2, 8), (0.5, 0.9), (0.8, 0.2, 40)), track((0.2, 0.2, 8.5), (0.8, 0.2, 9.25))],
         [0, 7.9, 8, 8.75, 9, 24, 40, 41, 48]),
        ("a pause on a smooth path", {},
         [track((0.1, 0.5, 0), (0.4, 0.2, 12), (0.4, 0.2, 36), (0.9, 0.6, 48))], [0, 6, 12, 20, 36, 40, 48]),
        ("coincident points", {},
         [track((0.3, 0.3), (0.3, 0.3)), track((0.1, 0.1), (0.1, 0.1), (0.5, 0.9), (0.5, 0.9), (0.5, 0.9), (0.9, 0.1))],
         LATENT),
        ("one point and static", {},
         [track((0.25, 0.75)), track((0.5, 0.5), (0.9, 0.9), kind="static"), track((0.1, 0.2, 30))], [0, 13.3, 48]),
        ("hidden, start and end", {},
         [track(*wave, hidden=True), track(*wave, start=4, end=40), track(*wave, start=4.5), track(*wave, end=0)],
         [0, 3.9, 4, 4.4, 4.5, 40, 40.1, 48]),
        ("enters and leaves the canvas", {}, [track((-0.5, 0.5), (0.5, 0.1), (1.6, 0.5)),
                                              track((0, 0), (1, 0), (1, 1), (0, 1), interpolation="linear")], LATENT),
        ("one frame", {"frames": 1}, [track(*wave), track((0.2, 0.2), (0.3, 0.3, 0))], [0]),
        ("two frames", {"frames": 2}, [track(*wave)], [0, 0.25, 0.5, 1]),
        ("times outside the clip", {}, [track(*wave)], [-5, 0, 48, 99]),
        ("the tiny canvas", {"width": 128, "height": 128, "frames": 17}, [track(*wave, easing="ease-in")], None),
        ("uneven spacing and a sharp turn", {},
         [track((0.1, 0.1), (0.101, 0.1), (0.9, 0.12), (0.1, 0.14), (0.10001, 0.14), (0.5, 0.9))], None),
        ("no tracks", {}, [], [0, 1]),
    ]  # fmt: skip
    chance = random.Random(11)
    for number in range(6):
        points = [(round(chance.uniform(-0.2, 1.2), 4), round(chance.uniform(-0.2, 1.2), 4)) for _ in range(9)]
        keys = dict(zip(sorted(chance.sample(range(9), 4)), sorted(chance.sample(range(1, 80), 4)), strict=True))
        keyed = [(*point, keys[i]) if i in keys else point for i, point in enumerate(points)]
        size = {"width": chance.choice([480, 720, 1024]), "height": chance.choice([480, 832]), "frames": 81}
        look = {"easing": chance.choice(["linear", "ease-in", "ease-out", "ease-in-out"]),
                "interpolation": "linear" if number == 5 else "smooth"}  # fmt: skip
        found.append((f"chance {number}", size, [track(*keyed, **look)], [t * 80 / 23 for t in range(24)]))
    return [
        {"name": name, "document": {"version": 1, **size, "tracks": tracks}, "times": times}
        for name, size, tracks, times in found
    ]


def main() -> None:
    sys.path.insert(0, str(HERE.parents[1]))
    import torch

    from tora2.trajectories import parse_document, sample

    done = []
    for case in cases():
        document = parse_document(case["document"])
        times = case["times"]
        sampled = sample(document, None if times is None else torch.tensor(times, dtype=torch.float64))
        points = [[[round(x, 12), round(y, 12)] for x, y in track] for track in sampled.points.tolist()]
        done.append({**case, "times": sampled.times.tolist(), "names": list(sampled.names), "points": points,
                     "visible": sampled.visible.tolist()})  # fmt: skip
    lines = ",\n".join(json.dumps(case) for case in done)
    (HERE / "vectors.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(done)} cases")


if __name__ == "__main__":
    main()
