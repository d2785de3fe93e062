"""Gestures in a stream of probabilities: one event for one gesture, with its beginning and end in seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.errors import DataError, UsageError

Chances = NDArray[np.float64]
LONGEST = 600.0
CLOSE = 1e-6
"Seconds by which a time may be short of what is asked for: times are sums of small ones."


@final
@dataclass(frozen=True)
class EventRules:
    """When a gesture begins and ends, all times in seconds.

    Probabilities are smoothed with a time constant of `smooth` seconds. An event begins when that of its class reaches
    `on`, and ends when it falls below `off`. One shorter than `least` is none, and within `refractory` seconds after
    one no other begins.

    >>> EventRules().on
    0.7
    """

    on: float = 0.7
    off: float = 0.4
    least: float = 0.2
    refractory: float = 0.3
    smooth: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.off <= self.on <= 1:
            raise UsageError(
                f"--on {self.on:g} and --off {self.off:g} cannot be: give probabilities, the first no smaller"
            )
        for name in ("least", "refractory", "smooth"):
            if not 0 <= getattr(self, name) <= LONGEST:
                raise UsageError(f"--{name} {getattr(self, name):g} is out of bounds: give 0 to {LONGEST:g} seconds")


class GestureEvent(NamedTuple):
    """A gesture from `start` to `end`, in seconds: known for one at `known`, as sure as it ever was."""

    label: str
    start: float
    end: float
    known: float
    confidence: float

    def __str__(self) -> str:
        return f"{self.start:8.2f} s to {self.end:.2f} s  {self.label} ({self.confidence:.2f})"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {name: value if isinstance(value, str) else round(value, 4) for name, value in self._asdict().items()}


@final
@dataclass
class EventFinder:
    """Finds events as probabilities come; it holds as much after ten hours as after ten minutes.

    >>> finder = EventFinder(("none", "wave"), 0, EventRules(smooth=0.0))
    >>> found = [finder.push(n / 10, np.array([0.1, 0.9] if 3 <= n < 9 else [0.9, 0.1])) for n in range(20)]
    >>> [(event.label, event.start, event.end) for events in found for event in events]
    [('wave', 0.3, 0.9)]
    """

    classes: Sequence[str]
    background: int | None
    rules: EventRules
    smoothed: Chances = field(init=False)
    rose: Chances = field(init=False)
    "Since when each class has been at least `off`; infinite where it is not."
    latest: float = math.nan
    open: int = -1
    start: float = 0.0
    known: float = math.nan
    best: float = 0.0
    ended: float = -math.inf

    def __post_init__(self) -> None:
        count = len(self.classes)
        self.smoothed = np.full(count, 1 / count)
        if self.background is not None:
            self.smoothed = np.eye(count)[self.background]
        self.rose = np.full(count, math.inf)

    def push(self, seconds: float, chances: Chances) -> list[GestureEvent]:
        """Read the probabilities at a time later than the last; return the events that are over."""
        rules, first = self.rules, math.isnan(self.latest)
        length = 0.0 if first else seconds - self.latest
        begins_anywhere = first and self.background is None
        share = 1.0 if begins_anywhere or not rules.smooth else 1 - math.exp(-length / rules.smooth)
        self.smoothed = self.smoothed + share * (chances - self.smoothed)
        self.latest = seconds
        self.rose = np.where(self.smoothed >= rules.off, np.minimum(self.rose, seconds), math.inf)
        gestures = self.smoothed.copy()
        if self.background is not None:
            gestures[self.background] = -1.0
        likely = int(gestures.argmax())
        is_on = bool(gestures[likely] >= rules.on)
        over = []
        if self.open >= 0 and (self.smoothed[self.open] < rules.off or (is_on and likely != self.open)):
            over = self._close(seconds)
        if self.open < 0 and is_on and (seconds - self.ended >= rules.refractory - CLOSE or self.ended == -math.inf):
            self.open, self.best, self.known = likely, 0.0, math.nan
            self.start = max(float(self.rose[likely]), self.ended)
        if self.open >= 0:
            self.best = max(self.best, float(self.smoothed[self.open]))
            if math.isnan(self.known) and seconds - self.start >= rules.least - CLOSE:
                self.known = seconds
        return over

    def finish(self) -> list[GestureEvent]:
        """Return the event that was still going on when the stream ended."""
        return self._close(self.latest) if self.open >= 0 else []

    def _close(self, seconds: float) -> list[GestureEvent]:
        label, known = self.classes[self.open], self.known
        self.open = -1
        if math.isnan(known):
            if seconds - self.start < self.rules.least - CLOSE:
                return []
            known = seconds
        self.ended = seconds
        return [GestureEvent(label, self.start, seconds, known, self.best)]

    @property
    def going_on(self) -> str | None:
        """The gesture that is known to be going on now."""
        return self.classes[self.open] if self.open >= 0 and not math.isnan(self.known) else None

    @property
    def label(self) -> tuple[str, float]:
        """What is likeliest now, and how likely it is."""
        likely = int(self.smoothed.argmax())
        return self.classes[likely], float(self.smoothed[likely])

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all that it knows."""
        real = torch.tensor([self.latest, self.start, self.known, self.best, self.ended], dtype=torch.float64)
        return {
            "smoothed": torch.tensor(self.smoothed),
            "rose": torch.tensor(self.rose),
            "event": real,
            "open": torch.tensor([self.open]),
        }

    def go_on(self, told: dict[str, torch.Tensor]) -> None:
        """Go on from what `tensors` returned. Raises `DataError` where it does not fit."""
        count, is_open = len(self.classes), int(told["open"][0])
        smoothed, rose = told["smoothed"].numpy(), told["rose"].numpy()
        if smoothed.shape != (count,) or rose.shape != (count,) or not np.isfinite(smoothed).all():
            raise DataError("the saved gestures have other classes: start again")
        if not -1 <= is_open < count or np.isnan(rose).any():
            raise DataError("the saved gestures are damaged: start again")
        self.smoothed, self.rose, self.open = smoothed.copy(), rose.copy(), is_open
        self.latest, self.start, self.known, self.best, self.ended = told["event"].tolist()


def label_changes(labels: Sequence[int]) -> int:
    """Return how often a label is another than the one before: flicker.

    >>> label_changes([1, 1, 2, 1])
    2
    """
    return sum(one != other for one, other in pairwise(labels))
