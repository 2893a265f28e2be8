import pytest
import torch

from tora2.benchmark.report import steps_table
from tora2.benchmark.step import _compared, contenders, measure
from tora2.benchmark.timing import Budget
from tora2.conditions import VideoSize
from tora2.errors import Tora2Error


@torch.no_grad()
def test_contenders_do_the_work_they_are_timed_for():
    runs = contenders("tiny", VideoSize(5, 32, 32), 2, "cpu", torch.float32, None)
    outputs = {name: run() for name, run in runs.items()}
    fast, slow = outputs["Tora2, motion and entities"], outputs["Tora2, low memory"]
    torch.testing.assert_close(slow, fast, rtol=1e-3, atol=1e-3)
    plain = outputs.pop("diffusers CogVideoX")
    assert all((output - plain).abs().max() > 1e-3 for output in outputs.values())
    results = measure(runs, 2, "cpu")
    assert [result.name for result in results] == list(runs) and results[0].ratio == 1.0
    assert all(len(result.rounds) == 2 and result.seconds > 0 for result in results)


class Clock:
    """Contenders that take so many seconds of the budget's clock, and more for the first time."""

    def __init__(self):
        self.now = 0.0

    def contender(self, seconds, first=0.0):
        left = [first]

        def run():
            self.now += seconds + (left.pop() if left else 0.0)

        return run

    def budget(self, seconds):
        return Budget(seconds / 60, now=lambda: self.now)


def test_a_contender_that_fails_is_a_row_and_the_others_go_on(capsys):
    clock, kept, turns = Clock(), [], iter(range(99))

    def broken():
        raise RuntimeError("CUDA error: device-side assert")

    def later():
        if next(turns) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    runs = {"plain": clock.contender(1), "broken": broken, "later": later, "last": clock.contender(1)}
    plain, failed, cut, last = measure(runs, 3, "cpu", keep=lambda rows: kept.append([row.name for row in rows]))
    assert failed.refused == "RuntimeError: CUDA error: device-side assert" and failed.failed and failed.ratio is None
    assert len(plain.rounds) == len(last.rounds) == 3
    assert len(cut.rounds) == 1 and cut.refused.startswith("OutOfMemoryError") and not cut.failed
    assert kept[:3] == [["plain"], ["plain", "broken"], ["plain", "broken", "later"]], "after every turn"
    table = steps_table([plain, failed, cut, last])
    assert "not run: RuntimeError" in table and "after 1 rounds: OutOfMemoryError" in table


def test_without_the_first_there_is_no_ratio():
    def broken():
        raise RuntimeError("no")

    assert [row.ratio for row in measure({"plain": broken, "ours": lambda: None}, 1, "cpu")] == [None, None]


def test_a_contender_that_would_pass_the_deadline_is_not_begun_and_compiling_counts():
    clock = Clock()
    runs = {name: clock.contender(2, first=80) for name in "abc"}
    a, b, c = measure(runs, 5, "cpu", clock.budget(200), first_seconds=120)
    assert len(a.rounds) == 5 and len(b.rounds) == 5 and not c.rounds
    assert "takes about 82 s and 32 s were left" in c.refused and clock.now <= 200
    (refused,) = measure({"a": clock.contender(2)}, 5, "cpu", clock.budget(100), first_seconds=120)
    assert not refused.rounds, "a first compilation is taken for what it may take"


def test_rounds_end_before_the_deadline():
    clock = Clock()
    runs = {"plain": clock.contender(2), "slow": clock.contender(5)}
    plain, slow = measure(runs, 9, "cpu", clock.budget(30))
    assert clock.now <= 30 and len(plain.rounds) in (3, 4) and len(slow.rounds) == 3 and not slow.refused


def test_alibabas_model_that_does_not_open_is_a_row(tmp_path):
    package = tmp_path / "diffusers-version" / "tora"
    package.mkdir(parents=True)
    (package / "transformer_3d.py").write_text("import a_package_that_nobody_has")
    runs = contenders("tiny", VideoSize(5, 32, 32), 0, "cpu", torch.float32, tmp_path)
    rows = {row.name: row for row in measure(runs, 1, "cpu")}
    assert "a_package_that_nobody_has" in rows["alibaba/Tora"].refused
    assert rows["Tora2, low memory"].rounds and list(rows)[2] == "alibaba/Tora", "the ratio to it comes early"


def test_models_that_disagree_do_not_compare():
    run = _compared(lambda: torch.ones(2), lambda: torch.zeros(2), torch.float32)
    with pytest.raises(Tora2Error, match=r"disagree by 1.0e\+00"):
        run()


def test_wrong_names_are_refused(tmp_path):
    with pytest.raises(Tora2Error, match="huge"):
        contenders("huge", VideoSize(5, 32, 32), 2, "cpu", torch.float32, None)
    with pytest.raises(Tora2Error, match="no checkout of alibaba/Tora"):
        contenders("tiny", VideoSize(5, 32, 32), 2, "cpu", torch.float32, tmp_path)
