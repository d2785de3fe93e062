"""Means and deviations of frames that come one sound after another."""

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.front_end import Frames


class FrameMoments:
    """Means and deviations of frames that come one sound after another."""

    def __init__(self, numbers: int) -> None:
        self.count, self.sums, self.squares = 0, np.zeros(numbers), np.zeros(numbers)

    def add(self, frames: Frames) -> None:
        """Count some frames."""
        exact = frames.astype(np.float64)
        self.count += len(exact)
        self.sums += exact.sum(axis=0)
        self.squares += (exact**2).sum(axis=0)

    def means(self) -> NDArray[np.float64]:
        """Return the mean of each number."""
        found: NDArray[np.float64] = self.sums / max(1, self.count)
        return found

    def deviations(self) -> NDArray[np.float64]:
        """Return the standard deviation of each number, 1 where it never varies."""
        found: NDArray[np.float64] = np.sqrt((self.squares / max(1, self.count) - self.means() ** 2).clip(0))
        return np.where(found < 1e-6, 1.0, found)
