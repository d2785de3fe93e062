"""What a network reads of a series at each step, and how a panel becomes windows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import gcd
from typing import Any, final

import numpy as np
import torch

from statewise.data.codec import Codec
from statewise.data.series.frequency import Frequency, Times
from statewise.data.series.panel import Floats, Ints, Panel
from statewise.data.series.series_columns import SeriesColumns
from statewise.data.tables.clocks import Clock
from statewise.data.window import LazyWindows, Window
from statewise.errors import DataError
from statewise.tasks.forecast.calendar import calendar_features
from statewise.tasks.forecast.levels import ages, filled, levels_of
from statewise.tasks.forecast.simple_methods import memory_of
from statewise.tasks.forecast.written import check_written

LEAST_STEADY = 7
LARGEST, FARTHEST = 20.0, 4.0
"No value that is read is farther from its level, in spreads, and no covariate: a broken sensor should drown nothing."


@final
@dataclass(frozen=True)
class SeriesCodec(Codec):
    """What must be known to read a series as in training: it is written to `codec.json`.

    Only where training spans `years` of which there are several does it read the season of the year, and how large the
    spread is: from a year or two a network learns by these which day it was, and nothing for the next.

    Times are in UTC where there is a `zone`, by whose clocks they are shown. Spreads move by `pace` at every value
    and levels by `level_pace`: 1 makes the last value the level. So many `values` were learned from.
    A series of few values is lent `usual_spread` as the share of its size that its spread is.
    """

    columns: SeriesColumns
    frequency: Frequency
    context: int
    horizon: int
    lags: tuple[int, ...]
    pace: float
    level_pace: float
    years: bool
    counts: bool
    names: tuple[str, ...]
    vocabularies: tuple[tuple[str, ...], ...]
    covariates: tuple[tuple[float, float], ...]
    holidays: str | None = None
    zone: str | None = None
    day_first: bool | None = None
    values: int = 1_000_000
    usual_spread: float = 0.0

    @property
    def clock(self) -> Clock:
        """How times are shown."""
        return Clock(self.zone, self.frequency.unit == "step", self.day_first)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, tuples as lists."""
        plain = {field.name: _listed(getattr(self, field.name)) for field in fields(self)}
        return {**plain, "columns": self.columns.as_json(), "frequency": str(self.frequency)}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "SeriesCodec":
        """Return what was written. Raises `DataError` where it is of another form."""
        try:
            check_written(written)
            values = dict(written)
            for name in ("lags", "names"):
                values[name] = tuple(values[name])
            for name in ("vocabularies", "covariates"):
                values[name] = tuple(tuple(inner) for inner in values[name])
            values["columns"] = SeriesColumns.read(values["columns"])
            values["frequency"] = Frequency.read(values["frequency"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"codec.json is not that of a forecast ({error}): the run is damaged") from None

    @property
    def choices(self) -> tuple[int, ...]:
        """How many series, and how many words of each static column, are told apart; number 0 is any other."""
        return (len(self.names) + 1, *(len(words) + 1 for words in self.vocabularies))

    @cached_property
    def numbers(self) -> int:
        """How many numbers are read at a step, without the codes of the series: the log of its spread comes last."""
        calendar = self.calendar(np.array(["2026-01-01"], "datetime64[s]")).shape[1]
        return int(2 + len(self.lags) + calendar + len(self.covariates) + 1)

    @property
    def steady(self) -> int:
        """How many last values show that a level has jumped: about the shortest season."""
        return max(LEAST_STEADY, self.frequency.seasons[0])

    @property
    def memory(self) -> int:
        """How many last values of a series are kept, for simple methods."""
        return memory_of(self.frequency.seasons)

    @property
    def reads_spread(self) -> bool:
        """Say whether the log of the spread is read; a head of counts needs it."""
        return self.years or self.counts

    def calendar(self, times: Times) -> Floats:
        """Return what the calendar says of some times, by the clocks of their zone."""
        return calendar_features(self.frequency, self.clock.local(times), yearly=self.years, holidays=self.holidays)

    def codes(self, panel: Panel) -> Ints:
        """Return the number of each series, and of its words in each static column, `[series, 1 + static]`."""
        known = {name: i + 1 for i, name in enumerate(self.names)}
        tables = [{word: i + 1 for i, word in enumerate(words)} for words in self.vocabularies]
        rows = [
            [known.get(name, 0), *(table.get(word, 0) for table, word in zip(tables, panel.static[i], strict=True))]
            for i, name in enumerate(panel.names)
        ]
        return np.array(rows, dtype=np.int64).reshape(len(panel), -1)


def features(
    codec: SeriesCodec,
    *,
    codes: Ints,
    level: Floats,
    spread: Floats,
    last: Floats,
    age: Floats,
    lagged: Floats,
    calendar: Floats,
    known: Floats,
    past: Floats,
) -> Floats:
    """Return what the network reads at one step of each series, in training and in a stream.

    Values are read in spreads from the level, covariates as they are given, around 0.
    Shapes: `codes` `[..., 1 + static]`; `level`, `spread`, `last` and `age` `[...]`; `lagged` `[..., L]`; `calendar`,
    `known` and `past` `[..., C]`, `[..., K]`, `[..., P]`; returns `[..., D]`.
    """
    level, spread = level[..., None], spread[..., None]

    def alike(values: Floats) -> Floats:
        return np.asarray(np.nan_to_num((values - level) / spread).clip(-LARGEST, LARGEST))

    width = np.log(spread) if codec.reads_spread else np.zeros_like(spread)
    parts: list[Any] = [
        codes,
        alike(last[..., None]),
        np.log1p(age)[..., None],
        alike(lagged),
        calendar,
        known,
        past,
        width,
    ]
    return np.concatenate(parts, axis=-1, dtype=np.float32)


@final
class SeriesFeatures:
    """A panel as a network reads it: levels and spreads before each place, the calendar, covariates around 0.

    `level` and `spread` have one place more for each series, after its last value.
    """

    def __init__(self, panel: Panel, codec: SeriesCodec) -> None:
        self.panel, self.codec = panel, codec
        self.level, self.spread = (np.empty(int(panel.begins[-1]) + len(panel), np.float32) for _ in range(2))
        self.filled, self.age = np.empty(len(panel.values), np.float32), np.empty(len(panel.values), np.float32)
        for i in range(len(panel)):
            part = panel.part(i)
            values, longer = panel.values[part], slice(part.start + i, part.stop + i + 1)
            self.level[longer], self.spread[longer] = levels_of(
                values, codec.pace, codec.level_pace, codec.context, usual=codec.usual_spread, steady=codec.steady
            )
            self.filled[part], self.age[part] = filled(values), ages(values)

    @cached_property
    def calendar(self) -> Floats:
        """The calendar at each place of the grid, and over one horizon after it."""
        times = self.panel.times(0, self.panel.end + self.codec.horizon + 1)
        return self.codec.calendar(times)

    @cached_property
    def codes(self) -> Ints:
        """The codes of each series."""
        return self.codec.codes(self.panel)

    @cached_property
    def covariates(self) -> Floats:
        """Known and past covariates around 0, missing ones 0, `[N, K + P]`."""
        together = np.concatenate([self.panel.known, self.panel.past], axis=1)
        return standardised(together, self.codec.covariates)

    def window(self, series: Ints, begin: Ints, steps: int, *, seen: int | None = None) -> Window:
        """Return what is read of some series from given places on, each row starting fresh.

        Where a value is missing, or there is none yet, the row sleeps. After so many steps `seen`, past covariates stay
        as they were: a forecast knows no more of them, and what it learned from must not either. Shapes: `series` and
        `begin` `[B]`; inputs `[T, B, D]`; targets `[T, B]` in spreads from the level, counts as they are.
        """
        panel, codec = self.panel, self.codec
        first, length = panel.begins[series], panel.lengths[series]
        within = begin[None, :] + np.arange(steps)[:, None]
        inside = within.clip(0, length - 1)
        at = first + inside
        level, spread = self.level[at + series], self.spread[at + series]
        targets = np.where(within == inside, panel.values[at], np.nan)
        before = at - (inside > 0)

        lagged = [np.where(within >= lag, panel.values[at - np.minimum(lag, inside)], np.nan) for lag in codec.lags]
        known, heard = panel.known.shape[1], before if seen is None else np.minimum(before, before[seen])
        read = features(
            codec,
            codes=np.broadcast_to(self.codes[series], (*within.shape, self.codes.shape[1])),
            level=level,
            spread=spread,
            last=np.where(within > 0, self.filled[before], np.nan),
            age=self.age[before],
            lagged=np.stack(lagged, axis=-1) if lagged else np.empty((*within.shape, 0), np.float32),
            calendar=self.calendar[panel.places[series] + inside],
            known=self.covariates[at][..., :known],
            past=self.covariates[heard][..., known:],
        )
        wanted = targets if codec.counts else (targets - level) / spread
        awake, reset = torch.from_numpy(~np.isnan(targets)), torch.zeros(within.shape, dtype=torch.bool)
        reset[0] = True
        return Window(torch.from_numpy(read), torch.from_numpy(np.nan_to_num(wanted)), awake, reset)


@final
class SeriesWindows(LazyWindows):
    """Every place of the training part as the beginning of a window, once an epoch, in an order that hops about.

    Window `i` is always the same. Raises `DataError` where no series is as long as a window.
    """

    def __init__(self, read: SeriesFeatures, ends: Ints, rows: int, steps: int, seed: int) -> None:
        self.read, self.rows, self.steps = read, rows, steps
        self.begins = np.concatenate([[0], np.cumsum((ends - steps + 1).clip(min=0))])
        self.total = int(self.begins[-1])
        if not self.total:
            raise DataError(
                f"the longest series has {int(ends.max())} places to learn from, but a window of context and horizon "
                f"has {steps}: give more data, or a shorter --context or --horizon"
            )
        hop = max(1, round(self.total * GOLDEN))
        while gcd(hop, self.total) > 1:
            hop += 1
        self.hop, self.start = hop, seed * 7919

    def __len__(self) -> int:
        return max(1, self.total // self.rows)

    def at(self, index: int) -> Window:
        """Return a window whose rows begin all over the training part."""
        numbers = (self.start + np.arange(index * self.rows, (index + 1) * self.rows)) * self.hop % self.total
        series = np.searchsorted(self.begins, numbers, side="right") - 1
        seen = self.steps - min(self.read.codec.horizon, self.steps // 2)
        return self.read.window(series, numbers - self.begins[series], self.steps, seen=seen)


GOLDEN = 0.6180339887498949


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


def standardised(values: Floats, scales: Sequence[tuple[float, float]]) -> Floats:
    """Return covariates around 0 in spreads of their own; those that are missing become 0."""
    if not scales:
        return np.zeros((len(values), 0), np.float32)
    mean, spread = np.array(scales, np.float32).T
    return np.asarray(np.nan_to_num((values - mean) / spread).clip(-FARTHEST, FARTHEST))
