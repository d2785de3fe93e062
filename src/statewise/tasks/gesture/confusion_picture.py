"""What was taken for what, as a picture: what was there down, what was said across."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.strokes.paper import blank_figure
from statewise.errors import UsageError
from statewise.run.files import saving, write_whole
from statewise.shown import in_picture

SALT, CELL, MOST_SHOWN, MOST_COUNTED = "statewise", 0.42, 60, 20


def picture_kind(path: str) -> str:
    """Return what kind of picture a name asks for. Raises `UsageError` for another than SVG and PNG."""
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"{path} is neither .svg nor .png: name the picture so")
    return kind[1:]


def draw_confusions(path: str, table: Any, classes: Sequence[str]) -> None:
    """Write the picture, whole or not at all: shares of what was there; at most the first 60 classes are shown."""
    kind = picture_kind(path)
    names = [in_picture(name)[:24] for name in classes[:MOST_SHOWN]]
    counts = np.asarray(table, np.float64)[: len(names), : len(names)]
    shares = counts / np.maximum(1, np.asarray(table).sum(axis=1)[: len(names), None])
    canvas, figure = blank_figure(2.2 + CELL * len(names), 1.8 + CELL * len(names))
    figure.set_layout_engine("tight")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="left", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.xaxis.tick_top()
    axes.set_xlabel("said", fontsize=8)
    axes.set_ylabel("was there", fontsize=8)
    if len(names) <= MOST_COUNTED:
        for row, column in np.argwhere(counts > 0):
            dark = shares[row, column] > 0.5
            axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=7,
                      color="white" if dark else "black")  # fmt: skip
    save_picture(path, kind, canvas)


def save_picture(path: str, kind: str, canvas: Any) -> None:
    """Write what was drawn, whole or not at all; the same picture is the same file."""
    from matplotlib import rc_context

    into = io.BytesIO()
    with rc_context({"svg.hashsalt": SALT}):
        canvas.print_figure(into, format=kind, metadata={"Date": None} if kind == "svg" else None)
    with saving(path, "give another place"):
        write_whole(Path(path), into.getvalue())
