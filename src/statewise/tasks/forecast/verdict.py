"""What the scores of a forecast mean, in sentences: against the best baseline, and which of them cannot be told."""

import math
from collections.abc import Iterator

import numpy as np

from statewise.data.series.panel import Ints
from statewise.tasks.forecast.blend import Blend
from statewise.tasks.forecast.metrics import Difference, Truth
from statewise.tasks.forecast.simple_methods import METHODS

CONFIDENT = 1.96
LEAST_NAMED, FEW_HORIZONS = 0.05, 4
MANY_TIMES = 10
"A loss that is more than so many times another is told in times, not in percent."


def against(best: str, found: Difference, certain: float) -> str:
    """Say whether a model loses less than the best baseline, or whether that may be luck.

    >>> against("drift", Difference(share=0.25, statistic=-3.5, p_value=0.002, tried=20), certain=0.05)
    'It loses 25.0% less than the best baseline, drift (Diebold-Mariano -3.50, p = 0.002).'
    >>> against("drift", Difference(share=-2.5, statistic=math.nan, p_value=math.nan, tried=2), certain=0.05)
    'Not known to differ from the best baseline, drift: 250.0% more loss (no test: only 2 origins).'
    """
    if math.isnan(found.share):
        return f"The best baseline, {best}, makes no error here: there is no error to compare with."
    luck = found.luck if math.isnan(found.p_value) else f"Diebold-Mariano {found.statistic:.2f}, {found.luck}"
    if not found.p_value < certain:
        return f"Not known to differ from the best baseline, {best}: {_amount(found.share)} ({luck})."
    if found.share > 0:
        return f"It loses {found.share:.1%} less than the best baseline, {best} ({luck})."
    return f"The baseline {best} is better: it loses {1 - 1 / (1 - found.share):.1%} less ({luck})."


def coverage_words(covered: float, truth: Truth) -> str:
    """Say how sure the share inside the 80 % interval is, a horizon of a series counted as one (Wilson 1927).

    >>> coverage_words(0.75, Truth(np.ones((4, 6)), np.ones(4), np.arange(0, 24, 6), np.ones(4)))
    'The 80 % interval covers 75 %; with 95 % confidence 30 to 95 %, a horizon counted as one value.'
    """
    count = independent_horizons(truth)
    middle = (covered + CONFIDENT**2 / (2 * count)) / (1 + CONFIDENT**2 / count)
    away = math.sqrt(covered * (1 - covered) / count + CONFIDENT**2 / (4 * count**2))
    away *= CONFIDENT / (1 + CONFIDENT**2 / count)
    low, high = (100 * min(1.0, max(0.0, middle + side * away)) for side in (-1, 1))
    return (
        f"The 80 % interval covers {100 * covered:.0f} %; with 95 % confidence {low:.0f} to {high:.0f} %, "
        "a horizon counted as one value."
    )


def independent_horizons(truth: Truth) -> float:
    """Return how many horizons there are that do not overlap, at least one."""
    times = np.unique(truth.origins)
    horizon = truth.values.shape[1]
    stride = min(horizon, int(np.diff(times).min())) if len(times) > 1 else horizon
    return float(max(1.0, len(truth.values) * stride / horizon))


def blend_words(blend: Blend) -> str:
    """Say what was mixed, and from how much that was learned."""
    shares = sorted(zip(blend.methods, METHODS, strict=True), reverse=True)
    named = ", ".join(f"{name} {share:.0%}" for share, name in shares if share >= LEAST_NAMED)
    parts = f"{blend.network:.0%} the network, {1 - blend.network:.0%} simple methods ({named})"
    if not blend.origins:
        return f"Forecasts are {parts}: there is too little to judge the network by, so it has no say."
    few = "; that is few, and intervals are wide for it" if blend.horizons < FEW_HORIZONS else ""
    words = f"learned from {blend.origins:,} origins before the held-out part, {blend.horizons:g} horizons long"
    return f"Forecasts are {parts}, {words}{few}; intervals are multiplied by {blend.widened:.2f}."


def untold(truth: Truth, series: Ints) -> Iterator[str]:
    """Yield a sentence for each ratio that has nothing to be measured in; `series` `[R]` says of which one rows are."""
    without = len(set(series[~truth.has_scale].tolist()))
    count = len(set(series.tolist()))
    if without == count:
        yield "There is no MASE: repeating the last season was never wrong in training, so no error to scale by."
    elif without:
        yield f"MASE leaves out {without} of {count} series, in which repeating the last season was never wrong."
    if not truth.has_size:
        yield "There is no weighted quantile loss: all that came is nought, so there is no size to weigh by."


def _amount(share: float) -> str:
    if 1 - share > MANY_TIMES:
        return f"{1 - share:,.0f} times the loss"
    return f"{abs(share):.1%} {'less' if share >= 0 else 'more'} loss"
