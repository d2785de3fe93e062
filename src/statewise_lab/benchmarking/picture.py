"""A result as a picture: one dot a way in each row, on a logarithmic axis, in colours that everyone can tell apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from statewise.errors import MissingExtra
from statewise.run.files import write_figure
from statewise_lab.benchmarking.question import Question
from statewise_lab.benchmarking.row import BEST, OURS, Row

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"Of Okabe & Ito 2008: ours in vermilion."

POINT: dict[str, Any] = {"markersize": 8, "markeredgecolor": "#444444", "markeredgewidth": 0.6}
WIDE = 100
"Over a wider range only powers of ten have room for their numbers."
MARKERS = ("D", "o", "s", "^", "v", "P", "X", "*", "<", ">")


def draw(question: Question, rows: Sequence[Row], path: Path) -> None:
    """Write the picture. Raises `MissingExtra` where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator, NullFormatter
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib: pip install 'statewise[plot]'") from error

    figure = Figure(figsize=(8, 1.8 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    for number, (way, points) in enumerate(_points(question, rows).items()):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        above = 3 if way.startswith(OURS) else 2
        axes.plot(*zip(*points, strict=True), marker, color=colour, label=way, **POINT, zorder=above)
    floors = [(row.floor_seconds * question.per_second, place) for place, row in zip(places, rows) if row.floor_seconds]
    if floors:
        axes.plot(*zip(*floors, strict=True), "|", color="#666666", label="floor", markersize=14, markeredgewidth=2)
    axes.set_yticks(places, [", ".join(map(str, row.case.values())) for row in rows])
    axes.set(xscale="log", xlabel=f"{question.unit}, {_which(rows)} (log scale)", ylim=(len(rows) - 0.5, -0.5))
    lowest, highest = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if highest < WIDE * lowest else (1,)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{question.asks}\nby {', '.join(rows[0].case)}", fontsize=11)
    axes.grid(axis="both", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    write_figure(path, figure)


def _points(question: Question, rows: Sequence[Row]) -> dict[str, list[tuple[float, int]]]:
    """Return each way's medians with the place of their rows, or, where no way was timed, what was reached at best."""
    found: dict[str, list[tuple[float, int]]] = {}
    for place, row in enumerate(rows):
        for way in row.seconds:
            found.setdefault(way, []).append((row.median(way) * question.per_second, place))
        if BEST in row.extra:
            found.setdefault(str(row.extra["unit"]), []).append((row.extra[BEST], place))
    return found


def _which(rows: Sequence[Row]) -> str:
    return "the best of all rounds" if any(BEST in row.extra for row in rows) else "median"
