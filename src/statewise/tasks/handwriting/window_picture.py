"""Where the window was: each line's letters from top to bottom, its points from left to right."""

import io
from collections.abc import Sequence

import numpy as np

from statewise.data.strokes.paper import blank_figure
from statewise.shown import in_picture
from statewise.tasks.handwriting.answers import WrittenLine

SALT = "statewise"
"From which an SVG draws its names, so that the same window is the same file."
MOST_SHOWN = 12


def window_picture(lines: Sequence[WrittenLine], kind: str) -> bytes:
    """Return a picture of the windows of some lines, the first dozen, as `svg` or `png`."""
    shown = [line for line in lines if line.points][:MOST_SHOWN]
    canvas, figure = blank_figure(9.0, max(1.5, sum(0.8 + 0.2 * len(line.text) for line in shown)))
    figure.set_layout_engine("tight")
    ratios = [4 + len(line.text) for line in shown] or [1]
    for axes, line in zip(figure.subplots(len(ratios), height_ratios=ratios, squeeze=False).flat, shown, strict=True):
        heights = np.log1p(line.heights.T)
        axes.imshow(heights, aspect="auto", cmap="Greys", interpolation="nearest")
        axes.set_yticks(range(len(line.text) + 1), [*map(in_picture, line.text), "end"], fontsize=7)
        axes.set_xlabel("points", fontsize=7)
        axes.tick_params(axis="x", labelsize=7)
    from matplotlib import rc_context

    into = io.BytesIO()
    with rc_context({"svg.hashsalt": SALT}):
        canvas.print_figure(into, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return into.getvalue()
