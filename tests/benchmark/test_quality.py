from types import SimpleNamespace

import pytest
import torch

from tora2.benchmark import quality


@pytest.fixture
def made(monkeypatch):
    """Generation and judging by stand-ins: a video is a constant, TrajError is ten times its value."""
    calls = []

    def generate(bundle, scene, *, seed, steps, preset):
        calls.append((seed, preset))
        return torch.full((2, 3, 4, 4), {"exact": 0.5, "balanced": 0.51, "fast": 0.6}[preset])

    def measure(judges, scene, video, pictures):
        value = video.mean().item()
        return {"traj_error": 10 * value, "place_error": value if scene != 2 else float("nan"), "other": 1.0}

    monkeypatch.setattr(quality, "generate", generate)
    monkeypatch.setattr(quality, "measure", measure)
    monkeypatch.setattr(quality, "make_scene", lambda world, seed: seed)
    monkeypatch.setattr(quality, "gallery", lambda *_: (None, None))
    monkeypatch.setattr(quality, "fingerprint", lambda bundle, world, settings: world)
    return calls


def run(world="w", **options):
    return quality.measure_presets(SimpleNamespace(name="m"), world, None, scenes=3, **options)


def test_every_preset_is_measured_against_exact(made):
    exact, balanced, fast = run(presets=("balanced", "fast"))
    assert (exact.full_passes, balanced.full_passes, balanced.branch_passes) == (50, 23, 46)
    assert balanced.psnr.mean == pytest.approx(40, abs=0.1) and fast.worst_psnr == pytest.approx(20, abs=0.1)
    assert exact.psnr.mean == quality.MOST_PSNR
    assert balanced.differences["traj_error"].mean == pytest.approx(0.1, abs=1e-3)
    assert fast.differences["place_error"].count == 2, "a scene in which nothing was measured is left out"
    text = quality.table([exact, balanced, fast], "m", 3)
    assert "23/50" in text and "+0.10 [+0.10, +0.10]" in text and exact.schedule in text


def test_a_stopped_run_goes_on(made, tmp_path):
    first = run(presets=("balanced",), out=tmp_path)
    made.clear()
    assert run(presets=("balanced",), out=tmp_path) == first and not made
    run(presets=("balanced", "fast"), out=tmp_path)
    assert made == [(seed, preset) for seed in range(3) for preset in ("exact", "fast")]
    made.clear()
    run("another world", presets=(), out=tmp_path)
    assert made == [(0, "exact"), (1, "exact"), (2, "exact")]
