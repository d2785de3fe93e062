"""What the experiments came to, as pictures: sequences needed, errors over time, a tree of words, success by length."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from statewise.insight.memory_pictures import LEGEND, MARKERS, Drawing, Theme, dress, looks, sheet
from statewise_lab.classics.counting import CELLS
from statewise_lab.classics.pascanu_2013 import FURTHER, LENGTHS, RADII

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Summary = dict[str, Any]
TESTS = ("anbn", "anbncn", "parity", "copy-20", "copy-100", "digits", "digits-shuffled")
_ABOVE: dict[str, Any] = {**LEGEND, "loc": "lower right", "bbox_to_anchor": (1, 0.98), "ncols": 2}
CLIPPING = ("elman, SGD", "elman, SGD, clipped", "elman, Adam, clipped", "lstm")


def drawings(summaries: Sequence[Summary]) -> dict[str, Drawing]:
    """Return what can be drawn of these experiments, by name; of too few there is nothing."""
    by_name = {summary["name"]: summary for summary in summaries}
    lags = [one for one in summaries if one["paper"]["source"].startswith("Hochreiter")]
    lengths = [by_name[f"order-{steps}"] for steps in LENGTHS if f"order-{steps}" in by_name]
    tests = [by_name[name] for name in TESTS if name in by_name]
    found: dict[str, Drawing] = {}
    if lags:
        found["needed"] = lambda theme: needed_picture(lags, theme)
    if {"xor", "letters", "words"} <= by_name.keys():
        found["errors"] = lambda theme: errors_picture(by_name, theme)
    if "sentences" in by_name:
        found["tree"] = lambda theme: tree_picture(by_name["sentences"], theme)
    if len(lengths) > 1:
        found["clipping"] = lambda theme: clipping_picture(lengths, by_name, theme)
    if len(tests) > 1:
        found["cells"] = lambda theme: cells_picture(tests, theme)
    return found


def needed_picture(lags: Sequence[Summary], theme: Theme) -> "Figure":
    """Draw after how many sequences the LSTM of each seed had learned each task, with the paper's figures."""
    with sheet(theme, width=9, height=1.4 + 0.3 * len(lags)) as (figure, (axes,)):
        for place, summary in enumerate(lags):
            for one in summary["contenders"]:
                number = int(one["name"] != "lstm")
                shift, colour = 0.16 - 0.32 * number, theme.colours[1 - number]
                label = None if place else one["name"]
                rows = np.full(len(one["needed"]), place - shift)
                axes.plot(one["needed"], rows, MARKERS[number], color=colour, markersize=5, label=label, alpha=0.8)
                if one["met"] < one["seeds"]:
                    axes.plot([one["tried"]], [place - shift], "x", color=colour, markersize=5)
            paper = summary["paper"]["sequences"]
            axes.plot(
                [paper], [place], "|", color=theme.ink, markersize=14, label=None if place else "the paper's LSTM"
            )
        axes.plot([], [], "x", color=theme.ink, markersize=5, label="not in so many, from one seed or more")
        dress(axes, theme, "When the criterion was met", xlabel="sequences learned from (log scale)", xscale="log")
        axes.set_yticks(range(len(lags)), [summary["title"] for summary in lags])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, **LEGEND)
    return figure


def errors_picture(by_name: dict[str, Summary], theme: Theme) -> "Figure":
    """Draw the errors of Elman's first three networks over time: they rise where nothing foretells what comes."""
    with sheet(theme, 1, 3, width=10, height=9) as (figure, (xor, letters, words)):
        looked = {name: _named(by_name[name], "elman")["looked"][0] for name in ("xor", "letters", "words")}
        rms = looked["xor"]["rms_by_step"]
        xor.plot(range(2, 2 + len(rms)), rms, "o-", color=theme.colours[1])
        title = "Exclusive or in time: each third bit follows from the two before"
        dress(xor, theme, title, xlabel="which bit is foretold", ylabel="error (root mean square)", ylim=(0, None))
        xor.set_xticks(range(2, 2 + len(rms)))
        found = looked["letters"]
        letters.plot(found["rms"], "o-", color=theme.colours[1], label="all six features")
        style = {"color": theme.colours[0], "linestyle": "--", "marker": "s", "markersize": 4}
        letters.plot(found["rms_of_consonant_bit"], label='the feature "consonant" alone', **style)
        letters.legend(**_ABOVE)
        title = "Letters: which consonant comes nothing foretells, but its vowels do, and that it is one"
        _spelled(letters, found["letters"], theme, title)
        found = looked["words"]
        words.plot(found["rms"], "-", color=theme.colours[1])
        begins = np.flatnonzero(found["begins"])
        look = {"color": theme.colours[0], "label": "where a word begins"}
        words.plot(begins, np.array(found["rms"])[begins], "o", **look)
        words.legend(**_ABOVE)
        _spelled(words, found["letters"], theme, "Words from letters: the error is large where a word begins")
    return figure


def _spelled(axes: "Axes", letters: str, theme: Theme, title: str) -> None:
    dress(axes, theme, title, ylabel="error (root mean square)", ylim=(0, None), xlim=(-1, len(letters)))
    axes.set_xticks(range(len(letters)), list(letters))
    axes.set_xlabel("the letter that is foretold")


def _named(summary: Summary, name: str) -> Summary:
    return next((one for one in summary["contenders"] if one["name"] == name), summary["contenders"][0])


def tree_picture(summary: Summary, theme: Theme) -> "Figure":
    """Draw how the mean states after the words lie together."""
    from scipy.cluster.hierarchy import dendrogram

    looked = _named(summary, "elman")["looked"][0]
    with sheet(theme, width=7, height=7.5) as (figure, (axes,)):
        look = {"orientation": "left", "labels": looked["words"], "ax": axes, "color_threshold": 0}
        dendrogram(np.array(looked["tree"]), above_threshold_color=theme.colours[1], **look)
        dress(axes, theme, "Words by the mean state after them", xlabel="distance at which groups are joined (Ward)")
        axes.tick_params(axis="y", labelsize=10)
        axes.grid(visible=False)
    return figure


def clipping_picture(lengths: Sequence[Summary], by_name: dict[str, Summary], theme: Theme) -> "Figure":
    """Draw how often temporal order is learned by length, by spectral radius, and how far it is then read."""
    with sheet(theme, 3, width=13, height=4.6) as (figure, (by_length, by_radius, further)):
        steps = [int(summary["name"].removeprefix("order-")) for summary in lengths]
        for number, name in enumerate(CLIPPING):
            tried = [{one["name"]: _share(one) for one in summary["contenders"]} for summary in lengths]
            shares = np.array([own.get(name, np.nan) for own in tried])
            look = looks(theme, number)
            by_length.plot(steps, shares + 0.012 * number, marker=MARKERS[number], label=name, **look)
        about: dict[str, Any] = {"ylabel": "share of seeds that learn it", "ylim": (-0.05, 1.1)}
        dress(by_length, theme, "Temporal order by length", xlabel="steps", **about)
        by_length.set_xticks(steps)
        if "order-radius" in by_name:
            _draw_radii(by_radius, by_name["order-radius"], theme)
        dress(by_radius, theme, "20 steps, SGD, by how W_s begins", xlabel="spectral radius of W_s", **about)
        if "order-50-200" in by_name:
            _draw_further(further, by_name["order-50-200"], theme)
        title, label = "Learned from 50 to 200 steps", "sequences wrong of 1,000"
        dress(further, theme, title, xlabel="steps (log scale)", ylabel=label, xscale="log")
        further.set_xticks(FURTHER, [f"{steps:,}" for steps in FURTHER])
        further.minorticks_off()
        for axes in (by_length, by_radius, further):
            is_drawn = bool(axes.get_legend_handles_labels()[0])
            axes.set_visible(is_drawn)
            if is_drawn:
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), **LEGEND)
    return figure


def _draw_radii(axes: "Axes", summary: Summary, theme: Theme) -> None:
    for number, (ending, words) in enumerate((("", "not clipped"), (", clipped", "clipped at 1"))):
        shares = [_share(_named(summary, f"radius {radius:g}{ending}")) for radius in RADII]
        look = looks(theme, number)
        axes.plot(RADII, np.array(shares) + 0.012 * number, marker=MARKERS[number], label=words, **look)


def _draw_further(axes: "Axes", summary: Summary, theme: Theme) -> None:
    for number, one in enumerate(summary["contenders"]):
        for seed, looked in enumerate(one["looked"]):
            wrong = looked["wrong_of_1000_by_length"]
            look = {**looks(theme, number + 2), "marker": MARKERS[number + 2], "alpha": 0.7, "markersize": 4}
            axes.plot(
                [int(steps) for steps in wrong], list(wrong.values()), label=None if seed else one["name"], **look
            )
    axes.set_ylim(-20, 800)


def _share(one: Summary) -> float:
    return float(one["met"]) / float(one["seeds"])


def cells_picture(tests: Sequence[Summary], theme: Theme) -> "Figure":
    """Draw which cell meets which criterion, and by how much the others miss it."""
    with sheet(theme, width=10, height=1.6 + 0.55 * len(tests)) as (figure, (axes,)):
        by_name = [{one["name"]: _share(one) for one in test["contenders"]} for test in tests]
        shares = np.array([[own.get(cell, np.nan) for cell in CELLS] for own in by_name])
        axes.imshow(shares, cmap=theme.counts, vmin=-0.25 if theme.name == "light" else 0, vmax=1.2, aspect="auto")
        for row, test in enumerate(tests):
            for column, cell in enumerate(CELLS):
                one = next((one for one in test["contenders"] if one["name"] == cell), None)
                if one is None:
                    continue
                name, values = next(iter(one["measures"].items()))
                score = f"{np.mean(values):.3g}" if name != "wrong" else f"{100 * _wrong(one):.0f} % wrong"
                is_dark = (shares[row, column] > 0.5) == (theme.name == "light")
                ink = "#FFFFFF" if is_dark else "#1A1A1A"
                words = f"{one['met']}/{one['seeds']}\n{score}"
                axes.text(column, row, words, ha="center", va="center", fontsize=8, color=ink)
        dress(axes, theme, "Seeds that meet the criterion, and below it the held-out measure")
        axes.set_xticks(range(len(CELLS)), CELLS)
        axes.set_yticks(range(len(tests)), [test["title"] for test in tests])
        axes.grid(visible=False)
    return figure


def _wrong(one: Summary) -> float:
    measures = one["measures"]
    return float(np.mean(np.array(measures["wrong"]) / np.array(measures["of"])))
