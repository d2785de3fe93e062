"""Drawings as pictures: SVG, SVG that draws itself, PNG, and characters for a terminal."""

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from statewise.data.strokes.drawing import Floats
from statewise.errors import MissingExtra
from statewise.shown import in_html

MARGIN = 0.06
"Of the larger side, around what is drawn."
INK, GIVEN = "#1a1a1a", "#2a6fdb"
"The colour of what a model drew, and of what was given to it."
SECONDS_A_POINT = 0.03
BRAILLE, DOTS = 0x2800, ((0, 3), (1, 4), (2, 5), (6, 7))


class DrawingPanel(NamedTuple):
    """One picture of several: strokes that were given, strokes that were drawn, and words beneath."""

    given: Sequence[Floats]
    drawn: Sequence[Floats]
    title: str = ""


def svg_of(panels: Sequence[DrawingPanel], *, animated: bool = False, columns: int | None = None) -> str:
    """Return panels as one SVG: a single one in its own coordinates, several in a grid, each of the same scale.

    With `animated` the strokes are drawn one after another, a point every 30 ms.
    """
    if len(panels) == 1:
        left, top, side_x, side_y = _frame(_points(panels[0]))
        body = _lines(panels[0], 0.0, 0.0, 0.012 * max(side_x, side_y), animated)
        return _svg((left, top, side_x, side_y), body)
    columns = columns or math.ceil(math.sqrt(len(panels)))
    frames = [_frame(_points(panel)) for panel in panels]
    cell = max(max(frame[2:]) for frame in frames)
    tall = cell * (1.12 if any(panel.title for panel in panels) else 1.0)
    body = ""
    for number, (panel, (left, top, wide, high)) in enumerate(zip(panels, frames, strict=True)):
        x, y = number % columns * cell, number // columns * tall
        body += _lines(panel, x - left + (cell - wide) / 2, y - top + (cell - high) / 2, 0.012 * cell, animated)
        if panel.title:
            place = f'x="{x + cell / 2:.4g}" y="{y + 1.06 * cell:.4g}" font-size="{cell * 0.06:.4g}"'
            body += f'<text {place} text-anchor="middle" font-family="sans-serif">{in_html(panel.title)}</text>\n'
    return _svg((0, 0, columns * cell, math.ceil(len(panels) / columns) * tall), body)


def png_of(panels: Sequence[DrawingPanel], *, columns: int | None = None) -> bytes:
    """Return panels as a PNG. Raises `MissingExtra` where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a PNG needs matplotlib: pip install 'statewise[plot]', or give an .svg") from None
    from statewise.shown import in_picture

    columns = columns or math.ceil(math.sqrt(len(panels)))
    figure = Figure(figsize=(2.4 * columns, 2.6 * math.ceil(len(panels) / columns)), layout="tight")
    canvas = FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, start=1):
        draw = figure.add_subplot(math.ceil(len(panels) / columns), columns, number)
        for strokes, colour in ((panel.given, GIVEN), (panel.drawn, INK)):
            for stroke in strokes:
                draw.plot(*stroke.T, color=colour, linewidth=1.6, solid_capstyle="round")
        draw.set_aspect("equal", adjustable="datalim")
        draw.invert_yaxis()
        draw.set_axis_off()
        draw.set_title(in_picture(panel.title), fontsize=8)
    into = io.BytesIO()
    canvas.print_figure(into, format="png")
    return into.getvalue()


def in_characters(strokes: Sequence[Floats], columns: int = 24) -> str:
    """Return strokes as lines of Braille characters, each of them two dots wide and four high.

    >>> print(in_characters([np.array([[0.0, 0.0], [7.0, 0.0]])], columns=4))
    ⠉⠉⠉⠉
    """
    points = np.concatenate([*strokes, np.zeros((0, 2))])
    if not len(points):
        return ""
    corner, side = points.min(axis=0), max(float(np.ptp(points, axis=0).max()), 1e-9)
    factor = (2 * columns - 1) / side
    dots: set[tuple[int, int]] = set()
    for stroke in strokes:
        line = (stroke - corner) * factor
        for start, end in pairwise(line):
            steps = max(1, math.ceil(float(np.abs(end - start).max())))
            dots |= {(round(x), round(y)) for x, y in np.linspace(start, end, steps + 1)}
    rows = max(y for _, y in dots) // 4 + 1 if dots else 1
    marks = np.zeros((rows, columns), np.int64)
    for x, y in dots:
        marks[y // 4, x // 2] |= 1 << DOTS[y % 4][x % 2]
    return "\n".join("".join(chr(BRAILLE + mark) if mark else " " for mark in row).rstrip() for row in marks)


def _points(panel: DrawingPanel) -> Floats:
    return np.concatenate([*panel.given, *panel.drawn, np.zeros((0, 2))])


def _frame(points: Floats) -> tuple[float, float, float, float]:
    """Return left, top, width and height of what is drawn, with a margin."""
    if not len(points):
        return 0.0, 0.0, 1.0, 1.0
    low, sides = points.min(axis=0), np.ptp(points, axis=0)
    margin = MARGIN * max(float(sides.max()), 1e-6) + 1e-6
    return float(low[0] - margin), float(low[1] - margin), float(sides[0] + 2 * margin), float(sides[1] + 2 * margin)


def _lines(panel: DrawingPanel, x: float, y: float, width: float, animated: bool) -> str:
    body, begin = "", 0.0
    for strokes, colour in ((panel.given, GIVEN), (panel.drawn, INK)):
        for stroke in strokes:
            points = " ".join(f"{px + x:.6g},{py + y:.6g}" for px, py in stroke)
            lasts = SECONDS_A_POINT * len(stroke)
            hidden, inner = moving(stroke, begin, lasts) if animated else ("", "")
            body += (
                f'<polyline points="{points}" stroke="{colour}" stroke-width="{width:.4g}"{hidden}>{inner}</polyline>\n'
            )
            begin += lasts
    return body


def moving(stroke: Floats, begin: float, lasts: float) -> tuple[str, str]:
    """Return the attributes and the inner element by which a line is drawn from its beginning to its end."""
    length = float(np.hypot(*np.diff(stroke, axis=0).T).sum()) + 1e-3
    hidden = f' stroke-dasharray="{length:.6g} {length:.6g}" stroke-dashoffset="{length:.6g}"'
    times = f'begin="{begin:.3f}s" dur="{lasts:.3f}s" fill="freeze"'
    return hidden, f'<animate attributeName="stroke-dashoffset" from="{length:.6g}" to="0" {times}/>'


def _svg(box: tuple[float, float, float, float], body: str) -> str:
    view = " ".join(f"{number:.6g}" for number in box)
    style = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
    # text keeps its fill: the group is without one
    body = body.replace("<text ", '<text fill="#444" stroke="none" ')
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}"><g {style}>\n{body}</g></svg>\n'
