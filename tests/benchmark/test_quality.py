from types import SimpleNamespace

import pytest
import torch

from tora2.benchmark import quality
from tora2.benchmark.timing import Budget, OutOfTime


class Calls(list):
    judged: list


@pytest.fixture
def made(monkeypatch):
    """Generation and judging by stand-ins: a video is a constant, TrajError is ten times its value."""
    calls, judged = Calls(), Calls()
    calls.judged = judged

    def generate(bundle, scene, *, seed, steps, preset):
        calls.append((seed, preset))
        value = {"exact": 0.5, "balanced": 0.51, "fast": 0.6}[preset]
        return torch.full((2, 3, 4, 4), value, dtype=torch.float64)

    def measure(judges, scene, video, pictures):
        assert video.dtype == torch.float32, "the judges' own"
        judged.append(scene)
        value = video.mean().item()
        return {"traj_error": 10 * value, "place_error": value if scene != 2 else float("nan"), "other": 1.0}

    monkeypatch.setattr(quality, "generate", generate)
    monkeypatch.setattr(quality, "measure", measure)
    monkeypatch.setattr(quality, "make_scene", lambda world, seed: seed)
    monkeypatch.setattr(quality, "gallery", lambda *_: (None, None))
    monkeypatch.setattr(quality, "fingerprint", lambda bundle, world, settings, judges: f"{world} {settings.precision}")
    return calls


def run(world="w", **options):
    bundle = SimpleNamespace(name="m", transformer=SimpleNamespace(dtype=options.pop("dtype", torch.float32)))
    return quality.measure_presets(bundle, world, None, scenes=3, **options)


def test_every_preset_is_measured_against_exact(made):
    exact, balanced, fast = run(presets=("balanced", "fast"))
    assert (exact.full_passes, balanced.full_passes, balanced.branch_passes) == (50, 23, 46)
    assert balanced.psnr.mean == pytest.approx(40, abs=0.1) and fast.worst_psnr == pytest.approx(20, abs=0.1)
    assert exact.psnr.mean == quality.MOST_PSNR
    assert balanced.differences["traj_error"].mean == pytest.approx(0.1, abs=1e-3)
    assert fast.differences["place_error"].count == 2, "a scene in which nothing was measured is left out"
    text = quality.table([exact, balanced, fast], "m")
    assert (
        "m, 3 held-out scenes" in text and "23/50" in text and "+0.10 [+0.10, +0.10]" in text and exact.schedule in text
    )


def test_a_stopped_run_goes_on(made, tmp_path):
    first = run(presets=("balanced",), out=tmp_path)
    made.clear()
    assert run(presets=("balanced",), out=tmp_path) == first and not made
    run(presets=("balanced", "fast"), out=tmp_path)
    assert made == [(seed, preset) for seed in range(3) for preset in ("exact", "fast")]
    made.clear()
    run("another world", presets=(), out=tmp_path)
    assert made == [(0, "exact"), (1, "exact"), (2, "exact")]


def test_every_video_is_judged_once(made):
    run(presets=("balanced",))
    assert sorted(made.judged) == [0, 0, 1, 1, 2, 2] and len(made) == 6


def test_figures_of_another_precision_are_not_taken(made, tmp_path):
    run(presets=(), out=tmp_path)
    made.clear()
    run(presets=(), out=tmp_path, dtype=torch.bfloat16)
    assert len(made) == 3


def test_scenes_end_with_the_budget_and_are_kept_one_by_one(made, monkeypatch):
    now, kept = [0.0], []
    real = quality.generate
    monkeypatch.setattr(quality, "generate", lambda *a, **k: (now.__setitem__(0, now[0] + 10), real(*a, **k))[1])
    losses = run(presets=("fast",), budget=Budget(50 / 60, now=lambda: now[0]), keep=kept.append)
    assert now[0] == 40 and losses[1].psnr.count == 2 and [rows[1].psnr.count for rows in kept] == [1, 2]
    with pytest.raises(OutOfTime, match="the budget was spent"):
        run(presets=("fast",), budget=Budget(-1.0))
