"""How well gestures are told apart: by recording or by step, with intervals over recordings or people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
"How often recordings or people are drawn again for an interval."
Labels = NDArray[np.int64]


def confusions(wanted: Labels, said: Labels, classes: int) -> NDArray[np.int64]:
    """Return how often each class (row) was taken for each (column)."""
    return np.bincount(wanted * classes + said, minlength=classes * classes).reshape(classes, classes)


def macro_f1(table: NDArray[Any]) -> float:
    """Return the mean F1 = 2 hits / (times it was there + times it was said) of the classes that were either.

    >>> macro_f1(np.array([[2, 0], [1, 1]]))
    0.7333333333333334
    """
    hits, both = np.diag(table).astype(float), table.sum(axis=0) + table.sum(axis=1)
    there = both > 0
    return float((2 * hits[there] / both[there]).mean()) if there.any() else 0.0


@dataclass(frozen=True)
class GesturesJudged:
    """What was there and what was said at places that count `weights`; `groups` are recordings or people.

    Where each recording is one gesture, a place is a recording, else a step.
    """

    wanted: Labels
    said: Labels
    groups: NDArray[np.int64]
    classes: int
    weights: NDArray[np.float64] | None = None
    by_group: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        _, number = np.unique(self.groups, return_inverse=True)
        count = int(number.max()) + 1
        places = (number * self.classes + self.wanted) * self.classes + self.said
        table = np.bincount(places, minlength=count * self.classes**2).reshape(count, self.classes, self.classes)
        object.__setattr__(self, "by_group", table)

    @property
    def table(self) -> NDArray[np.int64]:
        """How often each class was taken for each."""
        found: NDArray[np.int64] = self.by_group.sum(axis=0)
        return found

    @property
    def accuracy(self) -> float:
        """The share of places of which the right class was said."""
        return float(np.trace(self.table) / max(1, self.table.sum()))

    def metrics(self) -> dict[str, float]:
        """Return accuracy and macro F1, the latter with its interval.

        Metrics:

        - `macro_f1`: the mean over classes of 2 hits / (times it was there + times it was said), by
          `statewise.tasks.gesture.metrics.macro_f1`; recordings, or where known people, are drawn again for its
          interval; more is better
        - `accuracy`: the share of recordings, or of steps, whose class was said; more is better
        """
        low, high = f1_interval(self)
        own = {"macro_f1": macro_f1(self.table), "macro_f1_low": low, "macro_f1_high": high}
        return {**own, "accuracy": self.accuracy}

    def by_class(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each class that was there or said, and how often it was there."""
        table, found = self.table, {}
        for n, name in enumerate(names):
            there, said, hits = int(table[n].sum()), int(table[:, n].sum()), int(table[n, n])
            if there or said:
                found[name] = {
                    "precision": hits / max(1, said),
                    "recall": hits / max(1, there),
                    "f1": 2 * hits / max(1, there + said),
                    "places": float(there),
                }
        return found


def _drawn(count: int) -> NDArray[np.int64]:
    """Return how often each group is drawn, in each of the draws: always the same."""
    draw = np.random.default_rng(0)
    return np.stack([np.bincount(draw.integers(0, count, count), minlength=count) for _ in range(DRAWS)])


def _scores(judged: GesturesJudged) -> NDArray[np.float64]:
    drawn = _drawn(len(judged.by_group)).astype(np.float64)
    tables = np.tensordot(drawn, judged.by_group.astype(np.float64), axes=1)
    hits = np.einsum("dcc->dc", tables)
    both = tables.sum(axis=1) + tables.sum(axis=2)
    scores = np.where(both > 0, 2 * hits / np.maximum(both, 1e-9), np.nan)
    found: NDArray[np.float64] = np.nanmean(scores, axis=1)
    return found


def f1_interval(one: GesturesJudged, other: GesturesJudged | None = None) -> tuple[float, float]:
    """Return a 95 % interval of a macro F1, or of how much higher it is than another of the same recordings.

    Recordings, or where they are known people, are drawn again with replacement, always the same draws.
    """
    found = _scores(one) - (_scores(other) if other is not None else 0.0)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
