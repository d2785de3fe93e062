"""Where sounds begin: rises of the envelopes, found in the cochleagram."""

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import CELLS_A_SECOND, Envelopes, loudness

LEAST_RISE = 0.04
"Of the mean compressed envelope from one cell to the next."
APART = 4
"Cells between two beginnings, at least."
AFTER = 5
"Cells after a beginning in which its strength shows."


def rises(envelopes: Envelopes) -> NDArray[np.float32]:
    """Return by how much the bands of each cell are louder than in the cell before, on average `[cells]`."""
    before = np.concatenate([envelopes[:1], envelopes[:-1]])
    return np.asarray(np.maximum(envelopes - before, 0).mean(axis=1), np.float32)


def peaks(values: NDArray[np.floating], least: float, apart: int = APART) -> NDArray[np.int64]:
    """Return the places of the largest values that are at least `least`, none nearer than `apart` to a larger one.

    >>> peaks(np.array([0.0, 3.0, 2.0, 0.0, 0.0, 0.0, 1.0]), 0.5, 3).tolist()
    [1, 6]
    """
    taken = np.zeros(len(values), bool)
    found: list[int] = []
    for place in np.argsort(-values, kind="stable"):
        if values[place] < least:
            break
        if not taken[place]:
            found.append(int(place))
            taken[max(0, place - apart + 1) : place + apart] = True
    return np.array(sorted(found), np.int64)


def onsets(envelopes: Envelopes) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return when sounds begin, in seconds, and how strong each is, from 0 to 1.

    >>> quiet, loud = np.zeros((9, 4), np.float32), np.full((5, 4), 0.5, np.float32)
    >>> seconds, strengths = onsets(np.concatenate([quiet, loud]))
    >>> round(float(seconds[0]) * 90, 1), strengths.tolist()
    (9.5, [0.5])
    """
    places = peaks(rises(envelopes), LEAST_RISE)
    return (places + 0.5) / CELLS_A_SECOND, strength_at(envelopes, places)


def strength_at(envelopes: Envelopes, places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how loud it becomes after each of some cells, from 0 to 1."""
    loud = loudness(envelopes)
    return np.array([min(1.0, float(loud[place : place + AFTER].max(initial=0.0))) for place in places], np.float32)
