import math

import numpy as np
import pytest

from tora2.evaluation.statistics import _student, bootstrap, differs, separates


@pytest.mark.parametrize("scenes", [6, 10, 30])
def test_interval_covers_the_true_mean_about_as_often_as_it_says(scenes):
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(1000):
        estimate = bootstrap(rng.normal(5.0, 2.0, scenes), resamples=500, seed=trial)
        hits += estimate.low <= 5.0 <= estimate.high
    assert 0.915 <= hits / 1000 <= 0.975  # plain percentiles: 0.85 at six, 0.90 at ten


@pytest.mark.parametrize(("freedom", "quantile"), [(2, 4.3027), (4, 2.7764), (9, 2.2622), (29, 2.0452)])
def test_students_quantiles(freedom, quantile):
    assert _student(0.975, freedom) == pytest.approx(quantile, rel=1e-3 if freedom > 2 else 1e-2)


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
    values = np.array([1.0, 11.0, 21.0, 31.0, 41.0, 51.0])  # far more than the two ways of asking differ
    gap = differs(values, values + [2, 3, 2, 3, 2, 3])
    assert gap.mean == -2.5
    assert separates(gap, -1) and not separates(gap, 1)
    assert not separates(differs(values, values[::-1]), -1)
    assert not separates(differs([1.0] * 5, [5.0] * 5), -1)  # five scenes prove nothing
