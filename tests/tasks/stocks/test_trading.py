"""A trading rule earns what it holds less what it pays, and luck is allowed for."""

import math

import numpy as np
import pytest

from statewise.tasks.stocks.returns import OneStep
from statewise.tasks.stocks.trading import deflated_sharpe, sharpe_ratio, trading

DAYS = 700


def said(ups: np.ndarray, returns: np.ndarray) -> OneStep:
    """Return directions `[days, shares]` as if they had been forecast, shares in disorder."""
    days, series = (grid.T.reshape(-1) for grid in np.meshgrid(*map(np.arange, returns.shape), indexing="ij"))
    nothing = np.zeros(returns.size)
    return OneStep(days, series, returns.T.reshape(-1), nothing, nothing, ups.T.reshape(-1))


def test_a_rule_earns_what_it_holds_and_pays_for_what_it_changes() -> None:
    gains = np.array([[0.10, -0.20], [0.05, 0.50], [-0.01, 0.02]])
    ups = np.array([[True, False], [True, True], [False, True]])
    found = trading(said(ups, 100 * np.log1p(gains)), cost=100, tried=1)
    assert found.rule.returns == pytest.approx([0.05 - 0.005, 0.275 - 0.005, 0.01 - 0.005])
    assert found.rule.turnover == pytest.approx([0.5, 0.5, 0.5])
    assert found.held.returns == pytest.approx([-0.05 - 0.01, 0.275, 0.005])


def test_the_deflated_ratio_is_that_of_the_paper() -> None:
    # for normal returns and one rule it is the probability that a mean is above 0, of which the t test knows
    returns = np.random.default_rng(1).normal(0.05, 1, 4000)
    z = sharpe_ratio(returns) * np.sqrt(len(returns) - 1)
    assert deflated_sharpe(returns, 1) == pytest.approx(0.5 * (1 + math.erf(z / np.sqrt(2))), abs=0.01)
    assert deflated_sharpe(np.full(9, 0.1), 1) == 0.5
    # the best of 100 ratios without skill is as likely above its expectation as beneath, or nearly
    dice = np.random.default_rng(2)
    best = [max((dice.normal(0, 1, 400) for _ in range(100)), key=sharpe_ratio) for _ in range(60)]
    assert 0.3 < np.mean([deflated_sharpe(one, 100) > 0.5 for one in best]) < 0.6
    assert np.mean([deflated_sharpe(one, 1) > 0.95 for one in best]) > 0.9


@pytest.mark.parametrize(("signal", "verdict"), [(0.8, "; better than buying"), (0.0, "; not known to be better")])
def test_a_rule_with_skill_is_told_from_one_without(signal: float, verdict: str) -> None:
    dice = np.random.default_rng(4)
    returns = dice.normal(0, 1, (DAYS, 5))
    ups = signal * returns + dice.normal(0, 1, returns.shape) > 0
    assert verdict in trading(said(ups, returns), cost=5, tried=20).words(0.05)
