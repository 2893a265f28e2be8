"""The ladder of memory caps, rehearsed on the CPU."""

import pytest
import torch

from tora2.benchmark import memory
from tora2.benchmark.loops import Job
from tora2.benchmark.memory import LADDER, PHASES, Rung, ladder_table, measure_ladder, parse_rung, random_models
from tora2.benchmark.step import base_config
from tora2.benchmark.timing import Budget
from tora2.conditions import VideoSize
from tora2.errors import Tora2Error
from tora2.memory.estimates import GIB

SIZE = VideoSize(9, 64, 64)
CPU = torch.device("cpu")


def build():
    return random_models(base_config("tiny", SIZE), CPU, torch.float32, full=False)


def test_every_phase_of_every_rung_and_smaller_caps_take_less(monkeypatch):
    def smallest_for_one(cap, *given, **options):  # what small models need is less than the reserve alone
        return PLAN(cap if cap > GIB else 0, *given, text_encoder="gpu", **options)

    monkeypatch.setattr(memory, "plan", smallest_for_one)
    kept = []
    job = Job(SIZE, steps=3)
    rungs = measure_ladder(build, job, ["1", "80"], CPU, budget=Budget(None), keep=kept.append)[::-1]
    assert [rung.name for rung in rungs] == ["80", "1"] and kept == rungs and not any(rung.refused for rung in rungs)
    large, small = rungs
    assert tuple(large.peaks) == PHASES and all(value > 0 for value in large.seconds.values())
    assert "all models stay" in large.settings and "block by block" in small.settings and "slices" in small.settings
    assert small.peaks["denoise"] < large.peaks["denoise"]
    table = ladder_table(rungs)
    assert "block by block" in table and table.splitlines()[0].startswith("cap, GiB")


PLAN = memory.plan


def test_out_of_memory_ends_a_rung_and_not_the_ladder(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nmore")

    monkeypatch.setitem(memory._PHASES, "decode", full)
    rungs = measure_ladder(build, Job(SIZE, steps=1), ["6", "8"], CPU, budget=Budget(None))
    assert [rung.refused for rung in rungs] == [
        "out of memory in decode: CUDA out of memory. Tried to allocate 9 GiB"
    ] * 2
    assert tuple(rungs[0].peaks) == PHASES[:3] and "out of memory" in ladder_table(rungs)


def test_a_budget_that_is_over_leaves_rungs_out():
    rungs = measure_ladder(build, Job(SIZE, steps=1), ["8"], CPU, budget=Budget(-1.0))
    assert rungs == [Rung("8", refused="the budget's time was over")]


@pytest.mark.parametrize("name", LADDER)
def test_rungs(name):
    assert parse_rung(name)[1] >= 6


@pytest.mark.parametrize("name", ["much", "-3", "12+int3"])
def test_what_is_no_rung(name):
    with pytest.raises(Tora2Error, match="is no rung"):
        parse_rung(name)
