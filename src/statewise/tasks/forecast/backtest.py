"""A rolling-origin backtest: forecast from many past moments, with nothing known that came later."""

from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.series.panel import Ints, Panel
from statewise.errors import DataError, TrainingError
from statewise.model import Model
from statewise.tasks.forecast import naive_forecasts as naive
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
from statewise.tasks.forecast.levels import filled
from statewise.tasks.forecast.metrics import LEVELS, Truth
from statewise.tasks.forecast.recurrence import Forecaster, sample_paths
from statewise.tasks.forecast.statistical_forecasts import Name, statistical_quantiles

Floats = NDArray[np.floating]

PLACES_AT_ONCE = 400_000
"So many sampled values are kept at once."


class Origins(NamedTuple):
    """From where forecasts are made: row by row a series, and the place within it; `known` is where training ended."""

    series: Ints
    places: Ints
    known: Ints


def rolling_origins(ends: Ints, held_out: int, horizon: int, stride: int) -> Origins:
    """Return an origin every `stride` steps of the last `held_out` before the end of each series, if a horizon fits.

    Raises `DataError` where no series has a value in a whole horizon, and something before it.
    """
    series: list[int] = []
    places: list[int] = []
    for i, end in enumerate(ends.tolist()):
        begin = max(end - held_out, 1)
        found = range(begin, end - horizon + 1, stride)
        series += [i] * len(found)
        places += found
    if not series:
        raise DataError(
            f"the longest series has {int(ends.max())} places, too few to hold out {held_out} of them and forecast "
            f"{horizon}: give more data, or a shorter --horizon or --held-out"
        )
    return Origins(np.array(series), np.array(places), (ends - held_out).clip(min=1))


def truth_of(panel: Panel, origins: Origins, horizon: int, season: int) -> Truth:
    """Return what came at each origin, and of the training part of its series the size and the error of a season.

    Raises `DataError` where no value came at any of them.
    """
    at = panel.begins[origins.series][:, None] + origins.places[:, None] + np.arange(horizon)
    scale, size = (np.zeros(len(panel)) for _ in range(2))
    for i in np.unique(origins.series):
        history = panel.values[panel.part(int(i))][: origins.known[i]].astype(np.float64)
        scale[i], size[i] = _seasonal_error(history, season), _mean(np.abs(history))
    values, when = panel.values[at].astype(np.float64), panel.places[origins.series] + origins.places
    if np.isnan(values).all():
        raise DataError(
            f"no value came in the {len(when)} horizons that are held out: give more data, or another --held-out"
        )
    return Truth(values, scale[origins.series], when, size[origins.series])


def _seasonal_error(history: Floats, season: int) -> float:
    """Return the mean error of repeating the last season, or the last value where there is not a season of them."""
    step = season if len(history) > season else 1
    return _mean(np.abs(history[step:] - history[:-step]))


def _mean(numbers: Floats) -> float:
    """Return the mean of those that are there, 0 where none is."""
    there = numbers[~np.isnan(numbers)]
    return float(there.mean()) if len(there) else 0.0


def backtest(
    model: Model[object], read: SeriesFeatures, origins: Origins, samples: int, seed: int
) -> Generator[float, None, Floats]:
    """Sample paths from every origin; yields how much is done, returns their quantiles `[R, H, LEVELS]`.

    Raises `TrainingError` where they are not numbers, as of weights that training has spoiled.
    """
    found, horizon = [], read.codec.horizon
    at_once = max(1, PLACES_AT_ONCE // (samples * horizon))
    for begin in range(0, len(origins.series), at_once):
        rows = slice(begin, begin + at_once)
        forecaster = Forecaster.reach(model, read, origins.series[rows], origins.places[rows])
        known = known_ahead(read, origins.series[rows], origins.places[rows], horizon)
        paths = sample_paths(forecaster, known, samples, seed + begin)
        found.append(quantiles_of(paths))
        if not np.isfinite(found[-1]).all():
            raise TrainingError("what the network forecasts are not numbers: train with a lower --learning-rate")
        yield min(1.0, (begin + at_once) / len(origins.series))
    return np.concatenate(found)


def quantiles_of(paths: Tensor) -> Floats:
    """Return the quantiles of sample paths `[R, samples, H]` at every level: `[R, H, LEVELS]`."""
    levels = torch.tensor(LEVELS, dtype=paths.dtype)
    ordered = paths.sort(dim=1).values
    place = levels * (paths.shape[1] - 1)
    low = place.floor().long()
    share = (place - low).view(1, -1, 1)
    between = ordered[:, low] * (1 - share) + ordered[:, (low + 1).clamp(max=paths.shape[1] - 1)] * share
    return between.transpose(1, 2).double().numpy()


def known_ahead(read: SeriesFeatures, series: Ints, places: Ints, horizon: int) -> Tensor:
    """Return the known covariates of a horizon, around 0, `[R, H, K]`; after the last that is given, the last."""
    first, length = read.panel.begins[series][:, None], read.panel.lengths[series][:, None]
    within = np.minimum(places[:, None] + np.arange(horizon), length - 1)
    return torch.from_numpy(read.covariates[first + within][..., : read.panel.known.shape[1]])


def baseline_quantiles(
    panel: Panel, origins: Origins, codec: SeriesCodec, rivals: tuple[Name, ...]
) -> Iterator[tuple[str, Floats]]:
    """Yield each baseline's name and its quantiles at every origin, `[R, H, LEVELS]`."""
    levels, horizon, seasons = np.array(LEVELS), codec.horizon, codec.frequency.seasons
    season = max(seasons)

    def by_series(make: object) -> Floats:
        rows = np.empty((len(origins.series), horizon, len(levels)))
        for i in np.unique(origins.series):
            mine = origins.series == i
            values = filled(panel.values[panel.part(int(i))]).astype(np.float64)
            rows[mine] = make(values, int(origins.known[i]), origins.places[mine])  # type: ignore[operator]
        return rows

    def point(forecast: naive.Point, first: int) -> Floats:
        return by_series(lambda v, known, at: naive.with_errors(forecast, v, known, at, horizon, levels, first))

    yield "last value", point(naive.last_value, 1)
    yield "drift", point(naive.drift, 2)
    for length in seasons:
        if 1 < length <= int(origins.places.min()):  # the last season lies before every origin
            yield f"seasonal naive, {length}", point(naive.seasonal(length), length)
    yield (
        "historical quantiles",
        by_series(lambda v, known, at: naive.historical_quantiles(v, known, at, horizon, levels, season)),
    )
    for rival in rivals:
        yield (
            rival.replace("_", " "),
            by_series(lambda v, known, at, r=rival: statistical_quantiles(r, v, at, horizon, levels, min(seasons))),
        )
