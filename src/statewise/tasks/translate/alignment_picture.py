"""What each word of a translation looked at, as a picture: the source across, the translation down."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.strokes.paper import blank_figure
from statewise.errors import UsageError
from statewise.run.files import saving, write_whole
from statewise.shown import in_picture

SALT = "statewise"
"From which an SVG draws its names, so that the same picture is the same file."
CELL = 0.34
MOST_SHOWN = 60


def kind_of(path: str) -> str:
    """Return what kind of picture a name asks for. Raises `UsageError` for another than SVG and PNG."""
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"{path} is neither .svg nor .png: name the picture so")
    return kind[1:]


def draw_alignment(path: str, source: Sequence[str], target: Sequence[str], alignment: Any) -> None:
    """Write the picture, whole or not at all; at most the first 60 pieces of either are shown."""
    from matplotlib import rc_context

    kind = kind_of(path)
    across, down = source[:MOST_SHOWN], target[:MOST_SHOWN]
    canvas, figure = blank_figure(1.6 + CELL * len(across), 1.2 + CELL * len(down))
    figure.set_layout_engine("tight")
    axes = figure.subplots()
    axes.imshow(np.asarray(alignment.tolist())[: len(down), : len(across)], aspect="auto", cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(across)), [*map(in_picture, across)], rotation=60, ha="left", fontsize=8)
    axes.set_yticks(range(len(down)), [*map(in_picture, down)], fontsize=8)
    axes.xaxis.tick_top()
    into = io.BytesIO()
    with rc_context({"svg.hashsalt": SALT}):
        canvas.print_figure(into, format=kind, metadata={"Date": None} if kind == "svg" else None)
    with saving(path, "give another place"):
        write_whole(Path(path), into.getvalue())
