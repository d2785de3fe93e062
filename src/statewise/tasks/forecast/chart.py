"""A fan chart: what was, and how far what comes may lie apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.errors import MissingExtra, UsageError
from statewise.run.files import write_figure
from statewise.shown import in_picture
from statewise.tasks.forecast.prediction import SeriesForecast, written_alike

MOST_SERIES = 12
BANDS = ((0.025, 0.975, "95 %"), (0.1, 0.9, "80 %"), (0.25, 0.75, "50 %"))
SHADES = ("#d6e4f2", "#a9c7e6", "#7aa8d6")
INK, MIDDLE = "#333333", "#1f4e8c"


def draw_chart(found: Sequence[SeriesForecast], path: Path) -> None:
    """Draw each series with its history and its 50, 80 and 95 % intervals, as PNG, SVG or PDF.

    Raises `MissingExtra` without Matplotlib, `UsageError` for more series than can be looked at, or another suffix.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a chart needs Matplotlib: pip install 'statewise[plot]'") from None
    if len(found) > MOST_SERIES:
        raise UsageError(f"{len(found)} series do not fit on one chart: name up to {MOST_SERIES} with --only")
    columns = 1 if len(found) < 3 else 2
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(9 if columns == 1 else 13, 3.2 * rows + 0.4), layout="constrained")
    for number, ahead in enumerate(found, start=1):
        _draw(figure.add_subplot(rows, columns, number), ahead, legend=number == 1)
    write_figure(path, figure)


def _draw(draw: Any, ahead: SeriesForecast, *, legend: bool) -> None:
    last = ahead.before[-1:], ahead.history[~np.isnan(ahead.history)][-1:]
    times = ahead.clock.local(np.concatenate([last[0], ahead.times]))
    for (low, high, words), shade in zip(BANDS, SHADES, strict=True):
        edges = [np.concatenate([last[1], ahead.at(level)]) for level in (low, high)]
        draw.fill_between(times, *edges, color=shade, linewidth=0, label=words)
    draw.plot(ahead.clock.local(ahead.before), ahead.history, color=INK, linewidth=1.1)
    middle = np.concatenate([last[1], ahead.at(0.5)])
    draw.plot(times, middle, color=MIDDLE, linewidth=1.6, label="median")
    draw.set_title(in_picture(ahead.series), loc="left", fontsize=10)
    draw.spines[["top", "right"]].set_visible(False)
    draw.tick_params(labelsize=8)
    if not ahead.clock.is_steps:
        draw.xaxis.set_major_formatter(_concise(draw.xaxis.get_major_locator()))
        ends = (np.concatenate([ahead.before, ahead.times])[i] for i in (0, -1))
        draw.set_xlabel(" to ".join(written_alike([ahead.clock.shown(end) for end in ends])), loc="right", fontsize=8)
    if legend:
        draw.legend(frameon=False, fontsize=8, loc="upper left", ncols=4)


def _concise(locator: Any) -> Any:
    """Return short dates for the ticks, without the month of the last one, which need not be that of the first."""
    from matplotlib import dates

    make: Any = dates.ConciseDateFormatter
    return make(locator, show_offset=False)
