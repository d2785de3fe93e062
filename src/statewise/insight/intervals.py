"""Confidence intervals, from resampling whole rows of probes, and from several trainings."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.errors import UsageError
from statewise.heads import StudentT
from statewise.heads.student_t import StudentTParams

Array = NDArray[np.floating[Any]]

CONFIDENCE = 0.95
RESAMPLES = 1000
TAILS = 0.01, 0.975
"""Between which quantiles of t* a band lies. Not from 2.5 %: a sample lacks the rarest and largest probes, so that its
upper bound would be too low. These hold the mean about 95 times of 100 (proofs/memory_coverage.py)."""
FEWEST_ROWS = 8
"From fewer rows of data there is no interval."
FEWEST_TRAININGS = 5
"From fewer trainings nothing is said about their cell."
WIDEST = 100.0
"The most standard errors that a band may be wide: where nearly all probes are 0, few resamples have any spread."


class Interval(NamedTuple):
    """A number and its 95 % confidence interval; unknown bounds are NaN."""

    value: float
    low: float
    high: float

    def words(self, digits: int = 1) -> str:
        """Say it.

        >>> Interval(9.04, 8.51, 9.6).words(), Interval(9.04, 8.51, math.inf).words()
        ('9.0 (8.5 to 9.6)', '9.0 (8.5 or more)')
        >>> Interval(9.04, math.nan, math.nan).words()
        '9.0 (no interval)'
        """
        value, low, high = (f"{number:,.{digits}f}" if math.isfinite(number) else "none" for number in self)
        if math.isnan(self.low):
            return f"{value} (no interval)"
        return f"{value} ({low} or more)" if self.high == math.inf else f"{value} ({low} to {high})"

    def is_beyond(self, other: "Interval") -> bool:
        """Say whether this lies above another and the two do not overlap."""
        return self.low > other.high


class Band(NamedTuple):
    """Means at some places, `[L]`, and the bounds within which each lies with 95 % confidence."""

    means: Array
    low: Array
    high: Array

    def at(self, place: int) -> Interval:
        """Return one of the means as an interval."""
        return Interval(float(self.means[place]), float(self.low[place]), float(self.high[place]))


def band_of(values: Array, rows: NDArray[np.integer[Any]], seed: int = 0) -> Band:
    r"""Return the mean over probes at each place, with a bootstrap-t band. NaN counts nowhere.

        t* = (mean* - mean) / error*        band = mean - t*_(97.5 %) error  to  mean - t*_(1 %) error

    A resample draws whole rows of data, since probes of one row are neighbours and may be alike; a mean is then a
    ratio of two sums, and its standard error is the one of a ratio. Unlike percentiles of mean*, the band covers the
    mean as often as it says also where a few probes are far above the others. From fewer than 8 rows the bounds are
    NaN.

    Shapes: `values` `[N, L]`, `rows` `[N]`, the row of each probe. Source: Efron 1981; Hall 1988.

    >>> band_of(np.array([[0.0], [1.0]] * 200), np.arange(400)).at(0).words(2)
    '0.50 (0.45 to 0.56)'
    """
    sums, counts = _by_row(values, rows)
    drawn = len(sums)
    means = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1e-300)
    if drawn < FEWEST_ROWS:
        return Band(means, np.full_like(means, math.nan), np.full_like(means, math.nan))
    draws = np.random.default_rng(seed).multinomial(drawn, np.full(drawn, 1 / drawn), size=RESAMPLES).astype(np.float64)
    (_,), (error,) = _ratio(np.ones((1, drawn)), sums, counts)
    again, errors = _ratio(draws, sums, counts)
    moved = again - means
    t = np.where(moved == 0, 0.0, moved / np.where(errors > 0, errors, 1e-300)).clip(-WIDEST, WIDEST)
    low, high = np.quantile(t, TAILS, axis=0)
    return Band(means, means - np.maximum(high, 0) * error, means - np.minimum(low, 0) * error)


def _by_row(values: Array, rows: NDArray[np.integer[Any]]) -> tuple[Array, Array]:
    """Return the sum of each row's probes and how many there are, at each place, `[R, L]`."""
    _, place = np.unique(rows, return_inverse=True)
    known = ~np.isnan(values)
    sums, counts = np.zeros((2, int(place.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, place, np.where(known, values, 0))
    np.add.at(counts, place, known)
    return sums, counts


def _ratio(draws: Array, sums: Array, counts: Array) -> tuple[Array, Array]:
    """Return the mean of each resample and its error, `[S, L]`, from how often each row was drawn, `[S, R]`."""
    total = np.maximum(draws @ counts, 1e-300)
    means = (draws @ sums) / total
    squares = draws @ sums**2 - 2 * means * (draws @ (sums * counts)) + means**2 * (draws @ counts**2)
    rows = len(sums)
    errors: Array = np.sqrt(np.maximum(squares, 0) * rows / (rows - 1)) / total
    return means, errors


@functools.cache
def t_quantile(freedom: int) -> float:
    """Return beyond which number 2.5 % of Student's t distribution lie.

    >>> round(t_quantile(7), 3), round(t_quantile(4), 3)
    (2.365, 2.776)
    """
    one, low, high = torch.ones((), dtype=torch.double), 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        below = StudentT(1).cdf(StudentTParams(one * freedom, one * 0, one), one * middle)
        low, high = (middle, high) if float(below) < (1 + CONFIDENCE) / 2 else (low, middle)
    return high


def t_interval(values: Sequence[float]) -> Interval:
    """Return the mean of independent values and its interval from Student's t.

    >>> t_interval([1.0, 2.0, 3.0]).words(2)
    '2.00 (-0.48 to 4.48)'
    """
    mean = float(np.mean(values))
    if not math.isfinite(mean):
        return Interval(mean, mean, mean)
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    half = t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def over_trainings(values: Sequence[float]) -> Interval:
    """Return the mean over networks of one kind that were trained from different seeds, with its interval.

    Where each network was also probed at places of its own, the values differ by both, and so the interval is over
    seeds and probes. Raises `UsageError` for fewer than five trainings: they say nothing about the cell.

    >>> over_trainings([7.1, 6.8, 7.4, 7.0, 7.2]).words()
    '7.1 (6.8 to 7.4)'
    """
    if len(values) < FEWEST_TRAININGS:
        raise UsageError(
            f"{len(values)} trainings say nothing about a cell: train it from {FEWEST_TRAININGS} seeds or more"
        )
    return t_interval(values)
