"""Samples that come at any times, at even steps: the same recording at 15 and at 30 samples a second reads alike."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.movement.recording import Seconds
from statewise.errors import DataError

LONGEST_JUMP = 600.0
"Seconds between two samples; beyond it a clock was set, or a unit is another."
CLOSE = 1e-6
"Times closer than so many seconds are one: clocks that count from 1970 are no finer."
Samples = NDArray[Any]


@final
@dataclass
class EvenSteps:
    """Reads samples with times, and gives those at even times `1 / rate` seconds apart, from the first sample's on.

    A number at such a time lies on the line between the samples around it; a picture (`holds`) is the latest one. Where
    two samples are more than `gap` seconds apart, what lies between is missing (NaN). A sample that comes no later than
    the one before is left out and counted. Nothing depends on how the samples are cut into pieces.

    >>> even = EvenSteps(rate=2.0, gap=9.0)
    >>> even.push(np.array([0.0, 1.0]), np.array([[0.0], [4.0]], np.float32)).tolist()
    [[0.0], [2.0], [4.0]]
    """

    rate: float
    gap: float
    holds: bool = False
    begun: float | None = None
    latest: float = 0.0
    held: Samples | None = None
    given: int = 0
    left_out: int = 0

    def push(self, times: Seconds, values: Samples) -> Samples:
        """Return the even samples that are known now. Raises `DataError` for a time that is none, or that jumps."""
        times = np.asarray(times, np.float64)
        if not np.isfinite(times).all():
            raise DataError("a time is missing or no number: give seconds, or no times at all")
        if not len(times):
            return values
        begun = float(times[0]) if self.begun is None else self.begun
        since, own, left_out = self._in_order(times - begun, values)
        if not len(since):
            self.left_out += left_out
            return own
        if self.held is not None:
            since, own = np.concatenate([[self.latest], since]), np.concatenate([self.held[None], own])
        count = int(np.floor((since[-1] + CLOSE) * self.rate)) + 1
        found = self._at(np.arange(self.given, count) / self.rate, since, own)
        self.begun, self.given, self.left_out = begun, max(count, self.given), self.left_out + left_out
        self.latest, self.held = float(since[-1]), own[-1]
        return found

    def _in_order(self, since: Seconds, values: Samples) -> tuple[Seconds, Samples, int]:
        """Return the samples that come later than all before them, and how many do not."""
        is_first = self.held is None
        highest = np.maximum.accumulate(np.concatenate([[-np.inf if is_first else self.latest], since]))
        is_later = since > highest[:-1]
        since, values = since[is_later], values[is_later]
        steps = np.diff(since, prepend=(0.0 if is_first else self.latest))
        if len(steps) and float(steps.max()) > LONGEST_JUMP:
            raise DataError(
                f"time jumps by {float(steps.max()):,.0f} s: give times in seconds, and a recording for each session"
            )
        return since, values, int((~is_later).sum())

    def _at(self, wanted: Seconds, since: Seconds, values: Samples) -> Samples:
        after = np.minimum(np.searchsorted(since, wanted - CLOSE), len(since) - 1)
        before = np.maximum(after - 1, 0)
        if self.holds:
            return np.asarray(values[np.where(since[after] > wanted + CLOSE, before, after)])
        length = since[after] - since[before]
        share = np.where(length > 0, (wanted - since[before]) / np.where(length > 0, length, 1.0), 1.0)
        is_there = (since[after] <= wanted + CLOSE)[:, None]
        low, high = values[before].astype(np.float64), values[after].astype(np.float64)
        between = np.where((length > self.gap)[:, None], np.nan, low + (high - low) * share[:, None])
        return np.where(is_there, high, between).astype(values.dtype)
