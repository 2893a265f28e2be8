import math

import numpy as np
import pytest

from tora2.evaluation.statistics import bootstrap, differs, separates


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        estimate = bootstrap(rng.normal(5.0, 2.0, 30), resamples=500, seed=trial)
        hits += estimate.low <= 5.0 <= estimate.high
    assert 0.88 <= hits / 300 <= 0.98


def test_mean_and_interval_of_known_values():
    estimate = bootstrap([1.0, 1.0, 1.0, 1.0])
    assert (estimate.mean, estimate.low, estimate.high, estimate.count) == (1.0, 1.0, 1.0, 4)
    estimate = bootstrap([0.0, 1.0] * 50)
    assert estimate.mean == 0.5
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * 0.05, rel=0.15)  # the binomial's standard error
    assert bootstrap([0.0, 1.0] * 50) == estimate


def test_scenes_without_a_measurement_are_left_out_and_counted():
    assert bootstrap([2.0, math.nan, 4.0]).mean == 3.0
    assert bootstrap([2.0, math.nan, 4.0]).count == 2
    empty = bootstrap([math.nan])
    assert empty.count == 0 and math.isnan(empty.mean)


def test_a_control_separates_by_its_paired_difference_on_the_right_side():
    values = np.array([1.0, 11.0, 21.0, 31.0])  # scenes differ by far more than the two ways of asking do
    gap = differs(values, values + [2, 3, 2, 3])
    assert gap.mean == -2.5
    assert separates(gap, -1) and not separates(gap, 1)
    assert not separates(differs(values, values[::-1]), -1)
    assert not separates(differs([1.0, 1.0], [5.0, 5.0]), -1)  # two scenes prove nothing
