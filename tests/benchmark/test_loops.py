import pytest
import torch

from tora2.acceleration.settings import Acceleration
from tora2.benchmark.kernels import measure_kernels
from tora2.benchmark.loops import SAMPLE, Job, Variant, measure_loops
from tora2.benchmark.report import bars, kernels_table, loops_table, steps_table
from tora2.benchmark.step import Measurement, base_config, random_transformer
from tora2.benchmark.timing import Budget, base_flops, describe_device, timed
from tora2.conditions import VideoSize
from tora2.errors import Tora2Error
from tora2.memory.estimates import video_tokens

SIZE = VideoSize(9, 32, 32)
JOB = Job(SIZE, steps=12)
NO_LIMIT = Budget(None)


def build():
    return random_transformer(base_config("tiny", SIZE), "cpu", torch.float32)


def build_shallow():
    return random_transformer(base_config("tiny", SIZE) | {"num_layers": 1}, "cpu", torch.float32)


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


class Ticking:
    """A model whose every pass takes a second of the budget's clock; compiled, the first takes 100."""

    def __init__(self, monkeypatch):
        self.now, self.compiling, self.compiled, self.passes = 0.0, False, False, 0
        self.model = build_shallow()
        self.model.register_forward_pre_hook(self.tick)
        monkeypatch.setattr("tora2.acceleration.compiling.check_compiler", lambda device: None)
        monkeypatch.setattr("tora2.acceleration.compiling.compile_blocks", self.compile)

    def compile(self, model):
        self.compiling, self.compiled = not self.compiled, True

    def tick(self, *_):
        self.now += 100.0 if self.compiling else 1.0
        self.passes += 1
        self.compiling = False

    def budget(self, seconds):
        return Budget(seconds / 60, now=lambda: self.now)


def test_what_the_budget_does_not_allow_is_estimated_and_marked(monkeypatch):
    clock = Ticking(monkeypatch)
    (loop,) = measure_loops(lambda: clock.model, JOB, variants("exact"), budget=clock.budget(10))
    assert not loop.whole and clock.passes == 3 + SAMPLE and loop.full_passes == 12 and loop.timed_steps == SAMPLE
    assert "~" in loops_table([loop]) and "estimated" in loops_table([loop])
    assert bars([], [loop])[0].startswith(f"exact: about {loop.seconds:.1f} s (estimated) (bar on an H100: 80 s)")


def test_a_loop_that_was_begun_ends_at_the_deadline(monkeypatch):
    clock = Ticking(monkeypatch)
    slow = clock.tick
    monkeypatch.setattr(clock, "tick", None)  # from the fifth pass on, steps take longer than the warm one said
    clock.model._forward_pre_hooks.clear()
    clock.model.register_forward_pre_hook(
        lambda *given: [slow(*given) for _ in range(1 if clock.passes < 4 else 5)] and None
    )
    (loop,) = measure_loops(lambda: clock.model, JOB, variants("exact"), budget=clock.budget(20))
    assert not loop.whole and SAMPLE < loop.timed_steps < 12 and clock.now <= 25
    assert "~" in loops_table([loop])


def test_a_variant_that_would_pass_the_deadline_is_not_begun(monkeypatch):
    clock = Ticking(monkeypatch)
    asked = variants("exact", "exact+compile", "fast+compile")
    exact, refused, fast = measure_loops(lambda: clock.model, JOB, asked, budget=clock.budget(120))
    assert exact.whole and clock.now == 15, "plain; first, warm and the loop"
    assert "takes about 123 s and 105 s were left" in refused.refused and not refused.failed
    assert "were left" in fast.refused
    clock.now = 0.0
    asked = variants("exact+compile", "fast+compile", "balanced+compile")
    first, second, third = measure_loops(lambda: clock.model, JOB, asked, budget=clock.budget(230))
    assert first.first_step == 100 and first.whole and second.whole, "as long again as the first took was left"
    assert third.whole, "the second was no compilation, so the third is none"
    assert clock.now < 230


def test_a_first_step_that_spends_the_budget_is_told(monkeypatch):
    clock = Ticking(monkeypatch)
    monkeypatch.setattr("tora2.benchmark.loops.FIRST_COMPILE", 5.0)
    (loop,) = measure_loops(lambda: clock.model, JOB, variants("exact+compile"), budget=clock.budget(60))
    assert "spent in its first step, which took 100 s" in loop.refused and loop.first_step == 100


def test_no_error_ends_the_other_variants(monkeypatch):
    made, kept = [], []

    def broken(model):
        raise RuntimeError("backend='inductor' raised:\nNoTritonConfigsError: none")

    def make():
        made.append(1)
        return build_shallow()

    monkeypatch.setattr("tora2.acceleration.compiling.check_compiler", lambda device: None)
    monkeypatch.setattr("tora2.acceleration.compiling.compile_blocks", broken)
    asked = variants("exact", "exact+compile", "fast", "exact+int8_weights")
    monkeypatch.setattr("tora2.acceleration.quantization.importlib.util.find_spec", lambda name: None)
    first, second, third, fourth = measure_loops(make, JOB, asked, budget=NO_LIMIT, keep=lambda r: kept.append(len(r)))
    assert second.refused == "RuntimeError: backend='inductor' raised: NoTritonConfigsError: none" and second.failed
    assert first.whole and third.whole and third.error < 1e-5, "the plain path again, on a model of its own"
    assert "needs the package torchao" in fourth.refused and not fourth.failed
    assert kept == [1, 2, 3, 4] and len(made) == 2


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

    tokens = video_tokens(VideoSize(49, 480, 720))
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
    assert (
        "bar on an H100: 40 s" in lines[2]
        and "faster than alibaba/Tora's about 48 s (estimated: 12 of its steps)" in lines[2]
    )
    assert "2.0 GiB" in steps_table(results)


def test_results_are_there_as_soon_as_they_are_made_and_a_spent_budget_ends_the_run():
    now, seen = [0.0], []

    def spend(loops):
        seen.append([loop.name for loop in loops])
        now[0] = 120.0

    budget = Budget(1, now=lambda: now[0])
    exact, fast = measure_loops(build, JOB, variants("exact", "fast"), budget=budget, keep=spend)
    assert seen == [["exact"], ["exact", "fast"]] and exact.whole
    assert fast.refused.startswith("the budget was spent before its turn") and not fast.failed


def test_an_attention_kernel_that_fails_is_a_row(monkeypatch):
    def broken(name, model):
        if name == "flash":
            raise RuntimeError("cuDNN Frontend error\nmore")
        return 0.0

    monkeypatch.setattr("tora2.benchmark.kernels.check_attention", broken)
    kept = []
    found = {k.name: k for k in measure_kernels(build(), SIZE, rounds=1, keep=lambda rows: kept.append(len(rows)))}
    assert found["flash"].refused == "RuntimeError: cuDNN Frontend error" and found["flash"].failed
    assert found["math"].seconds > 0 and kept == [1, 2, 3]
    spent = measure_kernels(build(), SIZE, rounds=1, budget=Budget(-1))
    assert all("budget was spent" in kernel.refused and not kernel.failed for kernel in spent)


def test_bars_are_worked_out_from_what_there_is():
    only_ours = Measurement("Tora2, motion and entities", 2.0, (2.0,), None)
    refused = Measurement("diffusers CogVideoX", 0.0, (), None, refused="RuntimeError: no", failed=True)
    assert bars([refused, only_ours], []) == []
    assert "not run: RuntimeError: no" in steps_table([refused, only_ours])
