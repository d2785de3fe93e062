"""How like two drawings look, whatever their size, so that what was copied would be seen."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

import numpy as np

Floats = np.ndarray[Any, Any]
GRID = 24


@final
class Known:
    """Drawings that a network learned from, of which the one that is most like another can be found."""

    def __init__(self, drawings: Sequence[Sequence[Floats]]) -> None:
        self.drawings = drawings
        self.grids = np.stack([ink_of(strokes) for strokes in drawings])

    def nearest(self, strokes: Sequence[Floats]) -> tuple[int, float]:
        """Return which drawing is most like one, and how like: 1 where their ink lies on the same places."""
        likeness = self.grids @ ink_of(strokes)
        number = int(likeness.argmax())
        return number, float(likeness[number])


def ink_of(strokes: Sequence[Floats]) -> Floats:
    """Return where a drawing has ink, on a coarse grid of its own size, blurred, as a vector of length 1."""
    lines = [stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0) for stroke in strokes]
    points = np.concatenate([np.linspace(a, b, 12) for stroke in lines for a, b in pairwise(stroke)])
    side = max(float(np.ptp(points, axis=0).max()), 1e-9)
    places = ((points - points.min(axis=0)) / side * (GRID - 1)).round().astype(int)
    ink = np.zeros((GRID + 2, GRID + 2))
    ink[places[:, 1] + 1, places[:, 0] + 1] = 1
    blurred = sum(np.roll(np.roll(ink, dx, 0), dy, 1) for dx in (-1, 0, 1) for dy in (-1, 0, 1))
    vector = np.asarray(blurred).ravel()
    return vector / np.linalg.norm(vector)
