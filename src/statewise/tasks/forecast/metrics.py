"""How good forecasts are: of points, of quantiles, of intervals, and whether a difference is more than luck."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.heads import StudentT
from statewise.heads.student_t import StudentTParams
from statewise.shown import counted

Floats = NDArray[np.floating]

LEVELS = tuple(round(0.025 * i, 3) for i in range(1, 40))
"The levels at which a forecast is kept: every 2.5 %."

DECILES = tuple(round(0.1 * i, 1) for i in range(1, 10))
INTERVALS = (50, 80, 95)
"Intervals whose coverage is told, in percent."


NOTHING = 1e-6
"What is no larger than this share of what it is measured in is nothing: no ratio to it is told."


class Truth(NamedTuple):
    """What came: `values` `[R, H]`, NaN where nothing did; `origins` `[R]` says which rows were forecast at one time.

    Of the training part of each row's series, `scale` `[R]` is the error of repeating a season, by which errors are
    divided, and `size` `[R]` the mean size of its values.
    """

    values: Floats
    scale: Floats
    origins: NDArray[np.int64]
    size: Floats

    @property
    def has_scale(self) -> NDArray[np.bool_]:
        """Which rows, `[R]`, are of a series that repeating a season did not forecast without error."""
        return np.asarray(self.scale > NOTHING * self.size)

    @property
    def has_size(self) -> bool:
        """Whether what came is more than nothing, so that a loss can be told as a share of it."""
        return bool(np.nanmean(np.abs(self.values)) > NOTHING * self.size.mean())

    @property
    def units(self) -> Floats:
        """What losses of each row are divided by, `[R]`, to make series alike: the scale, else the size, else 1."""
        return np.where(self.has_scale, self.scale, np.where(self.size > 0, self.size, 1.0))


def scores(truth: Truth, quantiles: Floats) -> dict[str, float]:
    """Return what quantiles `[R, H, LEVELS]` score, the median being the point forecast.

    Metrics of forecast, traffic:

    - `MASE`: mean absolute error over that of repeating the last season in training (Hyndman & Koehler 2006); series
      in which that was nothing do not count, and where it was nothing in all of them there is no MASE; less is better
    - `weighted_quantile_loss`: twice the mean pinball loss at 0.1 to 0.9 over the sum of sizes, where that is not
      nothing; less is better
    - `CRPS`: twice the mean pinball loss over the levels 0.025 to 0.975, by
      `statewise.tasks.forecast.metrics.pinball_losses`, in the unit of the series; less is better
    - `MAE`: mean of |y - f|, in the unit of the series; less is better
    - `RMSE`: square root of the mean of (y - f)^2, in the unit of the series; less is better
    - `sMAPE`: mean of 200 |y - f| / (|y| + |f|), in percent; less is better
    - `covers_K`: the share of values inside the K % interval; K / 100 is right
    """
    there = ~np.isnan(truth.values)
    values, medians = truth.values[there], quantiles[..., _place(0.5)][there]
    errors = np.abs(values - medians)
    scaled = np.abs(truth.values - quantiles[..., _place(0.5)])[truth.has_scale] / truth.scale[truth.has_scale, None]
    pinball = pinball_losses(truth.values, quantiles)[there]
    deciles = pinball[:, [_place(level) for level in DECILES]]
    sizes = np.abs(values) + np.abs(medians)
    covered = {
        f"covers_{percent}": float(np.mean(inside(truth.values, quantiles, percent)[there])) for percent in INTERVALS
    }
    ratios = {}
    if not np.isnan(scaled).all():
        ratios["MASE"] = float(np.nanmean(scaled))
    if truth.has_size:
        ratios["weighted_quantile_loss"] = float(2 * deciles.mean(axis=1).sum() / np.abs(values).sum())
    return {
        **ratios,
        "CRPS": float(2 * pinball.mean()),
        "MAE": float(errors.mean()),
        "RMSE": float(np.sqrt(np.mean(errors**2))),
        "sMAPE": float(200 * np.mean(errors / np.where(sizes > 0, sizes, 1))),
        **covered,
    }


def by_step(truth: Truth, quantiles: Floats, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the scores of each step of the horizon by itself."""
    steps = range(truth.values.shape[1])
    return {
        names[h]: scores(truth._replace(values=truth.values[:, h : h + 1]), quantiles[:, h : h + 1])
        for h in steps
        if not np.isnan(truth.values[:, h]).all()
    }


def pinball_losses(values: Floats, quantiles: Floats) -> Floats:
    """Return the pinball loss of each quantile, `[R, H, LEVELS]`: NaN where no value came."""
    beyond = values[..., None] - quantiles
    levels = np.array(LEVELS)
    return np.maximum(levels * beyond, (levels - 1) * beyond)


def inside(values: Floats, quantiles: Floats, percent: int) -> NDArray[np.bool_]:
    """Say which values lie in the middle interval of so many percent."""
    tail = (100 - percent) / 200
    return (values >= quantiles[..., _place(tail)]) & (values <= quantiles[..., _place(1 - tail)])


def loss_by_origin(truth: Truth, quantiles: Floats) -> Floats:
    """Return the mean pinball loss at each origin, each series in its own unit: what differences are tested on."""
    losses = pinball_losses(truth.values, quantiles).mean(axis=2) / truth.units[:, None]
    there = ~np.isnan(losses)
    rows = np.where(there, losses, 0).sum(axis=1)
    _, which = np.unique(truth.origins, return_inverse=True)
    return np.asarray(np.bincount(which, rows) / np.maximum(np.bincount(which, there.sum(axis=1)), 1))


class Difference(NamedTuple):
    """How much smaller the first of two losses is, as a share of the second, and how probable it is by luck.

    `share` is NaN where the second is nothing, `p_value` where it cannot be told: of fewer than three `tried`, where
    the difference `varies` in none of them, or where they share so many values that its variance cannot be found.
    """

    share: float
    statistic: float
    p_value: float
    tried: int
    varies: bool = True

    @property
    def luck(self) -> str:
        """Say how probable the difference is by luck, or why that cannot be told."""
        if not math.isnan(self.p_value):
            return f"p = {self.p_value:.3g}"
        if self.tried < LEAST_TRIED:
            return f"no test: only {counted(self.tried, 'origin')}"
        shared = f"the {self.tried} origins share most of the values that came after them"
        return f"no test: {shared if self.varies else 'the difference never varies'}"


LEAST_TRIED = 3


def compare(losses: Floats, others: Floats, overlap: int = 1) -> Difference:
    """Test whether two rows of losses differ, by Diebold and Mariano.

    The variance of the mean difference counts covariances over less than `overlap` origins, which share values; the
    statistic is corrected for few origins and held against Student's t. Two-sided.
    Source: Diebold & Mariano 1995; Harvey, Leybourne & Newbold 1997.

    >>> compare(np.array([1.0, 1.2, 0.9, 1.1]), np.array([2.0, 2.1, 2.0, 2.2])).p_value < 0.01
    True
    """
    differences = losses - others
    n, mean, other = len(differences), float(differences.mean()), float(others.mean())
    around = differences - mean
    lags = range(1, min(overlap, n))
    variance = float(around @ around + 2 * sum(around[k:] @ around[:-k] for k in lags)) / n / max(n, 1)
    share = -mean / other if other > NOTHING else math.nan
    rounding = (np.finfo(np.float64).eps * float(np.abs(others).max())) ** 2
    if n < LEAST_TRIED or variance <= rounding:
        return Difference(share, math.nan, math.nan, n, varies=bool(float(around @ around) / n > rounding))
    corrected = math.sqrt((n + 1 - 2 * overlap + overlap * (overlap - 1) / n) / n)
    statistic = corrected * mean / math.sqrt(variance)
    return Difference(share, statistic, 2 * (1 - student_t_cdf(abs(statistic), n - 1)), n)


def student_t_cdf(value: float, freedom: float) -> float:
    """Return Student's t distribution function."""
    one = torch.ones((), dtype=torch.double)
    return float(StudentT(1).cdf(StudentTParams(one * freedom, one * 0, one), one * value))


def _place(level: float) -> int:
    return LEVELS.index(round(level, 3))
