"""Halves of drawings, what real people made of them, and what the nearest other drawing would make of them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, Any]
PLACES = 24
"A half is compared with others at so many places, evenly spread along its ink."


class Half(NamedTuple):
    """The given half of a drawing, the rest of it, whether the pen is still down between them, and the whole's side.

    Where the pen is down, the rest begins at the last given point.
    """

    given: list[Floats]
    rest: list[Floats]
    pen_down: bool
    side: float

    @property
    def end(self) -> Floats:
        """The last given point."""
        last: Floats = self.given[-1][-1]
        return last

    def ended(self, rest: Sequence[Floats], *, pen_down: bool) -> list[Floats]:
        """Return the given half with a rest; with `pen_down` its first stroke goes on with the last given one."""
        if pen_down and rest:
            return [*self.given[:-1], np.concatenate([self.given[-1], rest[0]]), *rest[1:]]
        return [*self.given, *rest]


def halved(strokes: Sequence[Floats]) -> Half:
    """Return half of the strokes of a drawing, rounded up, and the rest; of a drawing of one stroke half of its points.

    >>> half = halved([np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [6.0, 0.0]])])
    >>> half.given[0][:, 0].tolist(), half.rest[0][:, 0].tolist(), half.pen_down, half.side
    ([0.0, 2.0], [2.0, 4.0, 6.0], True, 6.0)
    """
    side = float(np.ptp(np.concatenate(strokes), axis=0).max())
    if len(strokes) > 1:
        count = (len(strokes) + 1) // 2
        return Half([*strokes[:count]], [*strokes[count:]], False, side)
    (line,) = strokes
    count = max(1, len(line) // 2)
    return Half([line[:count]], [line[count - 1 :]], True, side)


class Neighbours:
    """Other people's drawings, halved too, of which the nearest can be found."""

    def __init__(self, halves: Sequence[Half], labels: Sequence[int]) -> None:
        self.halves, self.labels = halves, np.array(labels)
        self.places = np.stack([_places(half) for half in halves])
        self.kinds = np.array([_kind(half) for half in halves])

    def glued(self, half: Half, label: int | None = None) -> list[Floats]:
        """Return a half with the rest of the nearest drawing glued on: made as large, and moved to its last point.

        Nearest is the drawing whose own half has as many strokes, where there is one, and lies least far from it on
        average; with a `label` only drawings of that class are looked at.
        """
        chosen = np.ones(len(self.halves), bool) if label is None else self.labels == label
        alike = chosen & (self.kinds == _kind(half)).all(axis=1)
        chosen = alike if alike.any() else chosen
        away = np.linalg.norm(self.places - _places(half), axis=2).mean(axis=1)
        nearest = self.halves[int(np.where(chosen, away, np.inf).argmin())]
        scale = half.side / max(nearest.side, 1e-9)
        rest = [(stroke - nearest.end) * scale + half.end for stroke in nearest.rest]
        return half.ended(rest, pen_down=nearest.pen_down)


def _kind(half: Half) -> tuple[int, bool]:
    return len(half.given), half.pen_down


def _places(half: Half) -> Floats:
    """Return places along the ink of a half, `[PLACES, 2]`, from its first point on, in sides of the whole drawing."""
    points, along = [], [0.0]
    for stroke in half.given:
        for before, after in pairwise(np.concatenate([stroke[:1], stroke])):
            along.append(along[-1] + float(np.hypot(*(after - before))))
            points.append(after)
    line = (np.array(points) - points[0]) / max(half.side, 1e-9)
    wanted = np.linspace(0, along[-1], PLACES)
    return np.column_stack([np.interp(wanted, along[1:], line[:, axis]) for axis in (0, 1)])
