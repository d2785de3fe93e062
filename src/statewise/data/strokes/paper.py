"""Strokes on paper: a sheet of a known size with margins, or one that fits what was drawn, as SVG or PNG."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statewise.data.strokes.drawing import Floats
from statewise.data.strokes.drawing_pictures import INK, moving
from statewise.errors import MissingExtra, UsageError

Format = Literal["a4", "a5", "letter"]
FORMATS: dict[str, tuple[float, float]] = {"a4": (210.0, 297.0), "a5": (148.0, 210.0), "letter": (215.9, 279.4)}
PEN = 0.35
"Width of a line on paper, in millimetres."
THIN, EDGE = 0.03, 0.35
"Width of a line, and the margin around it, where no paper is asked for: in heights of a line."
PIXELS_A_MILLIMETRE, FREE_PIXELS, LARGEST_PIXELS = 8.0, 160.0, 8000.0
SECONDS_A_POINT = 0.02
ROUND = 'stroke-linecap="round" stroke-linejoin="round"'


@dataclass(frozen=True)
class Sheet:
    """Strokes where they lie on a sheet `width` by `height`, and how thick the pen is; `unit` is `mm` or nothing.

    `pixels` are how many of a PNG there are in one unit.
    """

    strokes: Sequence[Floats]
    width: float
    height: float
    pen: float
    unit: str
    pixels: float

    def svg(self, *, animated: bool = False) -> str:
        """Return it as SVG; with `animated` the strokes are written one after another."""
        body, begin = "", 0.0
        for stroke in self.strokes:
            points = " ".join(f"{x:.5g},{y:.5g}" for x, y in stroke)
            lasts = SECONDS_A_POINT * len(stroke)
            hidden, inner = moving(stroke, begin, lasts) if animated else ("", "")
            body += f'<polyline points="{points}"{hidden}>{inner}</polyline>\n'
            begin += lasts
        size = f'width="{self.width:g}mm" height="{self.height:g}mm" ' if self.unit else ""
        style = f'fill="none" stroke="{INK}" stroke-width="{self.pen:.4g}" {ROUND}'
        paper = f'<rect width="{self.width:.6g}" height="{self.height:.6g}" fill="white"/>\n' if self.unit else ""
        box = f'viewBox="0 0 {self.width:.6g} {self.height:.6g}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}{box}>{paper}<g {style}>\n{body}</g></svg>\n'

    def png(self) -> bytes:
        """Return it as a PNG. Raises `MissingExtra` where matplotlib is not installed."""
        canvas, figure = blank_figure(1, 1)
        scale = min(self.pixels, LARGEST_PIXELS / max(self.width, self.height))
        figure.set_dpi(100)
        figure.set_size_inches(self.width * scale / 100, self.height * scale / 100)
        axes = figure.add_axes((0, 0, 1, 1))
        for stroke in self.strokes:
            axes.plot(*stroke.T, color=INK, linewidth=self.pen * scale * 0.72, solid_capstyle="round")
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.set_axis_off()
        into = io.BytesIO()
        canvas.print_figure(into, format="png", dpi=100)
        return into.getvalue()


def fitting(lines: Sequence[Sequence[Floats]], line_height: float) -> Sheet:
    """Return a sheet that just holds lines as they lie, in their own units."""
    points = np.concatenate([*(stroke for line in lines for stroke in line), np.zeros((0, 2))])
    edge = EDGE * line_height
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), np.zeros(2))
    width, height = (high - low + 2 * edge).tolist()
    moved = [stroke - low + edge for line in lines for stroke in line]
    return Sheet(moved, width, height, THIN * line_height, "", FREE_PIXELS / line_height)


def on_paper(
    lines: Sequence[Sequence[Floats]], line_height: float, name: str, *, margin: float = 20.0, pitch: float = 10.0
) -> Sheet:
    """Return lines on a page, from its left margin, the first at the top, `pitch` millimetres from one to the next.

    Their letters are as large as the pitch has it, or smaller where a line would not fit between the margins. Raises
    `UsageError` for an unknown format, for margins that leave nothing, and for more lines than the page holds.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no paper '{name}': give one of {', '.join(FORMATS)}")
    width, height = FORMATS[name]
    if not 0 <= margin < min(width, height) / 2 - 1 or not 1 <= pitch <= height:
        raise UsageError(f"a margin of {margin:g} mm and lines of {pitch:g} mm do not fit on {name}: give less")
    holds = int((height - 2 * margin) // pitch)
    if len(lines) > holds:
        raise UsageError(
            f"{len(lines)} lines were written and the page holds {holds}: write fewer, or lower margin or pitch"
        )
    widest = max((float(np.concatenate(line)[:, 0].max()) for line in lines if len(line)), default=0.0)
    scale = min(pitch / line_height, (width - 2 * margin) / max(widest, 1e-9))
    moved = []
    for number, line in enumerate(lines):
        middle = margin + (number + 0.5) * pitch
        moved += [stroke * scale + np.array([margin, middle]) for stroke in line]
    return Sheet(moved, width, height, PEN, "mm", PIXELS_A_MILLIMETRE)


def blank_figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a canvas and its figure, in inches. Raises `MissingExtra` where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a PNG needs matplotlib: pip install 'statewise[plot]', or give an .svg") from None
    figure = Figure(figsize=(width, height))
    return FigureCanvasAgg(figure), figure
