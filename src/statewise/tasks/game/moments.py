"""Running means and deviations, by which observations and rewards are normalized."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST_DEVIATION = 1e-4


@dataclass
class Moments:
    """The count, mean and sum of squared distances of all that was seen, number by number.

    >>> moments = Moments.of(1)
    >>> moments.add(np.array([[1.0], [3.0]]))
    >>> moments.mean.tolist(), moments.deviation.tolist()
    ([2.0], [1.0])
    """

    count: float
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, width: int) -> "Moments":
        """Return the moments of nothing."""
        return cls(0.0, np.zeros(width), np.zeros(width))

    def add(self, seen: NDArray[np.floating]) -> None:
        """See more rows `[N, D]`. Source: Chan, Golub & LeVeque 1979."""
        seen = seen.astype(np.float64)
        count, mean = len(seen), seen.mean(axis=0)
        squares, apart, total = ((seen - mean) ** 2).sum(axis=0), mean - self.mean, self.count + count
        self.squares = self.squares + squares + apart**2 * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The deviations, not less than 0.0001; 1 where nothing was seen."""
        if not self.count:
            return np.ones_like(self.mean)
        found: NDArray[np.float64] = np.maximum(np.sqrt(self.squares / self.count), LEAST_DEVIATION)
        return found

    def save(self, name: str) -> dict[str, Tensor]:
        """Return all of it as tensors, under names that begin so."""
        return {
            f"{name}.count": torch.tensor(self.count, dtype=torch.float64),
            f"{name}.mean": torch.from_numpy(self.mean.copy()),
            f"{name}.squares": torch.from_numpy(self.squares.copy()),
        }

    @classmethod
    def load(cls, name: str, saved: Mapping[str, Tensor]) -> "Moments":
        """Return what `save` wrote. Raises `KeyError` where it is not there."""
        mean, squares = (saved[f"{name}.{part}"].numpy().astype(np.float64) for part in ("mean", "squares"))
        return cls(float(saved[f"{name}.count"]), mean, squares)
