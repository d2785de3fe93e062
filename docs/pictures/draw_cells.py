"""Draw the pictures of the pages about cells: `python docs/pictures/draw_cells.py` writes `cells/*.svg` beside it.

Each `cells/*.toml` describes the pictures of one family, a line for a part or for arrows:

    x input 2 0          a part: its name, its kind, where its middle is, and its label if that is not the name
    h -> keep -> add     arrows from part to part, `-|` across and then up or down, `|-` up or down and then across,
                         `~>`, `~|` and `|~` the same, dashed

A label's lines are parted by `|`. A `dot` is where a line parts, a `join` where two are read together, a `bend` where
one turns, a `port` where one meets the edge of a large box; a `note` is only text, and so are `words`, which begin at
their place.
"""

import hashlib
import math
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent / "cells"
INCHES, POINTS = 0.55, 10.0  # of one unit of length, and of the letters
LETTER = 0.602 * POINTS / 72 / INCHES  # the width of a letter, in units: all of DejaVu Sans Mono are alike
LINE = 1.35 * POINTS / 72 / INCHES
MARGIN = 0.3
# tints of the palette of Okabe and Ito, which the colour-blind tell apart; the shapes tell the same again
FILLS = {
    "input": "#e5e5e5",
    "state": "#cde9fa",
    "output": "#c5e8dc",
    "gate": "#fbdc9a",
    "exp": "#f6bd9a",
    "box": "#ffffff",
    "op": "#ffffff",
}
POINTLIKE = {"dot", "bend", "port"}
ROUND = {"gate", "exp", "op", "join"}
DOT = 0.065
TEXTS = {"note", "words"}
ARROWS = {"->", "-|", "|-", "~>", "~|", "|~"}
INK = "#222222"


class Part(NamedTuple):
    """A shape of a picture: what it is, where its middle lies and what is written in it."""

    kind: str
    x: float
    y: float
    label: str

    @property
    def half(self) -> tuple[float, float]:
        """Half its width and half its height, in units."""
        lines = self.label.split("|")
        wide, high = max(map(len, lines)) * LETTER / 2, len(lines) * LINE / 2
        if self.kind in POINTLIKE:
            return 0.0, 0.0
        if self.kind in ROUND:
            radius = {"op": 0.22, "join": DOT}.get(self.kind, max(0.34, wide + 0.12))
            return radius, radius
        return (wide, high) if self.kind in TEXTS else (max(wide + 0.17, high + 0.13), high + 0.13)


class Arrow(NamedTuple):
    """A line through some points from the edge of one part to the edge of another."""

    start: str
    end: str
    points: tuple[tuple[float, float], ...]
    dashed: bool


class Picture(NamedTuple):
    """The parts of a picture by their names, and its arrows."""

    parts: dict[str, Part]
    arrows: list[Arrow]


def describe(text: str) -> Picture:
    """Return the picture that some lines describe."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    parts = {}
    for name, kind, x, y, *label in (line for line in lines if not ARROWS & set(line)):
        part = Part(kind, float(x), float(y), " ".join(label) or name)
        parts[name] = part._replace(x=part.x + part.half[0]) if kind == "words" else part
    arrows = []
    for line in (line for line in lines if ARROWS & set(line)):
        for start, how, end in zip(line[::2], line[1::2], line[2::2]):
            arrows.append(_join(parts, start, how, end))
    return Picture(parts, arrows)


def described() -> dict[str, str]:
    """Return the description of every picture by its name."""
    pages = [tomllib.loads(page.read_text()) for page in sorted(HERE.glob("*.toml"))]
    return {name: text for page in pages for name, text in page.items()}


def digest(text: str) -> str:
    """Return what a picture file carries to show which description it was drawn from."""
    return hashlib.sha256(text.encode()).hexdigest()


def draw(text: str, path: Path) -> None:
    """Draw the picture that a text describes into a file."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    picture = describe(text)
    shapes = picture.parts.values()
    left, right = min(p.x - p.half[0] for p in shapes) - MARGIN, max(p.x + p.half[0] for p in shapes) + MARGIN
    low, high = min(p.y - p.half[1] for p in shapes) - MARGIN, max(p.y + p.half[1] for p in shapes) + MARGIN
    fonts = {"font.family": "DejaVu Sans Mono", "font.size": POINTS, "svg.hashsalt": "statewise"}
    with mpl.rc_context(fonts):
        figure = plt.figure(figsize=((right - left) * INCHES, (high - low) * INCHES), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(low, high))
        axes.set_axis_off()
        for arrow in picture.arrows:
            _draw_arrow(axes, arrow, picture.parts[arrow.end].kind)
        for part in shapes:
            _draw_part(axes, part)
        metadata = {"Date": None, "Description": digest(text)} if path.suffix == ".svg" else None
        figure.savefig(path, metadata=metadata, dpi=110)
        plt.close(figure)


def _join(parts: dict[str, Part], start: str, how: str, end: str) -> Arrow:
    a, b = parts[start], parts[end]
    corner = {"|": [(a.x, b.y)], "-": [(b.x, a.y)], "~": [(b.x, a.y)]}[how[0]] if how[1] != ">" else []
    points = [(a.x, a.y), *corner, (b.x, b.y)]
    points[0], points[-1] = _edge(a, points[1]), _edge(b, points[-2])
    return Arrow(start, end, tuple(points), "~" in how)


def _edge(part: Part, toward: tuple[float, float]) -> tuple[float, float]:
    """Return where a line from a part's middle toward a point leaves the part."""
    dx, dy = toward[0] - part.x, toward[1] - part.y
    wide, high = part.half
    length = math.hypot(dx, dy)
    if not length or not wide:
        return part.x, part.y
    if part.kind in ROUND:
        share = wide / length
    else:
        share = min(wide / abs(dx) if dx else math.inf, high / abs(dy) if dy else math.inf)
    return part.x + share * dx, part.y + share * dy


def _draw_arrow(axes: Any, arrow: Arrow, end_kind: str) -> None:
    first, *between, last = arrow.points
    inner = [_toward(first, arrow.points[1]), *between, _toward(last, arrow.points[-2])]
    axes.plot(*zip(*inner), color="white", linewidth=5, solid_capstyle="butt", zorder=1)  # a line crossed gives way
    style = {"color": INK, "linewidth": 1.1, "linestyle": (0, (3, 2)) if arrow.dashed else "-"}
    axes.plot(*zip(*arrow.points), solid_capstyle="round", zorder=1, **style)
    if end_kind not in ("dot", "bend"):
        head = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9, "linewidth": 0.5}
        axes.annotate("", xy=last, xytext=_toward(last, arrow.points[-2]), arrowprops=head, zorder=2)


def _toward(point: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Return a point a little nearer to another."""
    length = math.dist(point, other)
    share = min(0.1, length / 3) / length if length else 0
    return point[0] + share * (other[0] - point[0]), point[1] + share * (other[1] - point[1])


def _draw_part(axes: Any, part: Part) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    wide, high = part.half
    if part.kind in ("dot", "join"):
        axes.add_patch(Circle((part.x, part.y), DOT, color=INK, zorder=4))
    if part.kind in POINTLIKE or part.kind == "join":
        return
    look = {"facecolor": FILLS.get(part.kind), "edgecolor": INK, "linewidth": 1.1, "zorder": 3}
    if part.kind in ROUND:
        axes.add_patch(Circle((part.x, part.y), wide, **look))
    elif part.kind not in TEXTS:
        corner = "square,pad=0" if part.kind == "box" else f"round,pad=0,rounding_size={min(wide, high)}"
        axes.add_patch(FancyBboxPatch((part.x - wide, part.y - high), 2 * wide, 2 * high, corner, **look))
    if part.kind == "exp":
        axes.add_patch(Circle((part.x, part.y), wide - 0.07, fill=False, edgecolor=INK, linewidth=0.7, zorder=3))
    label = part.label.replace("|", "\n")
    colour = "#555555" if part.kind in TEXTS else INK
    axes.text(part.x, part.y, label, ha="center", va="center", color=colour, zorder=5, linespacing=1.2)


if __name__ == "__main__":
    for old in HERE.glob("*.svg"):
        old.unlink()
    for name, text in described().items():
        draw(text, HERE / f"{name}.svg")
