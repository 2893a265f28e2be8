import pytest
import torch

from tora2.benchmark.step import contenders, measure
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


def test_wrong_names_are_refused(tmp_path):
    with pytest.raises(Tora2Error, match="huge"):
        contenders("huge", VideoSize(5, 32, 32), 2, "cpu", torch.float32, None)
    with pytest.raises(Tora2Error, match="no checkout of alibaba/Tora"):
        contenders("tiny", VideoSize(5, 32, 32), 2, "cpu", torch.float32, tmp_path)
