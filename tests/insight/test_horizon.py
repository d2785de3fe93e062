"""Numbers from curves of which the answer is known."""

import math

import numpy as np
import pytest

from statewise.insight.horizon import Array, decay_of, edge_of, reach_of, share_beyond, shares_of
from statewise.insight.intervals import Band, band_of

ROWS = np.arange(20)


def falling(factor: float, lags: int) -> Array:
    """Return the logarithms of norms that fall by a factor at each lag, at probes whose losses differ."""
    sizes: Array = np.random.default_rng(0).normal(size=(len(ROWS), 1))
    found: Array = sizes + math.log(factor) * np.arange(lags)
    return found


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.95])
def test_a_geometric_decay_is_found_with_its_half_life_and_its_horizon(factor: float) -> None:
    reach = reach_of(falling(factor, 300), ROWS)
    assert reach.decay is not None
    assert reach.decay.factor == pytest.approx((factor,) * 3, rel=1e-6)
    assert reach.decay.half_life.value == pytest.approx(math.log(2) / -math.log(factor))
    exact = math.log(0.05) / math.log(factor) - 1  # the sum of lags 0 to k is 1 - factor^(k + 1)
    assert exact <= reach.horizon.steps.value < exact + 1
    assert reach.horizon.steps.low == pytest.approx(reach.horizon.steps.value)  # all shares are alike
    assert not reach.horizon.is_bound


def test_a_loss_a_thousand_times_as_large_as_the_others_counts_no_more_than_they_do() -> None:
    logs = falling(0.7, 40)
    logs[3] = math.log(0.9) * np.arange(40)  # this one reaches further back
    grown = logs.copy()
    grown[3] += math.log(1000)
    assert reach_of(grown, ROWS).horizon.steps == pytest.approx(reach_of(logs, ROWS).horizon.steps)


def test_where_the_gradient_has_not_fallen_the_horizon_is_only_a_bound() -> None:
    assert share_beyond(0.99 ** np.arange(1, 31)) == pytest.approx(0.99**30, rel=1e-6)
    assert reach_of(falling(0.99, 30), ROWS).horizon.words().startswith("at least")
    assert share_beyond(1.01 ** np.arange(30)) == 1
    assert share_beyond(np.zeros(30)) == 0


def test_shares_of_sequences_that_begin_later_and_of_probes_without_a_gradient() -> None:
    logs = np.array([[0.0, 0.0, np.nan], [-np.inf, -np.inf, -np.inf], [-800.0, -np.inf, -800.0]])
    assert shares_of(logs)[[0, 2]].tolist() == [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]
    assert np.isnan(shares_of(logs)[1]).all()
    nothing = reach_of(np.full((20, 5), -np.inf), ROWS)
    assert (nothing.horizon.steps.value, nothing.shares, nothing.decay) == (0, [0.0] * 5, None)


def test_there_is_no_half_life_where_the_decay_bends_or_is_not_known_to_be_straight() -> None:
    lags = np.arange(30)
    bent = -0.4 * np.minimum(lags, 10) - 0.1 * np.maximum(lags - 10, 0)
    noise = np.random.default_rng(0).normal(size=(20, 30))
    assert decay_of(bent + 0.01 * noise, ROWS, 30) is None
    assert decay_of(-0.4 * lags + 0.1 * noise, ROWS, 30) is not None
    assert decay_of(-0.4 * lags + 5 * noise, ROWS, 30) is None
    assert decay_of(-0.4 * lags + 0.1 * noise, ROWS % 7, 30) is None  # seven rows have no interval
    assert decay_of(np.zeros((20, 30)), ROWS, 30) is None  # what does not fall has no half-life


def test_an_edge_lies_between_two_lags_and_within_those_of_the_band() -> None:
    means = np.array([3.0, 2.0, 0.5, 0.0])
    edge = edge_of(Band(means, means - 0.5, means + 0.5), [0, 1, 2, 3], threshold=1.0)
    assert edge.steps == pytest.approx((1 + 2 / 3, 1 + 1 / 3, 2.0))
    assert not edge.is_bound


def test_a_curve_that_never_comes_below_has_a_bound_and_one_that_begins_below_ends_there() -> None:
    high, low = np.full(4, 3.0), np.full(4, 0.1)
    never = edge_of(Band(high, high, high), [0, 1, 2, 5], threshold=1.0)
    assert (never.words(), never.steps.value) == ("at least 5.0 (5.0 or more)", 5)
    assert edge_of(Band(low, low, high), [2, 3, 4, 5], threshold=1.0).words() == "2.0 (2.0 or more)"


def test_noise_that_lifts_a_curve_once_more_does_not_move_its_edge_out() -> None:
    curve = np.array([0.5, 0.1, 0.02, 0.009, 0.001, 0.0, 0.0101, 0.0, 0.0, 0.0])
    assert edge_of(Band(curve, curve, curve), range(10), 0.01).steps.value == pytest.approx(2.91, abs=0.01)


def test_the_edge_of_a_noisy_curve_is_held_as_often_as_it_says_and_is_not_biased_outward() -> None:
    lags, truth = np.arange(4, 20), 9.4
    dice, held, found = np.random.default_rng(0), 0, []
    for seed in range(150):
        sizes = dice.lognormal(sigma=1.5, size=(100, 1)) / math.exp(1.5**2 / 2)  # of mean 1, and heavy in its tail
        noise = dice.lognormal(sigma=0.7, size=(100, len(lags))) / math.exp(0.7**2 / 2)
        values = 0.01 * sizes * noise * np.exp((truth - lags) / 4)
        steps = edge_of(band_of(values, np.arange(100), seed), lags.tolist(), 0.01).steps
        held += steps.low <= truth <= steps.high
        found.append(steps.value)
    assert 0.9 <= held / 150 <= 0.99
    assert np.mean(found) == pytest.approx(truth, abs=0.3)
