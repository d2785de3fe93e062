"""Words told apart without learning: the recording that is nearest when both are stretched in time (DTW)."""

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
COEFFICIENTS = 13


def cepstra(frames: Vectors) -> Vectors:
    """Return the cepstra of log energies, less their means, each over its deviation, without the loudness.

    >>> cepstra(np.zeros((4, 40), np.float32)).shape
    (4, 12)
    """
    bands = frames.shape[1]
    places = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(1, COEFFICIENTS)
    found = frames.astype(np.float64) @ np.cos(places)
    found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
    return np.asarray(found, np.float32)


@final
class Nearest:
    """Recordings whose words are known, all of which are compared at once.

        D(i, j) = |a_i - b_j| + min(D(i-1, j), D(i-1, j-1), D(i, j-1)),   distance = D(n, m) / (n + m)

    Source: Sakoe & Chiba 1978.

    >>> known = Nearest([np.zeros((3, 2), np.float32), np.ones((4, 2), np.float32)])
    >>> int(known.distances(np.full((5, 2), 0.9, np.float32)).argmin())
    1
    """

    def __init__(self, recordings: Sequence[Vectors]) -> None:
        self.lengths = np.array([len(one) for one in recordings])
        self.padded = np.zeros((len(recordings), int(self.lengths.max()), recordings[0].shape[1]), np.float32)
        for number, one in enumerate(recordings):
            self.padded[number, : len(one)] = one
        self._squares = (self.padded**2).sum(axis=2)

    def distances(self, recording: Vectors) -> NDArray[np.float32]:
        """Return how far each known recording is from another one."""
        products = self.padded @ recording.T
        squares = self._squares[:, :, None] + (recording**2).sum(axis=1) - 2 * products
        costs = np.ascontiguousarray(np.sqrt(squares.clip(0)).transpose(2, 1, 0))  # [n, M, known]
        above = np.full((costs.shape[1] + 1, costs.shape[2]), np.inf, np.float32)
        above[0] = 0.0
        for row in costs:
            here = np.full_like(above, np.inf)
            reached = np.minimum(above[1:], above[:-1])
            for place in range(len(row)):
                here[place + 1] = row[place] + np.minimum(reached[place], here[place])
            above = here
        found: NDArray[np.float32] = above[self.lengths, np.arange(len(self.lengths))] / (self.lengths + len(recording))
        return found


def nearest_texts(
    known: Sequence[Vectors], texts: Sequence[str], asked: Sequence[Vectors]
) -> Iterator[tuple[float, list[str]]]:
    """Yield, a recording at a time, how much is done and the texts of the nearest ones so far."""
    nearest, found = Nearest(known), []
    for number, recording in enumerate(asked, start=1):
        found.append(texts[int(nearest.distances(recording).argmin())])
        yield number / len(asked), found
