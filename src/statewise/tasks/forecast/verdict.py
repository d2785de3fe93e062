"""What the scores of a forecast mean, in sentences: against the best baseline, and which of them cannot be told."""

import math
from collections.abc import Iterator

from statewise.data.series.panel import Ints
from statewise.tasks.forecast.metrics import Difference, Truth

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
