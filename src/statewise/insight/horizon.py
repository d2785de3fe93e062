"""From gradients at each lag to numbers: how far back they lie, and how fast they decay where they do so evenly."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.insight.intervals import Band, Interval, band_of

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]

SHARE = 0.95
BEYOND = 0.01
"What share of the gradient may lie beyond the last lag, as its decay foretells, before the horizon is only a bound."
FITTED_SHARE, FEWEST_FITTED = 0.999, 6
"A decay is fitted over the lags that hold this share of the gradient, and over no fewer lags than these."
EVEN = 1.25
"A decay is geometric where its mean logarithm is within this factor of a line at every lag."


class Edge(NamedTuple):
    """How many steps back a falling curve comes below a threshold.

    `is_bound`: it does not within the lags that were looked at, so the edge is at least the last of them.
    """

    steps: Interval
    is_bound: bool

    def words(self) -> str:
        """Say it."""
        return ("at least " if self.is_bound else "") + self.steps.words()


def edge_of(band: Band, lags: Sequence[int], threshold: float) -> Edge:
    """Return where a curve comes below a threshold, and where the two bounds of its band do: those are the interval.

    The curve is taken as the nearest one that never rises again (isotonic regression), so that one lag at which noise
    lifts it once more does not move the edge. The interval covers the edge as often as the band covers the curve there.

    >>> curve = np.array([1.0, 0.5, 0.02, 0.0])
    >>> edge_of(Band(curve, curve - 0.01, curve + 0.01), range(4), threshold=0.26).steps.words(2)
    '1.50 (1.48 to 1.52)'
    """
    places = np.array(lags, dtype=np.float64)
    value, low, high = (_crossing(curve, places, threshold) for curve in (band.means, band.low, band.high))
    is_bound = math.isinf(value)
    return Edge(Interval(float(places[-1]) if is_bound else value, min(low, float(places[-1])), high), is_bound)


def _crossing(curve: Array, lags: Array, threshold: float) -> float:
    """Return where a curve, made to fall, crosses a threshold: infinity if nowhere, the first lag if it begins below.

    The isotonic fit is above the threshold just up to the lag where the sum of (curve - threshold) is largest. There
    its slopes to the left and to the right are the values of the fit at the lag before and the lag after the
    crossing.
    """
    if np.isnan(curve).any():
        return math.nan
    sums = np.concatenate([[0.0], np.cumsum(curve - threshold)])
    last = int(sums.argmax())  # so many lags lie above
    if last == 0:
        return float(lags[0])
    if last == len(lags):
        return math.inf
    steps = np.arange(len(sums)) - last
    above = float(((sums[last] - sums[:last]) / -steps[:last]).min())
    below = float(((sums[last + 1 :] - sums[last]) / steps[last + 1 :]).max())
    part = above / (above - below) if above > below else 0.0
    return float(lags[last - 1] + part * (lags[last] - lags[last - 1]))


class Decay(NamedTuple):
    """A geometric decay `a r^k` of a probe's gradient: its factor `r`, its half-life in steps, over so many lags."""

    factor: Interval
    half_life: Interval
    lags: int


def decay_of(logs: Array, rows: Rows, lags: int, seed: int = 0) -> Decay | None:
    """Return the decay of gradients over the first `lags` lags, or None where it is not geometric.

    A line is fitted to the logarithms `[N, K]` of each probe. The decay is geometric where the mean over the probes
    is shown, with 95 % confidence, to lie within a factor of 1.25 of the mean line at every lag: a test of
    equivalence, which too few probes do not pass (Schuirmann 1987). Probes that do not reach so far are left out.

    >>> halved = np.log(0.5) * np.arange(12) + np.random.default_rng(0).normal(size=(40, 1))
    >>> decay_of(halved, np.arange(40), lags=12).half_life.words()
    '1.0 (1.0 to 1.0)'
    """
    reached = logs[:, :lags]
    whole = np.isfinite(reached).all(axis=1)
    if not whole.any() or reached.shape[1] < FEWEST_FITTED:
        return None
    reached, rows = reached[whole], rows[whole]
    places = np.arange(reached.shape[1]) - (reached.shape[1] - 1) / 2
    slopes = reached @ places / (places @ places)
    apart = reached - reached.mean(axis=1, keepdims=True) - slopes[:, np.newaxis] * places
    band = band_of(np.column_stack([-slopes, apart]), rows, seed)
    fall, most = band.at(0), math.log(EVEN)
    if not (fall.low > 0 and (band.low[1:] > -most).all() and (band.high[1:] < most).all()):  # also without a band
        return None
    falls = (fall.value, fall.high, fall.low)
    factor, half_life = Interval(*(math.exp(-one) for one in falls)), Interval(*(math.log(2) / one for one in falls))
    return Decay(factor, half_life, reached.shape[1])


def shares_of(logs: Array) -> Array:
    """Return what share of each probe's gradient lies at each lag, `[N, K]`, from the logarithms of its norms.

    So each probe counts alike, however large its loss. Lags before the beginning of a sequence (NaN) hold nothing; a
    probe without any gradient is NaN throughout.

    >>> shares_of(np.log([[3.0, 1.0], [600.0, 200.0]])).round(6).tolist()
    [[0.75, 0.25], [0.75, 0.25]]
    """
    known = np.where(np.isnan(logs), -np.inf, logs)
    largest = known.max(axis=1, keepdims=True)
    norms = np.exp(known - np.where(np.isfinite(largest), largest, 0))
    total = norms.sum(axis=1, keepdims=True)
    shares: Array = np.where(total > 0, norms / np.where(total > 0, total, 1), np.nan)
    return shares


def share_beyond(means: Array) -> float:
    """Return what share of the gradient lies beyond the last lag, if it goes on as over the last quarter of them."""
    tail = means[-max(4, len(means) // 4) :]
    total = float(means.sum())
    if total <= 0 or (tail <= 0).any():
        return 0.0
    factor = math.exp(float(np.polyfit(np.arange(len(tail)), np.log(tail), 1)[0]))
    beyond = math.inf if factor >= 1 else float(tail[-1]) * factor / (1 - factor)
    return beyond / (total + beyond) if math.isfinite(beyond) else 1.0


class Reach(NamedTuple):
    """How far back a gradient reaches.

    `shares` is the mean share of a probe's gradient at each lag from 0. The `horizon` is how many steps back 95 % of
    it lies; where more than 1 % lies beyond the last lag that was looked at, only a bound. `decay` is None where the
    gradient does not decay geometrically, and then there is no half-life.
    """

    shares: list[float]
    horizon: Edge
    decay: Decay | None

    def words(self) -> str:
        """Say the horizon."""
        return self.horizon.words()


def reach_of(logs: Array, rows: Rows, seed: int = 0) -> Reach:
    """Return how far back a gradient reaches, from the logarithms of its norms `[N, K + 1]` at lags from 0.

    Probes that have no gradient at all do not count.
    """
    shares = shares_of(logs)
    heard = ~np.isnan(shares[:, 0])
    if not heard.any():
        nothing = Interval(0.0, 0.0, 0.0)
        return Reach([0.0] * logs.shape[1], Edge(nothing, False), None)
    shares, logs, rows = shares[heard], logs[heard], rows[heard]
    means = shares.mean(axis=0)
    further_back = 1 - shares.cumsum(axis=1)
    edge = edge_of(band_of(further_back, rows, seed), range(logs.shape[1]), 1 - SHARE)
    fitted = max(FEWEST_FITTED, 1 + int((means.cumsum() < FITTED_SHARE).sum()))
    return Reach(means.tolist(), Edge(edge.steps, share_beyond(means) > BEYOND), decay_of(logs, rows, fitted, seed))
