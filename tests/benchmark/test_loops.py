import pytest
import torch

from tora2.acceleration.settings import Acceleration
from tora2.benchmark.kernels import measure_kernels
from tora2.benchmark.loops import SAMPLE, Job, Variant, measure_loops, video_tokens
from tora2.benchmark.report import bars, kernels_table, loops_table, steps_table
from tora2.benchmark.step import Measurement, base_config, random_transformer
from tora2.benchmark.timing import Budget, base_flops, describe_device, timed
from tora2.conditions import VideoSize
from tora2.errors import Tora2Error

SIZE = VideoSize(9, 32, 32)
JOB = Job(SIZE, steps=12)
NO_LIMIT = Budget(None)


def build():
    return random_transformer(base_config("tiny", SIZE), "cpu", torch.float32)


def variants(*texts):
    return [Variant.parse(text) for text in texts]


def test_variants_are_written_as_they_are_read():
    found = Variant.parse("balanced+compile+fp8+cudnn")
    assert found.preset == "balanced" and found.acceleration == Acceleration("cudnn", "on", "fp8")
    with pytest.raises(Tora2Error, match="'turbo' is neither compile nor one of int8_weights"):
        Variant.parse("exact+turbo")
    with pytest.raises(Tora2Error, match="no preset 'slow'"):
        Variant.parse("slow")


def test_whole_loops_of_the_presets_and_their_counts():
    calls = []
    model = build()
    model.register_forward_pre_hook(lambda module, args, kwargs: calls.append(1), with_kwargs=True)
    exact, fast, refused = measure_loops(lambda: model, JOB, variants("exact", "fast", "exact+cudnn"), budget=NO_LIMIT)
    assert (exact.full_passes, exact.branch_passes, exact.whole) == (12, 24, True)
    assert fast.full_passes < 7 and fast.branch_passes == 2 * fast.full_passes
    assert len(calls) == 1 + (2 + exact.full_passes) + (2 + fast.full_passes), "plain; first, warm and loop of each"
    assert exact.error == 0 and exact.seconds > 0 and exact.tflops > 0 and exact.peak_bytes is None
    assert exact.weight_bytes == sum(p.nbytes for p in model.parameters()) + sum(b.nbytes for b in model.buffers())
    assert exact.kept_bytes["motion scale and shift"] > 0
    assert "'cudnn' does not run here" in refused.refused and not refused.seconds
    table = loops_table([exact, fast, refused])
    assert "12/12" in table and "not run: The attention backend 'cudnn'" in table and "~" not in table


def test_what_the_budget_does_not_allow_is_estimated_and_marked():
    calls = []
    model = build()
    model.register_forward_pre_hook(lambda module, args, kwargs: calls.append(1), with_kwargs=True)
    (loop,) = measure_loops(lambda: model, JOB, variants("exact"), budget=Budget(1e-9, now=lambda: 0.0))
    assert not loop.whole and len(calls) == 3 + SAMPLE and loop.full_passes == 12
    assert "~" in loops_table([loop]) and "estimated" in loops_table([loop])


def test_quantized_variants_come_last_on_a_model_of_their_own():
    pytest.importorskip("torchao")
    built = []
    found = measure_loops(
        lambda: built.append(1) or build(), JOB, variants("exact+int8_weights", "exact", "exact+fp8"), budget=NO_LIMIT
    )
    assert [loop.name for loop in found] == ["exact+int8_weights", "exact", "exact+fp8"] and len(built) == 2
    assert found[0].weight_bytes < found[1].weight_bytes and found[1].error == 0 < found[0].error < 0.1
    assert "8.9 or newer" in found[2].refused


def test_kernels_are_timed_and_checked():
    found = {kernel.name: kernel for kernel in measure_kernels(build(), SIZE, rounds=1)}
    assert set(found) == {"sdpa", "flash", "math"}
    assert all(kernel.seconds > 0 and kernel.error < 1e-3 for kernel in found.values())
    assert "sdpa" in kernels_table(list(found.values()))


def test_the_arithmetic_is_that_of_the_full_size():
    class Config:
        num_attention_heads, attention_head_dim, num_layers, max_text_seq_length, patch_size = 48, 64, 42, 226, 2

    class Model:
        config = Config

    tokens = video_tokens(Model, VideoSize(49, 480, 720))
    assert tokens == 17550
    assert base_flops(Config, tokens) == pytest.approx(332e12, rel=0.01)


def test_a_budget_is_minutes_from_now():
    now = [0.0]
    budget = Budget(1, now=lambda: now[0])
    assert budget.allows(59) and not budget.allows(61)
    now[0] = 30
    assert budget.left == 30 and Budget(None).allows(1e9)


def test_timing_on_a_cpu_is_the_walls():
    timing = timed(lambda: torch.randn(10), "cpu")
    assert timing.seconds > 0 and timing.peak_bytes is None
    assert "CPU" in describe_device("cpu") and torch.__version__ in describe_device("cpu")


def test_the_bars_are_worked_out():
    def step(name, seconds):
        return Measurement(name, seconds, (seconds,), seconds, seconds, 2**31)

    results = [
        step("diffusers CogVideoX", 1.0), step("Tora2, motion and entities", 1.04),
        step("Tora2, motion and 3 entities", 1.05), step("alibaba/Tora", 4.0),
    ]  # fmt: skip
    (loop,) = measure_loops(build, JOB, variants("balanced"), budget=NO_LIMIT)
    lines = bars(results, [loop])
    assert lines[0] == "Tora2 parts cost +4.0 % of a step (bar: at most +5 %)."
    assert lines[1] == "Tora2, motion and 3 entities: +1.0 % beside the first."
    assert "bar on an H100: 40 s" in lines[2] and "faster than alibaba/Tora's 48 s (12 of its steps)" in lines[2]
    assert "2.0 GiB" in steps_table(results)


def test_results_are_there_as_soon_as_they_are_made_and_a_spent_budget_ends_the_run():
    now, seen = [0.0], []

    def spend(loop):
        seen.append(loop.name)
        now[0] = 120.0

    budget = Budget(1, now=lambda: now[0])
    exact, fast = measure_loops(build, JOB, variants("exact", "fast"), budget=budget, on_result=spend)
    assert seen == ["exact"] and exact.whole and fast.refused == "the budget was spent before its turn"
