import pytest

from tora2.acceleration.presets import (
    PRESETS,
    Preset,
    branch_passes,
    check_interval,
    in_interval,
    preset,
    with_guidance_interval,
)
from tora2.errors import AccelerationError


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 25, 50, 200])
@pytest.mark.parametrize("name", PRESETS)
def test_every_schedule_can_be_run(name, steps):
    schedule = PRESETS[name].schedule(steps)
    assert len(schedule) == steps and set(schedule) <= {"F", "."}
    assert schedule.startswith("F" * min(2, steps)) and schedule.endswith("F"), "nothing is carried on from nowhere"


def test_a_rule_is_a_schedule():
    assert Preset(warmup=0.2, period=3, tail=2).schedule(15) == "FFF..F..F..F.FF"
    assert PRESETS["exact"].schedule(50) == "F" * 50


def test_the_presets_cost_what_they_promise():
    passes = {name: branch_passes(one.schedule(50)) for name, one in PRESETS.items()}
    assert passes["exact"] == 100
    assert passes["balanced"] <= 50, "half the time of exact, which is 80 s at most where balanced is 40 s"
    assert passes["fast"] < passes["balanced"]
    assert branch_passes(PRESETS["exact"].schedule(50), guided=False) == 50


def test_guidance_on_an_interval_runs_one_branch_outside_of_it():
    assert with_guidance_interval("FF.FFF", (0.0, 0.5)) == "FF.PPP"
    assert with_guidance_interval("FF.FFF", (0.0, 1.0)) == "FF.FFF"
    assert with_guidance_interval("FF....F..F", (0.4, 0.6)) == "PP..F.P..P", "what guidance adds is learnt as it begins"
    assert [in_interval(step, 4, (0.25, 0.75)) for step in range(4)] == [False, True, True, False]
    assert branch_passes("FF.PPP") == 7


@pytest.mark.parametrize("interval", [(0.5, 0.5), (0.8, 0.2), (-0.1, 1.0), (0.0, 1.1), (float("nan"), 1.0)])
def test_impossible_intervals_are_refused(interval):
    with pytest.raises(AccelerationError, match="Guidance is set to run from"):
        check_interval(interval)


def test_names():
    own = Preset(0.5, 2)
    assert preset(own) is own and preset("exact") is PRESETS["exact"]
    with pytest.raises(AccelerationError, match="exact, balanced, fast"):
        preset("turbo")
