"""From norms at each lag to numbers: how far back the gradient lies, how fast it decays, and how sure that is."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

SHARE = 0.95
RESAMPLES = 1000
CONFIDENCE = 0.95
BEYOND = 0.01
"What share of the gradient may lie behind the last lag, as its decay foretells, before the horizon is only a bound."


class Interval(NamedTuple):
    """A number, and between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def words(self, digits: int = 1) -> str:
        """Say it.

        >>> Interval(9.04, 8.51, 9.6).words()
        '9.0 (8.5 to 9.6)'
        """
        shown = [f"{number:,.{digits}f}" if math.isfinite(number) else "none" for number in self]
        return f"{shown[0]} ({shown[1]} to {shown[2]})"

    def is_beyond(self, other: "Interval") -> bool:
        """Say whether this lies above another and the two do not overlap."""
        return self.low > other.high


def means_by_lag(logs: Array, weights: Array | None = None) -> Array:
    """Return the mean norm at each lag over the probes that reach so far, from logarithms `[N, K]`.

    With `weights` `[S, N]`, one set of means for each, `[S, K]`. Lags that no probe reaches have mean 0.
    """
    there = ~np.isnan(logs)
    norms = np.where(there, np.exp(logs, where=there, out=np.zeros_like(logs)), 0)
    weights = np.ones((1, len(logs))) if weights is None else weights
    means: Array = (weights @ norms) / np.maximum(weights @ there, 1e-300)
    return means


def bootstrap(values: Callable[[Array], Array], probes: int, seed: int = 0) -> Interval:
    """Return a statistic of the probes with its percentile interval.

    `values` takes weights `[S, N]`, how often each probe was drawn, and returns `[S]`. Source: Efron 1979.

    >>> heads = np.array([0.0, 1.0] * 200)
    >>> bootstrap(lambda weights: weights @ heads / len(heads), probes=400).value
    0.5
    """
    draws = np.random.default_rng(seed).multinomial(probes, np.full(probes, 1 / probes), size=RESAMPLES)
    drawn = values(draws.astype(np.float64))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return Interval(float(values(np.ones((1, probes)))[0]), float(low), float(high))


def horizons(means: Array, first: int, share: float = SHARE) -> Array:
    """Return the lag by which a share of the gradient lies, for each set of means `[S, K]` at lags from `first`.

    Between two lags it is interpolated. Where there is no gradient at all it is 0.

    >>> horizons(np.array([[1.0, 1.0, 1.0, 1.0]]), first=1, share=0.5)
    array([2.])
    """
    reached = np.cumsum(means, axis=1)
    wanted = share * reached[:, -1:]
    place = np.minimum((reached < wanted - 1e-15 * wanted).sum(axis=1), means.shape[1] - 1)
    rows = np.arange(len(means))
    here = means[rows, place]
    part = np.divide(wanted[:, 0] - (reached[rows, place] - here), here, out=np.zeros_like(here), where=here > 0)
    found: Array = np.maximum(0.0, first - 1 + place + np.clip(part, 0, 1))
    return found


class Decay(NamedTuple):
    """A geometric decay `a r^k` fitted to the norms: its factor `r`, how well it fits, and over which lags."""

    factor: float
    explained: float
    last_lag: int

    @property
    def half_life(self) -> float:
        """After how many steps half of the gradient is left; infinite where it does not fall."""
        return math.log(2) / -math.log(self.factor) if 0 < self.factor < 1 else (0.0 if not self.factor else math.inf)


def fit_decay(means: Array, first: int) -> Decay:
    """Fit a line to the logarithms of the means `[K]` over the lags that hold 99.9 % of the gradient (at least four).

    >>> round(fit_decay(0.5 ** np.arange(1, 30), first=1).factor, 6)
    0.5
    """
    last = int(np.ceil(horizons(means[np.newaxis], first, 0.999)[0])) - first + 1
    kept = means[: max(4, last)]
    kept = kept[: int(np.argmin(kept > 0))] if (kept <= 0).any() else kept
    if len(kept) < 2:
        return Decay(0.0, 1.0, first + len(kept) - 1)
    lags, logs = np.arange(len(kept)), np.log(kept)
    slope, offset = np.polyfit(lags, logs, 1)
    spread = ((logs - logs.mean()) ** 2).sum()
    explained = 1 - ((logs - slope * lags - offset) ** 2).sum() / spread if spread > 1e-12 else 1.0
    return Decay(float(np.exp(slope)), float(explained), first + len(kept) - 1)


def share_beyond(means: Array) -> float:
    """Return what share of the gradient lies behind the last lag, if it goes on as over the last quarter of them."""
    tail = means[-max(4, len(means) // 4) :]
    total = float(means.sum())
    if total <= 0 or tail[-1] <= 0:
        return 0.0
    if (tail <= 0).any():
        return 0.0
    factor = math.exp(float(np.polyfit(np.arange(len(tail)), np.log(tail), 1)[0]))
    beyond = math.inf if factor >= 1 else float(tail[-1]) * factor / (1 - factor)
    return beyond / (total + beyond) if math.isfinite(beyond) else 1.0


class Reach(NamedTuple):
    """How far back a gradient reaches: mean norms at lags from `first`, the horizon, and the decay.

    `is_bound`: more than 1 % of it lies behind the last lag that was looked at, so the horizon is at least that.
    """

    first: int
    norms: list[float]
    horizon: Interval
    half_life: Interval
    decay: Decay
    is_bound: bool

    def words(self) -> str:
        """Say the horizon."""
        return ("at least " if self.is_bound else "") + self.horizon.words()


def reach_of(logs: Array, first: int, seed: int = 0) -> Reach:
    """Return how far back a gradient reaches, from logarithms of norms `[N, K]` at lags from `first`."""
    probes = len(logs)
    means = means_by_lag(logs)[0]

    def half_lives(weights: Array) -> Array:
        return np.array([fit_decay(one, first).half_life for one in means_by_lag(logs, weights[:200])])

    return Reach(
        first,
        means.tolist(),
        bootstrap(lambda weights: horizons(means_by_lag(logs, weights), first), probes, seed),
        bootstrap(half_lives, probes, seed),
        fit_decay(means, first),
        share_beyond(means) > BEYOND,
    )
