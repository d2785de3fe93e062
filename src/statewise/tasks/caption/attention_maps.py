"""Where a captioner looked, as a picture: the photograph once for each word, light where it was looked at."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.pictures.picture_file import Pixels
from statewise.data.strokes.paper import blank_figure
from statewise.errors import UsageError
from statewise.run.files import saving, write_whole
from statewise.shown import in_picture
from statewise.tasks.caption.captioner import LookedAt

SALT = "statewise"
"From which an SVG draws its names, so that the same picture is the same file."
ACROSS, SIZE, SIDE = 5, 1.9, 224
MOST_WORDS = 40


def kind_of_maps(path: str) -> str:
    """Return what kind of picture a name asks for. Raises `UsageError` for another than SVG and PNG."""
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"{path} is neither .svg nor .png: name the picture so")
    return kind[1:]


def draw_maps(path: str, picture: Pixels, looked: LookedAt) -> None:
    """Write the picture, whole or not at all; at most the first 40 words are shown."""
    from matplotlib import rc_context

    kind = kind_of_maps(path)
    words = looked.words[:MOST_WORDS]
    down = -(-(len(words) + 1) // ACROSS)
    canvas, figure = blank_figure(SIZE * ACROSS, SIZE * 1.18 * down)
    figure.set_layout_engine("tight")
    grid = figure.subplots(down, ACROSS, squeeze=False).reshape(-1)
    for axes in grid:
        axes.axis("off")
    grid[0].imshow(picture)
    for axes, word, shares in zip(grid[1:], words, looked.shares, strict=False):
        axes.imshow(picture)
        axes.imshow(_enlarged(shares, picture.shape[0]), cmap="gray", alpha=0.72, vmin=0, vmax=shares.max())
        axes.set_title(in_picture(word), fontsize=10)
    into = io.BytesIO()
    with rc_context({"svg.hashsalt": SALT}):
        canvas.print_figure(into, format=kind, metadata={"Date": None} if kind == "svg" else None)
    with saving(path, "give another place"):
        write_whole(Path(path), into.getvalue())


def _enlarged(shares: Any, side: int) -> Any:
    """Return shares of places as a smooth map as large as the picture."""
    from PIL import Image

    small = Image.fromarray(np.asarray(shares, np.float32))
    return np.clip(np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)), 0, None)
