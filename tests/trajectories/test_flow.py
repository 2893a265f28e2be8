"""The motion map against OpenCV, against numbers of alibaba/Tora, and its own promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tora2.trajectories import flow_to_color, motion_flow

FIXTURES = Path(__file__).parent / "fixtures"


def tracks(*lists: list[tuple[float, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    points = torch.tensor(lists, dtype=torch.float64)
    return points, torch.ones(points.shape[:2], dtype=torch.bool)


def reference(points: np.ndarray, height: int, width: int, sigma: float, window: int) -> np.ndarray:
    """Displacements on whole pixels, each track filtered on its own by OpenCV, added."""
    cv2 = pytest.importorskip("cv2")
    line = np.arange(window) - window // 2
    bell = np.exp(-0.5 * (line / sigma) ** 2)
    kernel = np.outer(bell, bell)
    result = np.zeros((points.shape[1], height, width, 2))
    for track in points:
        for t in range(1, len(track)):
            impulse = np.zeros((height, width, 2))
            x, y = track[t - 1]
            impulse[y, x] = track[t] - track[t - 1]
            result[t] += cv2.filter2D(impulse, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return result.transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("height", "width", "sigma", "window"),
    [(60, 90, 4.0, 21), (60, 90, 10.0, 99), (24, 16, 10.0, 99), (40, 40, 3.0, 1)],
    ids=["inside", "wide window", "several reflections", "window of one"],
)
def test_equals_opencv_with_reflected_borders(height, width, sigma, window):
    random = np.random.default_rng(3)
    points = np.stack([random.integers(0, width, (5, 8)), random.integers(0, height, (5, 8))], axis=-1)
    points[0] = [
        [0, 0],
        [1, 1],
        [0, height - 1],
        [width - 1, 0],
        [width - 1, height - 1],
        [width - 2, 1],
        [0, 5],
        [3, 0],
    ]
    ours = motion_flow(torch.from_numpy(points), torch.ones(5, 8, dtype=torch.bool), height, width, sigma, window)
    theirs = reference(points, height, width, sigma, window)
    assert np.abs(ours.numpy() - theirs).max() < 2e-6 * np.abs(theirs).max()


@pytest.mark.parametrize("case", ["full", "two", "long"])
def test_equals_toras_map_of_its_sample_trajectories(case):
    kept = np.load(FIXTURES / "tora.npz")
    height, width, stride = kept[f"{case}_size"].tolist()
    points = torch.from_numpy(kept[f"{case}_points"].astype(np.float64))
    flow = motion_flow(points, torch.ones(points.shape[:2], dtype=torch.bool), height, width)
    longest = float(kept[f"{case}_longest"])
    assert np.abs(flow[:, :, ::stride, ::stride].numpy() - kept[f"{case}_flow"]).max() < 2e-6 * longest
    assert flow.square().sum(1).sqrt().max().item() == pytest.approx(longest, rel=1e-6)


@pytest.mark.parametrize("case", ["full", "two", "long"])
def test_colours_equal_toras_within_one_level(case):
    kept = np.load(FIXTURES / "tora.npz")
    height, width, stride = kept[f"{case}_size"].tolist()
    points = torch.from_numpy(kept[f"{case}_points"].astype(np.float64))
    ours = flow_to_color(motion_flow(points, torch.ones(points.shape[:2], dtype=torch.bool), height, width))
    difference = np.abs(ours[:, :, ::stride, ::stride].numpy().astype(int) - kept[f"{case}_colors"]).max(1)
    # OpenCV's Fourier filter leaves y = -1e-16 where another track moves straight to the right: there Tora's own hue
    # jumps across the wheel's seam by chance.
    u, v = kept[f"{case}_flow"].transpose(1, 0, 2, 3)
    chance = (u > 1e-3) & (v != 0) & (np.abs(v) < 1e-12)
    assert chance.mean() < 0.05
    assert difference[~chance].max() <= 1


def test_displacement_stands_at_the_place_that_is_left():
    flow = motion_flow(*tracks([(20, 10), (25, 8), (25, 8)]), 32, 48, sigma=2.0, window=9)
    assert flow.shape == (3, 2, 32, 48)
    assert flow[0].abs().max() == 0
    assert flow[1, :, 10, 20].tolist() == [5, -2]
    assert flow[1, :, 10, 24].abs().max() > 0
    assert flow[1, :, 10, 25].abs().max() == 0  # beyond half the window
    assert flow[2].abs().max() == 0


def test_between_pixels_is_the_gaussian_around_the_place():
    flow = motion_flow(*tracks([(20.25, 10.5), (21.25, 10.5)]), 32, 48, sigma=2.0, window=99)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(48.0), indexing="ij")

    def bell(px: float, py: float) -> torch.Tensor:
        return torch.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)

    expected = bell(20.25, 10.5) + bell(20.25, -10.5)  # its reflection at the upper border is just in sight
    assert torch.allclose(flow[1, 0], expected, atol=1e-6)
    assert flow[1, 1].abs().max() == 0


def test_is_continuous_at_borders():
    def at(x: float) -> torch.Tensor:
        return motion_flow(*tracks([(x, 9.0), (x + 3, 9.0)]), 24, 32, sigma=2.0, window=47)[1]

    for place in (0.0, 1.0, 30.0, 31.0):
        assert (at(place) - at(place + 1e-4)).abs().max() < 1e-2
    assert at(0.0)[0, 9, 0] == 3  # source and mirror image are one
    assert at(31.5)[0, 9, 31] > 2.9  # past the last pixel's centre but on the canvas


def test_tracks_are_added_also_on_one_pixel():
    one = [(10, 10), (14, 10)]
    other = [(10, 10), (10, 13)]
    together = motion_flow(*tracks(one, other), 24, 24, 3.0, 15)
    apart = motion_flow(*tracks(one), 24, 24, 3.0, 15) + motion_flow(*tracks(other), 24, 24, 3.0, 15)
    assert torch.allclose(together, apart, atol=1e-6)


def test_invisible_or_outside_adds_nothing():
    points, visible = tracks([(10, 10), (12, 10), (14, 10), (16, 10)])
    visible[0, 1] = False
    flow = motion_flow(points, visible, 24, 24)
    assert [bool(frame.any()) for frame in flow] == [False, False, False, True]
    points, visible = tracks([(-3, 10), (2, 10), (30, 10), (10, 10)])
    assert [bool(frame.any()) for frame in motion_flow(points, visible, 24, 24)] == [False, False, True, False]
    points[0, 0] = torch.nan
    visible[0, 0] = False
    assert motion_flow(points, visible, 24, 24).isfinite().all()


def test_batch_and_empty():
    random = torch.Generator().manual_seed(1)
    points = torch.rand(3, 4, 6, 2, generator=random) * 30
    visible = torch.rand(3, 4, 6, generator=random) > 0.2
    flow = motion_flow(points, visible, 32, 40, 4.0, 21)
    assert flow.shape == (3, 6, 2, 32, 40) and flow.dtype == torch.float32
    for index in range(3):
        assert torch.allclose(flow[index], motion_flow(points[index], visible[index], 32, 40, 4.0, 21), atol=1e-5)
    nothing = motion_flow(torch.zeros(0, 6, 2), torch.zeros(0, 6, dtype=torch.bool), 32, 40)
    assert nothing.shape == (6, 2, 32, 40) and not nothing.any()
    assert motion_flow(*tracks([(5, 5)]), 16, 16).shape == (1, 2, 16, 16)


def test_chunks_do_not_show(monkeypatch):
    from tora2.trajectories import flow as module

    points, visible = torch.rand(3, 9, 2) * 30, torch.ones(3, 9, dtype=torch.bool)
    whole = motion_flow(points, visible, 32, 32)
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 1)
    assert torch.allclose(motion_flow(points, visible, 32, 32), whole, atol=1e-5)


def test_refuses_shapes_that_do_not_fit():
    points, visible = tracks([(1, 1), (2, 2)])
    with pytest.raises(ValueError, match="do not fit"):
        motion_flow(points, visible[:, :1], 16, 16)
    with pytest.raises(ValueError, match="window 98"):
        motion_flow(points, visible, 16, 16, window=98)


def test_a_clip_at_rest_is_white_and_clips_are_normalised_alone():
    still = torch.zeros(2, 2, 8, 8)
    assert (flow_to_color(still) == 255).all()
    slow, fast = torch.zeros(2, 2, 2, 8, 8)
    slow[1, 0, 4, 4], fast[1, 0, 4, 4] = 1, 50
    both = flow_to_color(torch.stack([slow, fast]))
    assert both.shape == (2, 2, 3, 8, 8) and both.dtype == torch.uint8
    assert torch.equal(both[0], both[1])
    mixed = slow.clone()
    mixed[0, 0, 2, 2] = 2  # the longest vector of any frame counts
    assert flow_to_color(mixed)[1, 1, 4, 4] > flow_to_color(slow)[1, 1, 4, 4]


def test_rounding_noise_does_not_flip_the_hue():
    """Rightwards is the wheel's seam: a y that is off by 1e-12 px must not change the colour."""
    points, visible = tracks([(5.0, 9.0), (8.0, 9.0 - 1e-12), (11.0, 9.0)])
    clean = points.round()
    ours, expected = (flow_to_color(motion_flow(p, visible, 20, 20)) for p in (points, clean))
    assert (ours.int() - expected.int()).abs().max() <= 1
