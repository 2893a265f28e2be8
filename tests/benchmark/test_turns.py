"""What ends a contender's turn early, and what is said of it."""

import pytest
import torch

from tora2.benchmark import timing
from tora2.benchmark.timing import Budget, OutOfTime
from tora2.benchmark.turns import ended, reason
from tora2.errors import AccelerationError


def test_what_a_machine_refuses_is_told_from_a_failure(capsys):
    assert ended(AccelerationError("No fp8 here; use int8.")) == {"refused": "No fp8 here; use int8.", "failed": False}
    assert not ended(torch.OutOfMemoryError("CUDA out of memory.\nmore"))["failed"]
    assert not capsys.readouterr().err
    assert ended(KeyError("q")) == {"refused": "KeyError: 'q'", "failed": True}
    assert "KeyError" in capsys.readouterr().err, "what nobody foresaw is looked into afterwards"


def test_a_reason_is_one_line_that_says_something():
    assert reason(RuntimeError("\n first\nsecond")) == "RuntimeError: first"
    assert reason(RuntimeError("backend='inductor' raised:\nNo valid triton configs")).endswith(
        "No valid triton configs"
    )
    assert reason(ValueError()) == "ValueError: " and len(reason(ValueError("x" * 999))) == 240


def test_a_budget_counts_from_where_it_is_told_and_refuses_in_a_sentence():
    budget = Budget(1, now=lambda: 100.0, began=60.0)
    assert budget.left == 20
    budget.require(20)
    with pytest.raises(OutOfTime, match="takes about 30 s and 20 s were left; give more minutes"):
        budget.require(30)
    Budget(None).require(1e9)


def test_a_plain_cuda_gets_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert timing.indexed("cuda") == torch.device("cuda", 3)
    assert timing.indexed("cuda:1") == torch.device("cuda", 1) and timing.indexed("cpu") == torch.device("cpu")
