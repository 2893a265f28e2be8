from __future__ import annotations

import sys

import pytest
import torch

from tora2.tracking import benchmark
from tora2.tracking.points import follow_points

pytest.importorskip("cv2")


def test_turning_growing_things_are_followed_through_a_long_clip():
    video, truth = benchmark.hard_clip(0, 8.0)
    assert video.shape == (49, 384, 640, 3) and truth.shape == (8, 49, 2)
    assert truth.diff(dim=1).norm(dim=-1).mean() == pytest.approx(8, rel=0.1)
    places, seen = follow_points(video, torch.cat([torch.zeros(8, 1), truth[:, 0]], 1))
    assert seen.float().mean() > 0.9
    assert (places - truth).abs().sum(-1)[seen].mean() < 1.5


def test_the_command_prints_a_row_for_each_kind_of_clip(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", "--clips", "1", "--hard", "0"])
    monkeypatch.setattr(benchmark, "SPEEDS", ())
    benchmark.main()
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[:3] for row in rows] == [["tiny", "world", "points"], ["tiny", "world", "appearance"]]
