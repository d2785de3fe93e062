"""The data of a forecast: series in two parts, the origins of a backtest, and what simple methods score there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from statewise.data.panel import Ints, Panel
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.task import Data, Part
from statewise.tasks.forecast.backtest import Origins, baseline_quantiles, rolling_origins, truth_of
from statewise.tasks.forecast.defaults import SeriesSplit
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, SeriesWindows
from statewise.tasks.forecast.metrics import Floats, Truth, loss_by_origin, scores
from statewise.tasks.stocks.returns import OneStep, simple_methods


def digests_of(panel: Panel) -> dict[str, str]:
    """Return what tells a panel from any other: a digest of its values, and one of their times and names."""
    values = hashlib.sha256(panel.values.tobytes() + panel.known.tobytes() + panel.past.tobytes())
    spans = [str(panel.origin), str(panel.frequency), panel.begins.tolist(), panel.places.tolist()]
    grid = hashlib.sha256(json.dumps([*spans, panel.names, panel.static.tolist()]).encode())
    return {"sha256": values.hexdigest(), "sha256_times": grid.hexdigest()}


@dataclass(frozen=True)
class ForecastData(Data):
    """Series as a network reads them, with the origins of the backtest: of the held-out part, or of that for checks."""

    task: Any  # a Forecast, whose module imports this one
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

    @cached_property
    def stride(self) -> int:
        """Steps between two origins."""
        return self.codec.frequency.steps(self.task.between) if self.task.between else self.codec.horizon

    @cached_property
    def origins(self) -> Origins:
        """From where forecasts are made."""
        return rolling_origins(self.ends, self.scored, self.codec.horizon, self.stride)

    @cached_property
    def truth(self) -> Truth:
        """What came at each of them."""
        return truth_of(self.read.panel, self.origins, self.codec.horizon, max(self.codec.frequency.seasons))

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
            "origins": len(self.origins.series),
            **digests_of(panel),
            "notices": [*panel.notices, *self._missing()],
        }

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

    @cached_property
    def _baselines(self) -> dict[str, tuple[dict[str, float], Floats]]:
        found = baseline_quantiles(self.read.panel, self.origins, self.codec, self.task.rivals)
        return {name: (scores(self.truth, q), loss_by_origin(self.truth, q)) for name, q in found}

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what the last value, a line, the last season and what is usual score."""
        return {name: metrics for name, (metrics, _) in self._baselines.items()}

    @property
    def losses(self) -> dict[str, Floats]:
        """The loss of each baseline at each origin."""
        return {name: losses for name, (_, losses) in self._baselines.items()}

    def validating(self) -> Self:
        """Return the part before the held-out one, which checks look at and training does not."""
        return replace(self, is_validating=True) if self.split.validation else self

    def on(self, source: Sequence[str], cache: Path) -> Self:
        """Return the end of another table as what is scored."""
        if len(source) != 1:
            raise UsageError(f"one table is scored at a time, not {len(source)}: give one")
        return replace(self, read=SeriesFeatures(self.task.panel(source[0], self.codec), self.codec))


@dataclass(frozen=True)
class StocksData(ForecastData):
    """Returns, with the volatilities that simple methods see in them."""

    @cached_property
    def rivals(self) -> dict[str, OneStep]:
        """What simple methods say of each day."""
        return simple_methods(self.read.panel, self.ends, self.scored)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what constant volatility, and one that follows the last days, score."""
        return {name: found.metrics() for name, found in self.rivals.items()}
