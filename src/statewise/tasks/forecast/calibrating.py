"""After training: shares of network and simple methods, and how far they are off, before the held-out end."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.panel import Ints, Panel
from statewise.model import Model
from statewise.tasks.forecast.backtest import Origins, backtest
from statewise.tasks.forecast.blend import Blend, histories, widened
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
from statewise.tasks.forecast.metrics import DECILES, LEVELS, pinball_losses
from statewise.tasks.forecast.recent import LEAST, recent_factors, spreads_of
from statewise.tasks.forecast.series_data import SeriesData
from statewise.tasks.forecast.simple_methods import METHODS, simple_forecasts

Floats = NDArray[np.float64]

MOST_ORIGINS, MOST_JUDGED = 1200, 400
"From so many origins at most simple methods are weighed, and the network is judged."
SAMPLES = 100
PRIOR = {
    False: (0.10, 0.05, 0.05, 0.10, 0.15, 0.10, 0.15, 0.30),
    True: (0.04, 0.06, 0.06, 0.12, 0.12, 0.20, 0.15, 0.25),
}
"""What simple methods are worth without and with a season, as far as nothing else is known.

These are about their mean shares over the tables of proofs/public_series.py that were not kept unread.
"""
HORIZONS_OF_PRIOR = 2.0
"The prior counts as much as so many horizons."
ROUNDS, RATE, STEEPEST = 200, 0.5, 5.0
USUAL_NETWORK, CERTAIN_OF_NETWORK = 0.3, 0.5
MOST_TIMES_USUAL = 15.0
"The 95 % interval of a Cauchy distribution reaches 12.7 times as far as its median error."
FEW, WIDER = 20.0, 1.5
"Of about so many errors their sides are told apart; of fewer, intervals are wider."
LEAST_WIDER, MOST_WIDER, CERTAIN_OF_WIDTH = 1.0, 2.0, 8.0
"Intervals are made wider alone: narrowed ones held too little on tables whose end was not like what came before."
SHARES = np.linspace(0, 1, 21)
EIGHTY = LEVELS.index(0.1), LEVELS.index(0.5), LEVELS.index(0.9)
DIGITS = 6


def calibrating(model: Model[Any], data: SeriesData, seed: int) -> Generator[float, None, Blend]:
    """Learn a blend from the training and the validation part, yielding how much is done."""
    read, codec = data.read, data.codec
    ends = read.panel.observed() - data.split.held_out
    simple = _simple(read.panel, codec, ends)
    yield 0.2
    if not data.split.validation:
        return simple
    origins = _judged_origins(read.panel, ends, data.split.validation, codec.horizon)
    scoring, told = backtest(model, read, origins, SAMPLES, seed), 0.2
    while True:
        try:
            told = 0.2 + 0.8 * next(scoring)
            yield told
        except StopIteration as done:
            return _with_network(simple, codec, read, origins, ends, done.value)


def _came(panel: Panel, series: Ints, places: Ints, ends: Ints, horizon: int) -> Floats:
    """Return what came after each place, `[R, H]`, NaN where nothing did, or from the held-out part on."""
    within = places[:, None] + np.arange(horizon)
    at = panel.begins[series][:, None] + np.minimum(within, panel.lengths[series][:, None] - 1)
    return np.where(within < ends[series][:, None], panel.values[at], np.nan).astype(np.float64)


def _evenly(count: int, most: int) -> Ints:
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def _origins(ends: Ints, firsts: Ints, most: int) -> tuple[Ints, Ints]:
    """Return places between `firsts` and `ends` of some series, as many of each, in all about `most`."""
    able = np.flatnonzero(ends > firsts)
    able = able[_evenly(len(able), most)]
    each = max(1, most // max(1, len(able)))
    places = [firsts[i] + _evenly(int(ends[i] - firsts[i]), each) for i in able]
    series = np.repeat(able, [len(one) for one in places])
    return series, np.concatenate(places) if places else np.zeros(0, np.int64)


def _simple(panel: Panel, codec: SeriesCodec, ends: Ints) -> Blend:
    """Return the blend without a network."""
    seasons, horizon = codec.frequency.seasons, codec.horizon
    firsts = np.maximum(1, np.minimum(codec.memory, (ends - horizon) // 2))
    series, places = _origins(np.maximum(ends - horizon // 2, firsts + 1).clip(max=ends), firsts, MOST_ORIGINS)
    history = histories(panel, series, places, codec.memory)
    found = simple_forecasts(history, seasons, horizon)
    came = _came(panel, series, places, ends, horizon)
    sizes = np.maximum(found.size, LEAST)
    shares = found.spread.mean(axis=1) / sizes
    moving = shares[shares > LEAST]
    usual = max(float(np.median(moving)), LEAST) if len(moving) else LEAST
    errors = (came[:, None] - found.points) / spreads_of(found, usual)[:, None]
    methods = _weighed(errors, np.array(PRIOR[max(seasons) > 1]))
    off = _bounded(np.where(np.isnan(came), np.nan, np.einsum("e,reh->rh", methods, np.nan_to_num(errors))))
    expected = _expected(off)
    table = _table(off / recent_factors(history, methods, expected, seasons, usual)[:, None])
    return Blend(0.0, _rounded(methods), tuple(map(_rounded, table)), _rounded(expected), usual, 1.0, 0, 0.0)


def _rounded(numbers: Floats) -> tuple[float, ...]:
    return tuple(round(float(number), DIGITS) for number in numbers)


def _bounded(errors: Floats) -> Floats:
    """Return errors `[R, H]` of at most so many times the usual size of their step.

    One before a level jumped is millions of the spreads there, and would be multiplied by the spread after it.
    """
    sizes = [np.abs(step[~np.isnan(step)]) for step in errors.T]
    most = [MOST_TIMES_USUAL * float(np.median(size)) + LEAST if len(size) else np.inf for size in sizes]
    return np.asarray(errors.clip(-np.array(most), most))


def _expected(errors: Floats) -> Floats:
    """Return the mean size of errors `[R, H]` at each step: where none is known, as of a walk after the step before."""
    sizes: list[float] = []
    for step in range(errors.shape[1]):
        there = np.abs(errors[:, step][~np.isnan(errors[:, step])])
        before = sizes[-1] * float(np.sqrt((step + 1) / step)) if sizes else 1.0
        sizes.append(max(float(there.mean()), 10.0**-DIGITS) if len(there) else before)
    return np.array(sizes)


def _weighed(errors: Floats, prior: Floats) -> Floats:
    """Return shares of the methods whose mixture is off by least, by the exponentiated gradient, near a prior.

    Shapes: `errors` `[R, METHODS, H]` in spreads. Source: Kivinen & Warmuth 1997.
    """
    prior = prior / prior.sum()
    flat = np.moveaxis(errors, 1, 2)
    horizons = len(flat) / max(1.0, flat.shape[1] / 2)
    flat = flat[~np.isnan(flat).any(axis=-1)]
    if not len(flat):
        return prior
    most = 3 * np.quantile(np.abs(flat.mean(axis=1)), 0.99) + LEAST
    flat = flat[_evenly(len(flat), 20_000)].clip(-most, most)
    unit = np.median(np.abs(flat).mean(axis=0)) + LEAST
    drawn = HORIZONS_OF_PRIOR / (HORIZONS_OF_PRIOR + horizons)
    shares, mean = prior.copy(), np.zeros(len(METHODS))
    for turn in range(ROUNDS):
        slope = (np.sign(flat @ shares)[:, None] * flat).mean(axis=0) / unit
        slope += drawn * np.log(np.maximum(shares, LEAST) / prior)
        step = RATE / np.sqrt(1 + turn / 20) * (slope - slope @ shares)
        shares = shares * np.exp(-step.clip(-STEEPEST, STEEPEST))
        shares /= shares.sum()
        mean += shares if turn >= ROUNDS // 2 else 0.0
    return np.asarray(mean / mean.sum())


def _table(errors: Floats) -> Floats:
    """Return quantiles `[H, LEVELS]` of errors `[R, H]`: of few they are alike on both sides, and wider."""
    rows: list[Floats] = []
    for step in range(errors.shape[1]):
        there = errors[:, step][~np.isnan(errors[:, step])]
        if not len(there):
            rows.append(rows[-1] * np.sqrt((step + 1) / step) if rows else np.linspace(-3.0, 3.0, len(LEVELS)))
            continue
        apart = len(there) / max(1.0, (step + 1) / 2)
        own, alike = np.quantile(there, LEVELS), np.quantile(np.concatenate([there, -there]), LEVELS)
        share = apart / (apart + FEW)
        rows.append((share * own + (1 - share) * alike) * (1 + WIDER / max(apart, WIDER)))
    return np.stack(rows)


def _judged_origins(panel: Panel, ends: Ints, validation: int, horizon: int) -> Origins:
    series, places = _origins(ends, np.maximum(ends - validation, 1), MOST_JUDGED)
    return Origins(series, places, ends)


def _with_network(
    simple: Blend, codec: SeriesCodec, read: SeriesFeatures, origins: Origins, ends: Ints, network: Floats
) -> Blend:
    """Return a blend with the share of the network that loses least, and its width."""
    history = histories(read.panel, origins.series, origins.places, codec.memory)
    came = _came(read.panel, origins.series, origins.places, ends, codec.horizon)
    alone, wider = simple.simple(codec, history, codec.horizon)
    network = widened(network, wider[..., None])
    unit = np.maximum(np.abs(alone[..., EIGHTY[2]] - alone[..., EIGHTY[0]]).mean(axis=1), LEAST)[:, None]
    there = ~np.isnan(came)
    if not there.any():
        return simple
    deciles = [LEVELS.index(level) for level in DECILES]

    def loss(share: float) -> float:
        mixture = share * network + (1 - share) * alone
        return float((pinball_losses(came, mixture)[..., deciles].mean(axis=-1) / unit)[there].mean())

    series = len(set(origins.series.tolist()))
    horizons = min(float(there.sum()), len(origins.series)) / codec.horizon if series else 0.0
    horizons = max(horizons, 1.0)
    losses = np.array([loss(float(share)) for share in SHARES])
    told = losses / max(losses.min(), LEAST) + CERTAIN_OF_NETWORK / horizons * (SHARES - USUAL_NETWORK) ** 2
    share = float(SHARES[told.argmin()])
    mixture = share * network + (1 - share) * alone
    width = _width_factor(came, mixture, horizons)
    return replace(
        simple,
        network=round(share, DIGITS),
        widened=round(width, DIGITS),
        origins=len(origins.series),
        horizons=round(horizons, 1),
    )


def _width_factor(came: Floats, quantiles: Floats, horizons: float) -> float:
    """Return by how much 80 % intervals must be wider to hold 80 %, less so of few horizons.

    Source: conformalized quantile regression, Romano, Patterson & Candes 2019, its scores as ratios.
    """
    low, middle, high = (quantiles[..., level] for level in EIGHTY)
    half = np.where(came > middle, high - middle, middle - low)
    ratios = (np.abs(came - middle) / np.maximum(half, LEAST))[~np.isnan(came)]
    level = min(1.0, 0.8 * (1 + 1 / len(ratios)))
    wanted = float(np.clip(np.quantile(ratios, level), LEAST_WIDER, MOST_WIDER))
    return float(wanted ** (horizons / (horizons + CERTAIN_OF_WIDTH)))
