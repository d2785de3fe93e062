"""Data whose baselines take long to find: they are found once, and kept in a cache under all that they depend on."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from statewise.task import Data

if TYPE_CHECKING:
    from statewise.data.figures import Finding, Found

SCORES = "_scores"


class CountedOnce(Data):
    """Data that says what its baselines depend on and how they are found; the rest is written here."""

    cache: Path

    @abstractmethod
    def baselines_key(self) -> str:
        """Return a name for the baselines out of all that they depend on, as `data.figures.key_of` does."""

    @abstractmethod
    def find_baselines(self) -> "Finding":
        """Find what the baselines score, yielding how much is done."""

    def baseline_metrics(self, found: "Found") -> "Found":
        """Return what was found in the metrics of the task: here as it is."""
        return found

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what the baselines score, found at most once."""
        for _ in self.prepare_baselines():
            pass
        scores: Found = vars(self)[SCORES]
        return scores

    def prepare_baselines(self) -> Iterator[float]:
        """Find the baselines, unless that was done before, yielding how much is done."""
        from statewise.data.figures import find_once

        if SCORES not in vars(self):
            found = yield from find_once(self.cache, self.baselines_key(), self.find_baselines)
            vars(self)[SCORES] = self.baseline_metrics(found)
