"""The ladder of memory caps, rehearsed on the CPU."""

from types import SimpleNamespace

import pytest
import torch
from torch.cuda._utils import _get_device_index

from tora2.benchmark import memory
from tora2.benchmark.loops import Job
from tora2.benchmark.memory import LADDER, PHASES, ladder_table, measure_ladder, parse_rung, random_models
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
    rungs = measure_ladder(build, job, ["1", "80"], CPU, budget=Budget(None), keep=kept.append)
    assert (
        [rung.name for rung in rungs] == ["1", "80"] and kept[-1] == rungs and not any(rung.refused for rung in rungs)
    )
    small, large = rungs
    assert tuple(large.peaks) == PHASES and all(value > 0 for value in large.seconds.values())
    assert "all models stay" in large.settings and "block by block" in small.settings and "strips" in small.settings
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
    made, kept = [], []
    (rung,) = measure_ladder(
        lambda: made.append(1), Job(SIZE, steps=1), ["8"], CPU, budget=Budget(-1.0), keep=kept.append
    )
    assert "the budget was spent before its turn" in rung.refused and not rung.failed
    assert not made and kept == [[rung]], "nothing is built for it, and it is on disk"


class Cuda:
    """What a rung asks of torch.cuda, answered as CUDA does: a cap wants a device with its number."""

    def __init__(self, monkeypatch):
        self.caps = []
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: SimpleNamespace(total_memory=80 * GIB))
        monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", self.cap)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda d: None)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda d: 7 * GIB)
        monkeypatch.setattr(memory, "_PHASES", dict.fromkeys(PHASES, lambda *given: 1.0))

    def cap(self, fraction, device):
        assert _get_device_index(device, optional=False) == 0
        self.caps.append(fraction)


def test_caps_are_set_on_a_gpu_given_without_a_number_and_taken_away(monkeypatch):
    cuda = Cuda(monkeypatch)
    (rung,) = measure_ladder(build, Job(SIZE, steps=1), ["8"], "cuda", budget=Budget(None))
    assert not rung.refused and rung.peaks == dict.fromkeys(PHASES, 7 * GIB)
    assert cuda.caps == [0.1, 1.0], "the next part of the run must not be under a rung's cap"


def test_no_error_ends_the_ladder(monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    monkeypatch.setitem(memory._PHASES, "decode", broken)
    monkeypatch.setattr("tora2.acceleration.quantization.importlib.util.find_spec", lambda name: None)
    made, kept = [], []
    rungs = measure_ladder(
        lambda: made.append(1) or build(),
        Job(SIZE, steps=1),
        ["8", "6", "8+int8_weights"],
        CPU,
        budget=Budget(None),
        keep=lambda rows: kept.append(len(rows)),
    )
    assert rungs[0].refused == "RuntimeError: CUDA error: an illegal memory access was encountered" and rungs[0].failed
    assert tuple(rungs[1].peaks) == PHASES[:3] and kept == [1, 2, 3], "what was measured before stays"
    assert "torchao" in rungs[2].refused and not rungs[2].failed
    assert len(made) == 2, "anew after a failure, and not at all for what is refused"


def test_a_small_rung_leaves_no_hooks_for_a_larger_one(monkeypatch):
    def bring(module, device):
        bring_in_blocks(module, device)
        brought.append(type(module).__name__)
        if len(brought) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    bring_in_blocks, brought, made = memory.bring_in_blocks, [], []
    caps = {2 * GIB: 0, 80 * GIB: 80 * GIB}  # what the plan is told: the small shape fits anywhere
    monkeypatch.setattr(memory, "plan", lambda cap, *given: PLAN(caps[cap], *given, text_encoder="gpu"))
    monkeypatch.setattr(memory, "bring_in_blocks", bring)
    names = ["2", "2", "80"]
    models = build()
    rungs = measure_ladder(lambda: made.append(1) or models, Job(SIZE, steps=1), names[:1], CPU, budget=Budget(None))
    assert "out of memory in text" in rungs[0].refused
    rungs = measure_ladder(lambda: models, Job(SIZE, steps=1), names[1:], CPU, budget=Budget(None))
    assert not any(rung.refused for rung in rungs) and len(brought) == 3, "text encoder twice, transformer once"
    hooks = [part._diffusers_hook.hooks for part in models.transformer.modules() if hasattr(part, "_diffusers_hook")]
    assert hooks and not any(hooks)
    assert "whole" in rungs[1].settings and "whole" not in rungs[0].settings


def test_a_rung_ends_at_the_deadline_and_keeps_its_phases(monkeypatch):
    now = [0.0]

    def phase(seconds):
        def run(*_):
            now[0] += seconds
            return seconds

        return run

    monkeypatch.setattr(memory, "_PHASES", {name: phase(20.0) for name in PHASES})
    budget = Budget(3, now=lambda: now[0])
    first, second, third = measure_ladder(build, Job(SIZE, steps=1), ["80", "48", "24"], CPU, budget=budget)
    assert not first.refused and not second.refused and now[0] == 160
    assert "takes about 80 s and 20 s were left" in third.refused and not third.seconds
    now[0] = 0.0
    (cut,) = measure_ladder(build, Job(SIZE, steps=1), ["8"], CPU, budget=Budget(0.5, now=lambda: now[0]))
    assert list(cut.seconds) == ["text", "encode"] and cut.refused.startswith("denoise: the budget was spent")


def test_the_denoising_of_a_rung_ends_at_the_deadline():
    now = [0.0]
    models = build()
    models.transformer.register_forward_pre_hook(lambda *_: now.__setitem__(0, now[0] + 50.0))
    (rung,) = measure_ladder(lambda: models, Job(SIZE, steps=9), ["8"], CPU, budget=Budget(2, now=lambda: now[0]))
    assert now[0] <= 150 and rung.refused.startswith("denoise:") and list(rung.seconds) == ["text", "encode"]


@pytest.mark.parametrize("name", LADDER)
def test_rungs(name):
    assert parse_rung(name)[1] >= 6


@pytest.mark.parametrize("name", ["much", "-3", "12+int3"])
def test_what_is_no_rung(name):
    with pytest.raises(Tora2Error, match="is no rung"):
        parse_rung(name)


def test_denoising_is_reckoned_without_what_warms_up(monkeypatch):
    """A second a step, half a second once a video, and four seconds the first time of all."""
    spent, cold = [0.0], [4.0]

    def denoise(*_, steps, **__):
        spent[0] += cold.pop() if cold else 0.0
        spent[0] += 0.5 + steps

    class Meter:
        def timed(self, run):
            began = spent[0]
            run()
            return spent[0] - began

    monkeypatch.setattr(memory, "denoise", denoise)
    monkeypatch.setattr(memory, "_bring", lambda *given: None)
    monkeypatch.setattr(memory, "random_conditioning", lambda *given: None)
    models = SimpleNamespace(transformer=None)
    chosen = SimpleNamespace(transformer="whole", together=True, keep_modulations=True)
    seconds = memory._denoise(models, chosen, Job(SIZE, steps=50), CPU, Meter(), Budget(None))
    assert seconds == pytest.approx(50.5)
