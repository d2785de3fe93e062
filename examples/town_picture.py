"""The picture of routing.py: the town with two paths, and how long both take by the time of leaving."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from town import PLACES, ROADS
from trips import DEPARTURES, PLANNED_AT, USUAL, named, shortest

COLOURS = {"shortest": "#D55E00", "chosen": "#0072B2"}


def picture(path: Path, day: Mapping[str, Any]) -> None:
    """Draw the town with the shortest path and that which was chosen, and how long both take by the time of leaving."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    town, times = figure.subplots(1, 2, width_ratios=(1.1, 1))
    draw_town(town, {"shortest": named(shortest()), "chosen": day["path"]})
    draw_times(times, day["by_departure"])
    for axes in (town, times):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=120)


def draw_town(axes: Axes, paths: Mapping[str, Sequence[str]]) -> None:
    """Draw places, roads, and some paths by their places."""
    for road in ROADS:
        xs, ys = zip(PLACES[road.begin], PLACES[road.end], strict=True)
        axes.plot(xs, ys, color="#bbbbbb", linewidth=1.5, zorder=1)
    for words, places in paths.items():
        xs, ys = zip(*(PLACES[place] for place in places), strict=True)
        line = "--" if words == "shortest" else "-"
        axes.plot(xs, ys, line, color=COLOURS[words], linewidth=3, label=f"{words} for {o_clock(USUAL)}", zorder=2)
    for name, (x, y) in PLACES.items():
        axes.plot(x, y, "o", color="#333333", markersize=5, zorder=3)
        axes.annotate(name, (x, y), (0, 7), textcoords="offset points", fontsize=8, ha="center")
    axes.set_title("the town, km", loc="left", fontsize=10)
    axes.set_aspect("equal")
    axes.legend(frameon=False, fontsize=8, loc="lower left")


def draw_times(axes: Axes, by_departure: Mapping[str, Any]) -> None:
    """Draw how long paths take at each time to leave: as forecast, and as it came."""
    for words, found in by_departure.items():
        low, middle, high = np.array(found["forecast"]).T
        axes.fill_between(DEPARTURES, low, high, color=COLOURS[words], alpha=0.2, linewidth=0)
        axes.plot(DEPARTURES, middle, color=COLOURS[words], label=f"{words}, as forecast at {o_clock(PLANNED_AT)}")
        axes.plot(DEPARTURES, found["came"], ":", color=COLOURS[words], label=f"{words}, as it came")
    axes.set_title("minutes to work by the time of leaving", loc="left", fontsize=10)
    axes.set_xticks(range(6, 11), [o_clock(hour) for hour in range(6, 11)])
    axes.legend(frameon=False, fontsize=8)
    axes.margins(y=0.25)


def o_clock(hour: float) -> str:
    """Return a time of day as it is said.

    >>> o_clock(7.5)
    '7:30'
    """
    return f"{int(hour)}:{round(60 * (hour % 1)):02d}"
