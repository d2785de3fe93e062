"""The data of a series task: series in two parts, as a network reads them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from statewise.data.series.panel import Ints, Panel
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.task import Data, Part
from statewise.tasks.forecast.defaults import SeriesSplit
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, SeriesWindows


def digests_of(panel: Panel) -> dict[str, str]:
    """Return what tells a panel from any other: a digest of its values, and one of their times and names."""
    values = hashlib.sha256(panel.values.tobytes() + panel.known.tobytes() + panel.past.tobytes())
    spans = [str(panel.origin), str(panel.frequency), panel.begins.tolist(), panel.places.tolist()]
    grid = hashlib.sha256(json.dumps([*spans, panel.names, panel.static.tolist()]).encode())
    return {"sha256": values.hexdigest(), "sha256_times": grid.hexdigest()}


@dataclass(frozen=True)
class SeriesData(Data):
    """Series as a network reads them, and which part is looked at: the held-out one, or that for checks."""

    task: Any  # a SeriesTask, whose module imports this one
    read: SeriesFeatures
    split: SeriesSplit
    is_validating: bool = False

    @property
    def codec(self) -> SeriesCodec:
        """What must be known to read series as in training."""
        return self.read.codec

    @cached_property
    def ends(self) -> Ints:
        """The place after the last value of each series that is looked at."""
        return self.read.panel.observed() - (self.split.held_out if self.is_validating else 0)

    @property
    def scored(self) -> int:
        """How many steps before them are scored."""
        return self.split.validation if self.is_validating else self.split.held_out

    @property
    def facts(self) -> dict[str, Any]:
        """How many values there are and how often they come, from when to when, and their digest."""
        panel, codec = self.read.panel, self.codec
        ends = panel.observed()
        learned, checked, seen = (panel.count(ends - n) for n in (self.split.kept, self.split.held_out, 0))
        return {
            "unit": "value",
            "training": learned,
            **({"validation": checked - learned} if self.split.validation else {}),
            "held_out": seen - checked,
            "missing": len(panel.values) - seen,
            "series": len(panel),
            "every": str(codec.frequency),
            "from": codec.clock.shown(panel.times(0, 1)[0]),
            "to": codec.clock.shown(panel.times(panel.end - 1, 1)[0]),
            "context": codec.context,
            "horizon": codec.horizon,
            **digests_of(panel),
            **({"chosen": chosen} if (chosen := self._chosen()) else {}),
            "notices": [*panel.notices, *self._missing()],
        }

    def _chosen(self) -> str:
        """Say which settings follow from the data, because they were not given."""
        task, size = self.task, self.task.network_size(self.codec)
        updates = len(self.windows("training"))
        told = {
            f"context {self.codec.context}": not task.context,
            f"hidden size {size.hidden_size}": not task.hidden_size,
            f"dropout {size.dropout:g}": task.dropout is None,
            f"{task.least_updates} updates": 0 < task.usual_epochs * updates < task.least_updates and task.is_free,
        }
        words = [word for word, is_chosen in told.items() if is_chosen]
        return f"chosen by the amount of data: {', '.join(words)}" if words else ""

    def _missing(self) -> list[str]:
        """Say how many values are missing: one whose time was mistyped is, and so is one that never came."""
        panel = self.read.panel
        count, first = panel.holes()
        if first is None:
            return []
        return [
            f"{count:,} of {int(panel.observed().sum()):,} values missing, the first at "
            f"{self.codec.clock.shown(panel.times(first, 1)[0])}"
        ]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return windows of context and horizon, each starting fresh, from anywhere in the training part.

        Windows of so many `steps` are as long as the longest series where that is shorter.
        """
        codec, task = self.codec, self.task
        learned = (self.read.panel.observed() - self.split.kept).clip(min=0)
        ends = learned if part == "training" else self.ends.clip(min=0)
        length = min(steps, max(1, int(ends.max()))) if steps else task.sequence_length or codec.context + codec.horizon
        return SeriesWindows(self.read, ends, rows or task.batch_size, length, task.seed)

    def validating(self) -> Self:
        """Return the part before the held-out one, which checks look at and training does not."""
        return replace(self, is_validating=True) if self.split.validation else self

    def on(self, source: Sequence[str], cache: Path) -> Self:
        """Return the end of another table as what is scored."""
        if len(source) != 1:
            raise UsageError(f"one table is scored at a time, not {len(source)}: give one")
        return replace(self, read=SeriesFeatures(self.task.panel(source[0], self.codec), self.codec))
