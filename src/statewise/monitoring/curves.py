"""The curves of some runs as one picture: how the loss fell, and what they scored on the held-out part."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from statewise.errors import MissingExtra
from statewise.monitoring.comparison import ComparedRun
from statewise.run.files import write_figure
from statewise.run.history import RunHistory
from statewise.shown import in_picture

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"Of Okabe & Ito 2008."
DASHES = ("-", "--", ":", "-.")
POINTS = 200
"So many means of neighbouring updates make a curve."


def draw(runs: Sequence[ComparedRun], path: Path) -> None:
    """Write the picture. Raises `MissingExtra` where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib: pip install 'statewise[plot]'") from error

    metric = _shared_metric(runs)
    figure = Figure(figsize=(10, 4.6) if metric else (6.5, 4.6), layout="constrained")
    panels = figure.subplots(1, 2 if metric else 1, squeeze=False)[0]
    for number, run in enumerate(runs):
        look = {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}
        _loss(panels[0], run, look)
        if metric:
            _scores(panels[1], run.history, metric, look)
    panels[0].set(xlabel="update", ylabel="training loss (nats a place)", title="on the training part")
    if metric:
        _baselines(panels[1], runs, metric)
        panels[1].set(xlabel="update", ylabel=in_picture(metric.replace("_", " ")), title="on the held-out part")
    for axes in panels:
        axes.grid(color="#DDDDDD", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    write_figure(path, figure)


def _loss(axes: Any, run: ComparedRun, look: dict[str, Any]) -> None:
    updates = run.history.updates
    size = math.ceil(len(updates) / POINTS) or 1
    groups = [slice(begin, begin + size) for begin in range(0, len(updates), size)]
    places, means = ([fmean(numbers[group]) for group in groups] for numbers in (updates.numbers, updates["nats"]))
    axes.plot(places, means, label=in_picture(run.path), linewidth=1.8, **look)


def _scores(axes: Any, history: RunHistory, metric: str, look: dict[str, Any]) -> None:
    checked = {update: event["metrics"] for update, event in history.checked.items()}
    if history.report:
        checked[history.updates.last] = history.metrics
    scores = {update: metrics[metric] for update, metrics in checked.items() if metric in metrics}
    axes.plot(sorted(scores), [scores[update] for update in sorted(scores)], marker="o", markersize=4, **look)


def _baselines(axes: Any, runs: Sequence[ComparedRun], metric: str) -> None:
    """Draw the best baseline, a line for each of its values: runs on the same data have the same one."""
    best: dict[float, str] = {}
    for run in runs:
        found = {name: of[metric] for name, of in run.history.baselines.items() if metric in of}
        if found:
            name = min(found, key=lambda each: found[each])
            best[found[name]] = name
    for value, name in best.items():
        axes.axhline(value, color="#666666", linewidth=1, linestyle="--")
        shown = in_picture(name)
        axes.annotate(shown, (1, value), (-4, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="right", color="#666666", fontsize=9)  # fmt: skip


def _shared_metric(runs: Sequence[ComparedRun]) -> str | None:
    """Return the metric that matters most, where all runs have it."""
    first = next(iter(runs[0].history.metrics), None)
    return first if first and all(first in run.history.metrics for run in runs) else None
