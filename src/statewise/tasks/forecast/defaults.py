"""What a panel asks for: how far to look back, which past values to read, how much to hold out."""

from typing import Literal, NamedTuple, Protocol

import numpy as np

from statewise.data.series.frequency import Frequency
from statewise.data.series.panel import Panel
from statewise.errors import DataError, UsageError
from statewise.heads.named import head_named
from statewise.tasks.forecast.calendar import check_holidays
from statewise.tasks.forecast.features import SeriesCodec
from statewise.tasks.forecast.levels import filled, least_spread, levels_of, running_mean

Around = Literal["level", "last"]

LEAST_PACE = 32
SEVERAL_YEARS = np.timedelta64(3 * 365, "D")
SEASONS = 4
"Levels and spreads are means over about so many seasons."
MOST_ORIGINS = 1000
MOST_USUAL = 200
"What is usual is found from so many series at most."
FEWEST_ORIGINS = 12
"Forecasts are scored from about so many origins at least, where the held-out part allows: one cannot be tested."
SMALLEST = 10
"A series moves by so many of the smallest spreads at least, if it moves at all."

MOST_HORIZONS, LEAST_HORIZONS = 8, 3
"A blend is learned from so many horizons at most, and only where so many are left to train on."
FEW_VALUES, MANY_VALUES = 1000, 10_000


class SeriesSplit(NamedTuple):
    """How many steps of the end of each series are held out, and how many before them checks look at.

    Training sees neither; where there are no checks, there is nothing that they have to be kept for.
    """

    held_out: int
    validation: int

    @property
    def kept(self) -> int:
        """How many steps of the end are not learned from."""
        return self.held_out + self.validation


class NetworkSize(NamedTuple):
    """How large a network is, and the share of its outputs that is dropped in training."""

    hidden_size: int
    dropout: float


def usual_network(values: int) -> NetworkSize:
    """Return the size of a network that learns so many values, where nothing was said.

    >>> usual_network(200), usual_network(20_000)
    (NetworkSize(hidden_size=16, dropout=0.2), NetworkSize(hidden_size=64, dropout=0.0))
    """
    if values < FEW_VALUES:
        return NetworkSize(16, 0.2)
    return NetworkSize(32, 0.1) if values < MANY_VALUES else NetworkSize(64, 0.0)


class ForecastSettings(Protocol):
    """What a user may have said of it."""

    @property
    def horizon(self) -> str | int | None:
        """How far to forecast."""

    @property
    def context(self) -> str | int | None:
        """How far to look back."""

    @property
    def yearly(self) -> bool | None:
        """Whether to read the season of the year."""

    @property
    def holidays(self) -> str | None:
        """The country whose holidays to read."""

    @property
    def held_out(self) -> str | int | None:
        """How much to keep from training."""

    @property
    def validation(self) -> str | int | None:
        """How much before it checks look at."""

    @property
    def checks(self) -> int:
        """How often to check."""

    @property
    def keeps_validation(self) -> bool:
        """Whether a part before the held-out one is kept, for checks or for what is learned after training."""

    @property
    def around(self) -> Around | None:
        """What values are read and forecast around."""

    @property
    def head(self) -> str:
        """The name of the distribution of a next value."""


def codec_for(wanted: ForecastSettings, panel: Panel) -> tuple[SeriesCodec, SeriesSplit]:
    """Return what must be known to read a panel, and how many steps of each series are kept from training.

    Raises `DataError` where the series are too short for it.
    """
    frequency, longest = panel.frequency, int(panel.observed().max())
    if wanted.holidays:
        check_holidays(wanted.holidays, frequency)
    if wanted.yearly and frequency.unit == "step":
        raise UsageError("--yearly reads the season of the year, but the table has steps, not times: leave it out")
    season = max(frequency.seasons)
    horizon = frequency.steps(wanted.horizon) if wanted.horizon else min(frequency.seasons[0], 48)
    context = frequency.steps(wanted.context) if wanted.context else max(season, 2 * horizon, 8)
    split = split_of(wanted, frequency, longest, horizon)
    if not (wanted.checks or wanted.validation) and _is_little(panel, split, context if wanted.context else 0, horizon):
        split = split._replace(validation=0)  # what was not asked for gives way
    learned = longest - split.kept
    _check_learned(panel, split, horizon)
    if not wanted.context and context > learned - horizon:
        context = learned - horizon  # what was not asked for gives way
    counts = head_named(wanted.head, "number", "count").over == "count"
    if counts:
        _check_counts(panel, wanted.head)
    _check_sizes(panel)
    pace = 1 / max(LEAST_PACE, SEASONS * season)
    words = [tuple(sorted(set(panel.static[:, i]))) for i in range(panel.static.shape[1])]
    is_long = bool(panel.times(learned, 1)[0] - panel.times(0, 1)[0] >= SEVERAL_YEARS)
    near = around(wanted, panel, pace, split, horizon)
    level_pace = 0.0 if counts else 1.0 if near == "last" else pace
    codec = SeriesCodec(
        columns=panel.columns,
        frequency=frequency,
        context=context,
        horizon=horizon,
        lags=tuple(lag for lag in lags_of(frequency) if lag < learned),
        pace=pace,
        level_pace=level_pace,
        years=is_long and frequency.unit != "step" if wanted.yearly is None else wanted.yearly,
        counts=counts,
        names=panel.names,
        vocabularies=tuple(words),
        covariates=_scales(panel, split.kept),
        holidays=wanted.holidays or None,
        zone=panel.clock.zone,
        day_first=panel.clock.day_first,
        values=panel.count(panel.observed() - split.kept),
        usual_spread=_usual_spread(panel, split.kept, pace, level_pace),
    )
    return codec, split


def _check_learned(panel: Panel, split: SeriesSplit, horizon: int) -> None:
    """Refuse series whose places are enough, but so far apart that there is next to no value to learn from."""
    ends = panel.observed()
    learned, seen = panel.count(ends - split.kept), panel.count(ends)
    if learned < horizon + 2:
        raise DataError(
            f"of {seen} values only {learned} lie before the {split.kept} steps that are held out, too few to learn to "
            f"forecast {horizon}: check the times, or give more data or a shorter --held-out"
        )


def _is_little(panel: Panel, split: SeriesSplit, context: int, horizon: int) -> bool:
    """Say whether too little is left to learn from: values, or places for a window."""
    ends = panel.observed() - split.kept
    return panel.count(ends) < LEAST_HORIZONS * horizon or int(ends.max()) < context + horizon


def split_of(wanted: ForecastSettings, frequency: Frequency, longest: int, horizon: int) -> SeriesSplit:
    """Return how many steps are held out, and how many before them are for checks: as many, unless told.

    Raises `DataError` where too little is left to learn from.
    """
    held_out = frequency.steps(wanted.held_out) if wanted.held_out else usual_held_out(longest, horizon)
    validation = 0
    if wanted.keeps_validation:
        validation = frequency.steps(wanted.validation) if wanted.validation else held_out
        if not (wanted.checks or wanted.validation):  # what was not asked for gives way
            validation = min(validation, MOST_HORIZONS * horizon)
            validation = validation if longest - held_out - validation >= LEAST_HORIZONS * horizon else 0
    split = SeriesSplit(held_out, validation)
    if longest < split.kept + horizon + 2:
        also = f", {validation} more for validation" if validation else ""
        flags = "--horizon, --held-out or --validation" if validation else "--horizon or --held-out"
        raise DataError(
            f"the longest series has {longest} values, too few to hold out {held_out}{also} and learn to forecast "
            f"{horizon}: give more data, or a shorter {flags}"
        )
    return split


def usual_held_out(longest: int, horizon: int) -> int:
    """Return how many steps are held out where nothing was said: a tenth in whole horizons, or a bit over a horizon.

    So there are several origins to score from, where a third of the series is longer than a horizon.

    >>> usual_held_out(8760, 24), usual_held_out(144, 12), usual_held_out(72, 12), usual_held_out(30, 12)
    (864, 24, 21, 12)
    """
    more = min(horizon, longest // 8) if longest >= 3 * horizon else 0
    return max(horizon + more, longest // 10 // horizon * horizon)


def usual_stride(held_out: int, horizon: int) -> int:
    """Return how many steps lie between two origins where nothing was said: a horizon, less for about a dozen origins.

    >>> usual_stride(864, 24), usual_stride(24, 12), usual_stride(12, 12)
    (24, 2, 12)
    """
    return min(horizon, -(-(held_out - horizon) // (FEWEST_ORIGINS - 1))) if held_out > horizon else horizon


def around(wanted: ForecastSettings, panel: Panel, pace: float, split: SeriesSplit, horizon: int) -> Around:
    """Return what values are read and forecast around: in training, over a horizon, which was nearer to what came?

    Series that wander are near their last value, those that come back to where they were near their mean level.
    """
    if wanted.around:
        return wanted.around
    nearer = []
    for i, end in enumerate((panel.observed() - split.kept).tolist()):
        values = filled(panel.values[panel.part(i)][: max(end, 0)])
        origins = np.linspace(1, len(values) - horizon, min(MOST_ORIGINS, max(0, len(values) - horizon))).astype(int)
        if not len(origins):
            continue
        level = running_mean(values, pace, float(values[: 1 + int(1 / pace)].mean()))[origins]
        came = values[origins[:, None] + np.arange(horizon)]
        sizes = [np.abs(came - now[:, None]).mean() for now in (values[origins - 1], level)]
        nearer.append(float(sizes[0] < sizes[1]))
    return "last" if nearer and np.mean(nearer) > 0.5 else "level"


def lags_of(frequency: Frequency) -> tuple[int, ...]:
    """Return how far back single values are read: the last few, and those about one and two of each season ago.

    >>> lags_of(Frequency("s", 3600))
    (2, 3, 23, 24, 25, 48, 167, 168, 169, 336)
    """
    found = {2, 3}
    for season in frequency.seasons:
        if season > 1:
            found |= {season - 1, season, season + 1, 2 * season}
    return tuple(sorted(lag for lag in found if lag > 1))


def _scales(panel: Panel, kept: int) -> tuple[tuple[float, float], ...]:
    """Return the mean and spread of each covariate in the training part."""
    ends = (panel.observed() - kept).clip(min=1)
    learned = np.concatenate([np.arange(b, b + e) for b, e in zip(panel.begins[:-1], ends, strict=True)])
    together = np.concatenate([panel.known, panel.past], axis=1)[learned].astype(np.float64)
    if not together.shape[1]:
        return ()
    there = np.where(np.isnan(together), 0, together)
    count = np.maximum((~np.isnan(together)).sum(axis=0), 1)
    mean = there.sum(axis=0) / count
    spread = np.sqrt(np.where(np.isnan(together), 0, (together - mean) ** 2).sum(axis=0) / count)
    return tuple((float(m), float(s) if s > 0 else 1.0) for m, s in zip(mean, spread, strict=True))


def _usual_spread(panel: Panel, kept: int, pace: float, level_pace: float) -> float:
    """Return the spread of the usual series, as a share of the mean size of its values."""
    shares = []
    ends = (panel.observed() - kept).clip(min=0)
    for i in np.linspace(0, len(panel) - 1, min(len(panel), MOST_USUAL)).astype(int).tolist():
        known = panel.values[panel.part(i)][: ends[i]]
        size = float(np.nanmean(np.abs(known))) if (~np.isnan(known)).sum() > 1 else 0.0
        if size:
            spread = levels_of(known, pace, level_pace, LEAST_PACE)[1][-1]
            shares.append(float(spread) / size)
    return float(f"{np.median(shares):.3g}") if shares else 0.0


def _check_sizes(panel: Panel) -> None:
    """Refuse a series that moves, but by less than the smallest spread that is told apart."""
    for i, name in enumerate(panel.names):
        values = panel.values[panel.part(i)]
        lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
        least = SMALLEST * float(least_spread(np.array([max(abs(lowest), abs(highest))], np.float32))[0])
        if 0 < highest - lowest < least:
            raise DataError(
                f"series '{name}' moves between {lowest:.9g} and {highest:.9g} only, which is too little to be told "
                "apart: give it in a smaller unit, or as the distance from a value"
            )


def _check_counts(panel: Panel, head: str) -> None:
    values = panel.values[~np.isnan(panel.values)]
    odd = values[(values < 0) | (values != np.round(values))]
    if len(odd):
        raise DataError(f"head {head} is for counts, but there is {odd[0]:g}: use --head student_t")
