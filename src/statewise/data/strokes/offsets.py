"""The one path from strokes to offsets, and back.

    size      the larger side of a drawing becomes `size`, so that a large hand and a small one draw alike
    jitter    points nearer than `jitter` to the last one that was kept go, the last of a stroke excepted
    spacing   points lie so far apart along the line, where a spacing is given; else they stay where the pen was
    epsilon   points that are not needed to stay within `epsilon` of the line go (Ramer, Douglas and Peucker)
    offsets   rows of dx, dy, lift: from each point to the next, 1 where the pen is lifted there

The first point is the origin and is not written; the pen is down on it. A stroke of one point is written as two equal
ones. So nothing is lost but where the drawing lies and what the steps above leave out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from statewise.data.strokes.drawing import MOST_POINTS, Drawing, Floats
from statewise.errors import UsageError

SIZE = 255.0
"As in QuickDraw, whose tolerance of 2 is meant for it."
AT_ONCE = 2000
"So many points of a line are simplified at once."


@final
@dataclass(frozen=True)
class Preparing:
    """What is done to strokes before they become offsets: lengths in the units that `size` sets, 0 for not at all.

    >>> Preparing(size=100, epsilon=1).strokes([np.array([[0.0, 0.0], [5.0, 0.0], [10.0, 0.0]])])[0].tolist()
    [[0.0, 0.0], [100.0, 0.0]]
    """

    size: float = SIZE
    jitter: float = 2.0
    spacing: float = 0.0
    epsilon: float = 2.0

    def factor(self, drawing: Drawing, side: float | None = None) -> float:
        """Return what a drawing is multiplied by: its larger side, or the `side` it will have once done, is `size`.

        A dot, which has no side, is left as it is.
        """
        if not self.size:
            return 1.0
        left, top, right, bottom = drawing.bounds
        side = max(right - left, bottom - top) if side is None else side
        return self.size / side if side > 0 and np.isfinite(self.size / side) else 1.0

    def strokes(self, strokes: Sequence[Floats], side: float | None = None) -> list[Floats]:
        """Return strokes as they are to be learned, still where they are but for the factor."""
        factor = self.factor(Drawing(tuple(strokes)), side)
        kept = []
        for stroke in strokes:
            points = still(stroke * factor, self.jitter) if self.jitter else stroke * factor
            points = spaced(points, self.spacing) if self.spacing else points
            kept.append(simplified(points, self.epsilon) if self.epsilon else points)
        return kept


def offsets_of(strokes: Sequence[Floats]) -> NDArray[np.float32]:
    """Return strokes as rows of `dx, dy, lift`, `[n, 3]`.

    >>> offsets_of([np.array([[1.0, 1.0], [4.0, 5.0]]), np.array([[0.0, 0.0]])]).tolist()
    [[3.0, 4.0, 1.0], [-4.0, -5.0, 0.0], [0.0, 0.0, 1.0]]
    """
    lines = [stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0) for stroke in strokes if len(stroke)]
    if not lines:
        return np.zeros((0, 3), np.float32)
    points = np.concatenate(lines)
    lifts = np.zeros(len(points))
    lifts[np.cumsum([len(line) for line in lines]) - 1] = 1
    return np.column_stack([np.diff(points, axis=0), lifts[1:]]).astype(np.float32)


def strokes_of(
    offsets: NDArray[np.floating], start: Sequence[float] = (0.0, 0.0), lifted: bool = False
) -> list[Floats]:
    """Return rows of `dx, dy, lift` as strokes; where the pen is `lifted` at the start, the first row only goes there.

    >>> [stroke.tolist() for stroke in strokes_of(np.array([[3, 4, 1], [-4, -5, 0], [0, 0, 1]]), (1, 1))]
    [[[1.0, 1.0], [4.0, 5.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    moves = np.asarray(offsets, np.float64)
    points = np.concatenate([np.zeros((1, 2)), moves[:, :2].cumsum(axis=0)]) + np.asarray(start, np.float64)
    lifts = np.flatnonzero(moves[:, 2] > 0) + 2
    if lifted:
        points, lifts = points[1:], lifts - 1
    return [stroke for stroke in np.split(points, lifts) if len(stroke)]


def still(points: Floats, least: float) -> Floats:
    """Return points without those nearer than `least` to the last one that was kept; the last point always stays.

    >>> still(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [4.0, 0.0]]), 2.0)[:, 0].tolist()
    [0.0, 4.0]
    """
    kept = [0]
    for number in range(1, len(points)):
        step = points[number] - points[kept[-1]]
        if step[0] * step[0] + step[1] * step[1] >= least * least:
            kept.append(number)
    last = len(points) - 1
    if kept[-1] != last:
        if len(kept) > 1:
            kept.pop()
        kept.append(last)
    return points[kept]


def spaced(points: Floats, spacing: float) -> Floats:
    """Return points that lie `spacing` apart along the same line, its two ends among them.

    Raises `UsageError` where that makes too many.

    >>> spaced(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]]), 2.0).tolist()
    [[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [4.0, 2.0]]
    """
    lengths = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], lengths.cumsum()])
    steps = round(along[-1] / spacing) if along[-1] < spacing * MOST_POINTS else MOST_POINTS
    if steps >= MOST_POINTS:
        raise UsageError(
            f"a spacing of {spacing:g} makes more than {MOST_POINTS:,} points of a stroke: give a larger one"
        )
    if not steps:
        return points[[0, -1]] if along[-1] else points[:1]
    wanted = np.linspace(0.0, along[-1], steps + 1)
    return np.column_stack([np.interp(wanted, along, points[:, axis]) for axis in (0, 1)])


def simplified(points: Floats, epsilon: float) -> Floats:
    """Return the points of a line that keep every other within `epsilon` of it.

    At worst it takes the square of their number in time, so every 2,000th of a long line is kept whatever it adds.
    Source: Ramer 1972, Douglas and Peucker 1973.

    >>> simplified(np.array([[0.0, 0.0], [1.0, 0.5], [2.0, 0.0], [3.0, 4.0]]), 1.0).tolist()
    [[0.0, 0.0], [2.0, 0.0], [3.0, 4.0]]
    """
    if len(points) < 3:
        return points
    keep = np.zeros(len(points), bool)
    ends = [*range(0, len(points) - 1, AT_ONCE), len(points) - 1]
    keep[ends] = True
    parts = [*pairwise(ends)]
    while parts:
        first, last = parts.pop()
        between = points[first + 1 : last] - points[first]
        if not len(between):
            continue
        chord = points[last] - points[first]
        length = float(chord @ chord)
        along = (between @ chord / length).clip(0, 1) if length else np.zeros(len(between))
        away = np.hypot(*(between - along[:, None] * chord).T)
        farthest = int(away.argmax())
        if away[farthest] > epsilon:
            middle = first + 1 + farthest
            keep[middle] = True
            parts += [(first, middle), (middle, last)]
    return points[keep]
