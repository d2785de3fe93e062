"""A trading rule on forecast directions, with its costs, compared with buying and holding, and a test against luck."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.tasks.forecast.metrics import compare
from statewise.tasks.stocks.returns import OneStep

Floats = NDArray[np.floating]

DAYS_A_YEAR = 252
EULER = 0.5772156649015329
NORMAL = NormalDist()


class Traded(NamedTuple):
    """What a rule earned each day, as a share of what it was worth, and how much of it was bought or sold."""

    returns: Floats
    turnover: Floats

    def measures(self, tried: int) -> dict[str, float]:
        """Return yearly mean and spread in percent, the Sharpe ratio, and how probable it is that skill made it."""
        return {
            "percent_a_year": 100 * DAYS_A_YEAR * float(self.returns.mean()),
            "spread_a_year": 100 * math.sqrt(DAYS_A_YEAR) * float(self.returns.std(ddof=1)),
            "sharpe_ratio": math.sqrt(DAYS_A_YEAR) * sharpe_ratio(self.returns),
            "deflated_sharpe": deflated_sharpe(self.returns, tried),
            "turned_over": float(self.turnover.mean()),
        }


class Trading(NamedTuple):
    """A rule compared with buying and holding, and how many rules were tried before this one was shown."""

    rule: Traded
    held: Traded
    tried: int

    def table(self) -> dict[str, dict[str, float]]:
        """Return a row for each."""
        rows = {"hold what is likelier to rise": self.rule, "buy and hold": self.held}
        return {name: row.measures(self.tried if row is self.rule else 1) for name, row in rows.items()}

    def words(self, certain: float) -> str:
        """Say whether the rule earned more for its risk than holding everything, and whether that may be luck."""
        rule, held = self.table().values()
        difference = compare(-self.rule.returns, -self.held.returns)
        luck = f"the best of {self.tried} rules without skill" if self.tried > 1 else "one without skill"
        told = (
            f"Trading: a Sharpe ratio of {rule['sharpe_ratio']:.2f} after costs, holding all {held['sharpe_ratio']:.2f}"
        )
        told += f"; with probability {rule['deflated_sharpe']:.2f} better than {luck}"
        is_better = rule["sharpe_ratio"] > held["sharpe_ratio"] and difference.statistic < 0
        is_sure = difference.p_value < certain and rule["deflated_sharpe"] > 1 - certain
        verdict = "better than" if is_better and is_sure else "not known to be better than"
        return f"{told}; {verdict} buying and holding (by days, {difference.luck})."


def trading(found: OneStep, cost: float, tried: int) -> Trading:
    """Hold each day, in equal parts, what is likelier to rise, and separately everything, and pay for every change.

    `cost` is what a trade costs, in hundredths of a percent of its size. A part whose share is not held earns nothing.
    """
    everything = np.ones(len(found.returns), dtype=np.bool_)
    return Trading(_traded(found, found.ups, cost), _traded(found, everything, cost), tried)


def _traded(found: OneStep, wanted: NDArray[np.bool_], cost: float) -> Traded:
    days, day = np.unique(found.days, return_inverse=True)
    shares, share = np.unique(found.series, return_inverse=True)
    held, moved = (np.zeros((len(days), len(shares))) for _ in range(2))
    held[day, share] = wanted
    moved[day, share] = np.expm1(found.returns / 100)
    turnover = np.abs(np.diff(held, axis=0, prepend=0)).mean(axis=1)
    return Traded((held * moved).mean(axis=1) - cost / 1e4 * turnover, turnover)


def sharpe_ratio(returns: Floats) -> float:
    """Return the mean over the standard deviation, of one period; 0 for returns that stand still."""
    spread = float(returns.std(ddof=1))
    return float(returns.mean()) / spread if spread > 0 else 0.0


def deflated_sharpe(returns: Floats, tried: int) -> float:
    """Return how probable it is that the true Sharpe ratio is above the best that luck gives to so many rules tried.

        Phi((S - S0) sqrt(T - 1) / sqrt(1 - skew S + (kurtosis - 1) / 4 S^2))
        S0 = ((1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e))) / sqrt(T - 1),   g = 0.5772...

    S is the ratio of one period. The ratios of rules without skill are taken to spread as estimates of 0 do, by
    1 / sqrt(T - 1), since those of the other rules are not known here. For one rule S0 is 0.
    Source: Bailey & Lopez de Prado 2014.

    >>> steady = np.tile([0.02, -0.015], 400)
    >>> [round(deflated_sharpe(steady, tried), 2) for tried in (1, 10, 1000)]
    [1.0, 0.99, 0.78]
    """
    n, sharpe = len(returns), sharpe_ratio(returns)
    if n < 3 or returns.std() <= 0:
        return 0.5
    alike = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((alike**3).mean()), float((alike**4).mean())
    best = 0.0
    if tried > 1:
        best = (1 - EULER) * NORMAL.inv_cdf(1 - 1 / tried) + EULER * NORMAL.inv_cdf(1 - 1 / (tried * math.e))
    scale = math.sqrt(max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 1e-12))
    return NORMAL.cdf((sharpe * math.sqrt(n - 1) - best) / scale)
