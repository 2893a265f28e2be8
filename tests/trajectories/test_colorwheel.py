"""The colour wheel against torchvision's numbers and against a second, loop-by-loop reading of the published method."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from tora2.trajectories import flow_to_color
from tora2.trajectories.colorwheel import colors, wheel

FIXTURES = Path(__file__).parent / "fixtures"


def plain_wheel() -> list[tuple[int, int, int]]:
    table = []
    for i in range(15):
        table.append((255, 255 * i // 15, 0))
    for i in range(6):
        table.append((255 - 255 * i // 6, 255, 0))
    for i in range(4):
        table.append((0, 255, 255 * i // 4))
    for i in range(11):
        table.append((0, 255 - 255 * i // 11, 255))
    for i in range(13):
        table.append((255 * i // 13, 0, 255))
    for i in range(6):
        table.append((255, 0, 255 - 255 * i // 6))
    return table


def plain_color(u: float, v: float) -> tuple[int, ...]:
    table = plain_wheel()
    place = (math.atan2(-v, -u) / math.pi + 1) / 2 * 54
    low = math.floor(place)
    share = place - low
    speed = math.hypot(u, v)
    result = []
    for channel in range(3):
        hue = (1 - share) * table[low][channel] / 255 + share * table[(low + 1) % 55][channel] / 255
        result.append(math.floor(255 * (1 - speed * (1 - hue))))
    return tuple(result)


def test_wheel_is_the_published_one():
    assert wheel().tolist() == [list(row) for row in plain_wheel()]


def test_equals_torchvision():
    kept = np.load(FIXTURES / "wheel.npz")
    ours = flow_to_color(torch.from_numpy(kept["flow"])).numpy()
    difference = np.abs(ours.astype(int) - kept["colors"])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_equals_the_plain_reading():
    random = np.random.default_rng(5)
    flow = random.uniform(-0.7, 0.7, (2, 40, 50)).astype(np.float32)
    ours = colors(torch.from_numpy(flow)).numpy()
    theirs = np.array([[plain_color(*flow[:, y, x].tolist()) for x in range(50)] for y in range(40)])
    assert np.abs(ours.transpose(1, 2, 0).astype(int) - theirs).max() <= 1


def test_known_directions():
    right, left, down, rest = (colors(torch.tensor(v).view(2, 1, 1)).flatten().tolist() for v in
                               ([1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 0.0]))  # fmt: skip
    assert right == [255, 0, 0]
    assert left == [0, 209, 255]
    assert down[0] > 200 and down[1] > 200 and down[2] == 0
    assert rest == [255, 255, 255]
