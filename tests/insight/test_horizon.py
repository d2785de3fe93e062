"""Numbers from curves of which the answer is known."""

import math

import numpy as np
import pytest

from statewise.insight.horizon import (
    Interval,
    bootstrap,
    fit_decay,
    horizons,
    means_by_lag,
    reach_of,
    share_beyond,
)


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.95])
def test_a_geometric_decay_is_found_with_its_half_life_and_its_horizon(factor: float) -> None:
    norms = factor ** np.arange(1, 301)
    reach = reach_of(np.log(np.tile(norms, (20, 1))), first=1)
    assert reach.decay.factor == pytest.approx(factor, rel=1e-6)
    assert reach.decay.explained == pytest.approx(1)
    assert reach.half_life.value == pytest.approx(math.log(2) / -math.log(factor))
    exact = math.log(0.05) / math.log(factor)  # sum of the first k is 1 - factor^k
    assert exact <= reach.horizon.value < exact + 1
    assert reach.horizon.low == reach.horizon.high == reach.horizon.value  # all probes are alike
    assert not reach.is_bound


def test_where_the_gradient_has_not_fallen_the_horizon_is_only_a_bound() -> None:
    slow = 0.99 ** np.arange(1, 31)
    assert share_beyond(slow) == pytest.approx(0.99**30, rel=1e-6)
    assert reach_of(np.log(np.tile(slow, (5, 1))), first=1).is_bound
    assert share_beyond(1.01 ** np.arange(30)) == 1
    assert share_beyond(np.zeros(30)) == 0


def test_probes_that_do_not_reach_a_lag_do_not_count_there() -> None:
    logs = np.log(np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan]]))
    assert means_by_lag(logs)[0] == pytest.approx([2.0, 2.0, 0.0])
    assert means_by_lag(logs, np.array([[0.0, 2.0]]))[0] == pytest.approx([3.0, 0.0, 0.0])


def test_the_horizon_lies_between_lags_where_the_share_does() -> None:
    means = np.array([[4.0, 4.0, 2.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert horizons(means, first=1, share=0.8).tolist() == pytest.approx([2.0, 0.8, 0.0])
    assert horizons(means, first=0, share=0.9).tolist() == pytest.approx([1.5, 0.0, 0.0])


def test_a_bootstrap_interval_holds_the_mean_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        sample = draw.normal(size=80)
        found = bootstrap(lambda weights, sample=sample: weights @ sample / 80, 80, seed=trial)  # type: ignore[misc]
        held += found.low <= 0 <= found.high
    assert 88 <= held <= 100


def test_a_decay_without_anything_to_fit_is_one_step() -> None:
    assert fit_decay(np.array([1.0, 0.0, 0.0]), first=1).factor == 0
    assert fit_decay(np.array([1.0, 0.0, 0.0]), first=1).half_life == 0
    assert fit_decay(np.array([1.0, 1.0, 1.0, 1.0]), first=1).half_life == math.inf


def test_an_interval_is_beyond_another_only_without_overlap() -> None:
    assert Interval(9, 8, 10).is_beyond(Interval(6, 5, 7))
    assert not Interval(9, 6, 10).is_beyond(Interval(6, 5, 7))
