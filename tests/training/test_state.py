import pytest
import torch
from torch import nn

from tora2.training.state import Average


def test_the_average_begins_fast_and_ends_at_its_decay():
    parameters = {"weight": nn.Parameter(torch.zeros(2))}
    average, expected = Average(parameters, decay=0.5), 0.0
    for step, keep in [(1, 2 / 11), (2, 3 / 12), (7, 8 / 17), (8, 0.5), (1000, 0.5)]:
        nn.init.constant_(parameters["weight"], step)
        average.update(parameters, step)
        expected = keep * expected + (1 - keep) * step
        assert average.values["weight"].tolist() == [pytest.approx(expected)] * 2
