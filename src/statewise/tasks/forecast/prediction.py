"""What lies ahead of one series: times and quantiles, as a table and as plain values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.series.panel import Ints
from statewise.data.tables.clocks import Clock
from statewise.data.tables.tables import title_of
from statewise.errors import DataError, UsageError
from statewise.model import Model
from statewise.registry import unknown
from statewise.report import aligned
from statewise.tasks.forecast.assumed import Assumed, as_read, covariates_ahead
from statewise.tasks.forecast.backtest import quantiles_of
from statewise.tasks.forecast.blend import Blend, follow, histories
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
from statewise.tasks.forecast.metrics import LEVELS
from statewise.tasks.forecast.recurrence import Forecaster, SeriesState, sample_paths

SHOWN = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
AT_ONCE = 64
TO_DAYS, TO_MINUTES, TO_SECONDS = (len(time) for time in ("2026-11-25", "2026-11-25 15:00", "2026-11-25 15:00:00"))
BARS = "▁▂▃▄▅▆▇█"


@final
@dataclass(frozen=True)
class SeriesForecast:
    """A forecast of one series: `quantiles` `[H, LEVELS]` at `times` `[H]`, after a `history` at `before`.

    Times are `datetime64`, in UTC where the run has a time zone, and integers where it counts steps; `clock` shows
    them. `paths` `[samples, H]` are the ways to go on that were drawn, for whatever depends on several times together.
    `known` are the known covariates ahead `[H]` by name. The last `told` values of the history are told in JSON.
    """

    series: str
    times: NDArray[Any]
    quantiles: NDArray[np.floating]
    paths: NDArray[np.floating]
    before: NDArray[Any]
    history: NDArray[np.floating]
    clock: Clock = field(default=Clock())
    known: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    told: int = 0

    def at(self, level: float) -> NDArray[np.floating]:
        """Return one quantile at every time."""
        return np.asarray(self.quantiles[:, LEVELS.index(level)])

    def rows(self) -> Iterator[list[str]]:
        """Yield a row for each time: the time, written alike in all rows, and the quantiles."""
        for i, time in enumerate(written_alike([self.clock.shown(time) for time in self.times])):
            yield [time, *(f"{self.quantiles[i, LEVELS.index(level)]:.6g}" for level in SHOWN)]

    def __str__(self) -> str:
        head = [self.series, *(f"{level:.1%}" for level in SHOWN)]
        return aligned([head, *self.rows()])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        quantiles = {f"{level:g}": [float(v) for v in self.at(level)] for level in SHOWN}
        found = {"series": self.series, "times": self._shown(self.times), "quantiles": quantiles}
        if not self.told:
            return found
        values = [None if math.isnan(value) else float(value) for value in self.history[-self.told :]]
        history = {"times": self._shown(self.before[-self.told :]), "values": values}
        known = {name: [None if math.isnan(v) else float(v) for v in of] for name, of in self.known.items()}
        return {**found, "history": history, "known": known}

    def _shown(self, times: NDArray[Any]) -> list[int | str]:
        return [int(time) if self.clock.is_steps else self.clock.shown(time) for time in times]


def written_alike(times: Sequence[str]) -> list[str]:
    """Return ISO times in one form for all: days, or minutes, or seconds, whichever is the shortest that loses nothing.

    >>> written_alike(["2026-11-25T00:00:00", "2026-11-25T01:00:00"])
    ['2026-11-25 00:00', '2026-11-25 01:00']
    >>> written_alike(["2026-11-25T00:00:00", "2026-11-26T00:00:00"]), written_alike(["300", "301"])
    (['2026-11-25', '2026-11-26'], ['300', '301'])
    """
    spaced = [time.replace("T", " ") for time in times]
    if all(len(time) == TO_SECONDS and time.endswith(" 00:00:00") for time in spaced):
        return [time[:TO_DAYS] for time in spaced]
    if all(time[TO_MINUTES:TO_SECONDS] == ":00" for time in spaced):
        return [time[:TO_MINUTES] + time[TO_SECONDS:] for time in spaced]
    return spaced


def ahead_of(
    model: Model[Any],
    read: SeriesFeatures,
    only: Sequence[str],
    samples: int,
    seed: int,
    *,
    hold_known: bool = False,
    assumed: Assumed | None = None,
    told: int = 0,
    blend: Blend | None = None,
) -> Iterator[SeriesForecast]:
    """Forecast beyond the last value of each series, some at once, with a `blend` mixed with simple methods.

    Raises `UsageError` for one that is not there, and `DataError` where known covariates end before the horizon, unless
    they are `assumed`, or the last of them are to be held.
    """
    panel, codec = read.panel, read.codec
    for name in only:
        if name not in panel.names:
            raise UsageError(f"{title_of('the table')}: {unknown('series', name, panel.names)}")
    wanted = np.array([i for i, name in enumerate(panel.names) if not only or name in only])
    ends = panel.observed()
    assumed = assumed or {}
    if not hold_known:
        _refuse_unknown(read, wanted, ends[wanted], [name for name in codec.columns.known if name not in assumed])
    for begin in range(0, len(wanted), AT_ONCE):
        series = wanted[begin : begin + AT_ONCE]
        forecaster = Forecaster.reach(model, read, series, ends[series])
        known = covariates_ahead(read, series, ends[series], assumed)
        paths = sample_paths(forecaster, as_read(known, codec), samples, seed)
        quantiles = quantiles_of(paths)
        if blend is not None:
            quantiles = blend.mixed(codec, histories(panel, series, ends[series], codec.memory), quantiles)
            paths = follow(paths, quantiles)
        drawn = paths.double().numpy()
        for row, i in enumerate(series.tolist()):
            place, end = int(panel.places[i]), int(ends[i])
            back = min(end, max(4 * codec.horizon, codec.context, told))
            values = panel.values[panel.part(i)][end - back : end]
            before, times = panel.times(place + end - back, back), panel.times(place + end, codec.horizon)
            shown = (codec.clock.values(part) for part in (times, before))
            covariates = dict(zip(codec.columns.known, known[row].T, strict=True))
            yield SeriesForecast(
                panel.names[i],
                next(shown),
                quantiles[row],
                drawn[row],
                next(shown),
                values,
                codec.clock,
                covariates,
                min(told, back),
            )


def _refuse_unknown(read: SeriesFeatures, series: Ints, ends: Ints, names: Sequence[str]) -> None:
    """Refuse series of which one of these known covariates is not given for the whole horizon."""
    panel, horizon = read.panel, read.codec.horizon
    if not names:
        return
    columns = [read.codec.columns.known.index(name) for name in names]
    within = ends[:, None] + np.arange(horizon)
    inside = within < panel.lengths[series][:, None]
    at = panel.begins[series][:, None] + np.where(inside, within, 0)
    is_given = inside & ~np.isnan(panel.known[at][..., columns]).any(axis=-1)
    steps = np.logical_and.accumulate(is_given, axis=1).sum(axis=1)
    short = int(steps.argmin())
    if steps[short] < horizon:
        i, end = int(series[short]), int(ends[short])
        until = read.codec.clock.shown(panel.times(int(panel.places[i]) + end + horizon - 1, 1)[0])
        whose = f" of series '{panel.names[i]}'" if len(panel) > 1 else ""
        raise DataError(
            f"known covariates ({', '.join(names)}){whose} are given for {steps[short]} of the {horizon} steps ahead: "
            f"add rows with them up to {until}, or give --hold-known"
        )


def dream(model: Model[Any], codec: SeriesCodec, seed: int) -> str:
    """Return two seasons of a series that was never there, as bars."""
    state = blank_state(model, codec, rows=1)
    forecaster = Forecaster(model, codec, np.datetime64("2026-01-05", "s"), state)
    known = sum(len(names) for names in (codec.columns.known,))
    was_training = model.training
    model.eval()
    paths = sample_paths(forecaster, torch.zeros(1, 2 * max(codec.frequency.seasons[0], 12), known), 1, seed)[0, 0]
    model.train(was_training)
    low, high = float(paths.min()), float(paths.max())
    places = ((paths - low) / max(high - low, 1e-9) * (len(BARS) - 1)).round().int().tolist()
    return "".join(BARS[place] for place in places)


def blank_state(model: Model[Any], codec: SeriesCodec, rows: int) -> SeriesState:
    """Return where series of which nothing is known stand."""
    nothing, ones = torch.zeros(rows), torch.ones(rows)
    recent = torch.full((rows, max((codec.memory, *codec.lags))), torch.nan)
    codes = torch.zeros(rows, len(codec.choices), dtype=torch.long)
    past = torch.zeros(rows, len(codec.columns.past))
    place = torch.zeros(rows, dtype=torch.long)
    return SeriesState(model.begin(rows), recent, nothing, nothing, nothing, ones, place, codes, past)
