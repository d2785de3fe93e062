"""Frames as steps of a network, by their times; and what it says of unequal stretches of time as even cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import CELLS_A_SECOND, Envelopes

Floats = NDArray[np.float64]
Values = NDArray[np.float32]
NEAREST, FARTHEST = 0.75, 1.5
"Of the usual time between frames: one that comes sooner is left out; while none comes so long, the last one is held."
LONGEST_RATIO = 4.0
STROKE_WIDTH = 2 / CELLS_A_SECOND
"Seconds about a stroke in which a cell says that there is one, falling from 1 to 0."
CLOSE = 1e-6


class StepPlan(NamedTuple):
    """Which frames are read as steps `[T]`, and when `[T]`, in seconds since the first."""

    frames: NDArray[np.int64]
    times: Floats


def planned(times: Floats, rate: float, until: float) -> StepPlan:
    """Return which frames are read when: those that come too soon are left out, the last is held while none comes.

    It is held on until the step that begins at `until` or later.

    >>> plan = planned(np.array([0.0, 0.1, 0.12, 0.2]), 10, 0.35)
    >>> plan.frames.tolist(), plan.times.round(2).tolist()
    ([0, 1, 3, 3, 3], [0.0, 0.1, 0.2, 0.3, 0.4])
    """
    frames, found = [0], [float(times[0])]
    usual = 1 / rate
    for number in range(1, len(times)):
        time = float(times[number])
        while time - found[-1] > FARTHEST * usual:
            frames.append(frames[-1])
            found.append(found[-1] + usual)
        if time - found[-1] >= NEAREST * usual - CLOSE:
            frames.append(number)
            found.append(time)
    while found[-1] < until - CLOSE:
        frames.append(frames[-1])
        found.append(found[-1] + usual)
    return StepPlan(np.array(frames, np.int64), np.array(found))


def edges_of(times: Floats, rate: float, look_ahead: float) -> Floats:
    """Return from when to when each step speaks `[T, 2]`: since the step before, and `look_ahead` seconds earlier."""
    before = np.concatenate([[times[0] - 1 / rate], times[:-1]])
    return np.stack([before, times], axis=1) - look_ahead


def cell_edges(edges: Floats, cells: int) -> Floats:
    """Return the edges of the cells of each step `[T, cells + 1]`."""
    share = np.arange(cells + 1) / cells
    return edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * share


def mean_between(envelopes: Envelopes, edges: Floats) -> Values:
    """Return the mean of even cells between neighbours of `[T, S + 1]` times, `[T, S, B]`; beyond them it is nought."""
    sums = np.concatenate([np.zeros((1, envelopes.shape[1])), np.cumsum(envelopes, axis=0, dtype=np.float64)])
    places = (edges * CELLS_A_SECOND).clip(0, len(envelopes))
    low = np.minimum(places.astype(np.int64), len(envelopes) - 1)
    share = (places - low)[..., None]
    until = sums[low] + (sums[low + 1] - sums[low]) * share
    wide = (edges[:, 1:] - edges[:, :-1]) * CELLS_A_SECOND
    return np.asarray((until[:, 1:] - until[:, :-1]) / wide[..., None], np.float32)


def targets_of(envelopes: Envelopes, hits: Sequence[tuple[float, float, int]], edges: Floats, cells: int) -> Values:
    """Return what a step is to say `[T, cells (B + 3)]`, as the head `Soundtrack` has it.

    A hit is when, how strong, and the number of the material, -1 where not known.
    """
    bounds = cell_edges(edges, cells)
    wanted = mean_between(envelopes, bounds).reshape(len(edges), -1)
    middles = (bounds[:, 1:] + bounds[:, :-1]) / 2
    strokes, strengths = np.zeros(middles.shape, np.float32), np.zeros(middles.shape, np.float32)
    materials = np.full(middles.shape, -1.0, np.float32)
    for seconds, strength, material in hits:
        near = np.asarray(1 - np.abs(middles - seconds) / STROKE_WIDTH, np.float32)
        own = near > strokes
        strokes[own], strengths[own], materials[own] = near[own], strength, material
    return np.concatenate([wanted, strokes, strengths, materials], axis=1)


@final
@dataclass
class CellGrid:
    """Values of stretches of time that follow each other, of any length, as means over even cells.

    >>> grid = CellGrid(1)
    >>> grid.push(1 / 90, np.array([2.0])).tolist(), grid.push(3 / 90, np.array([4.0])).tolist()
    ([[2.0]], [[4.0], [4.0]])
    """

    numbers: int
    told: int = 0
    "How many cells were given."
    filled: float = 0.0
    "How much of the cell that is next is known, in cells."
    sums: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros(self.numbers)

    def push(self, end: float, values: Any) -> Floats:
        """Take what is so until `end`, in seconds, and return the cells that are known now `[C, numbers]`."""
        found = []
        at, stop = self.told + self.filled, end * CELLS_A_SECOND
        while stop > at + CLOSE:
            step = min(stop, self.told + 1) - at
            self.sums = self.sums + step * np.asarray(values, np.float64)
            self.filled += step
            if self.filled >= 1 - CLOSE:
                found.append(self.sums / self.filled)
                self.told, self.filled, self.sums = self.told + 1, 0.0, np.zeros(self.numbers)
            at = self.told + self.filled
        return np.stack(found) if found else np.zeros((0, self.numbers))
