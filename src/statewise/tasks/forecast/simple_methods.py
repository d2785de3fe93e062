"""Simple methods as functions of the last values of a series: what a stream keeps is all they need.

Each is robust rather than best: its parameters are found in the values themselves, again at every origin. What season
there is, is divided out first, or taken away, whichever leaves less.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.tasks.forecast.season_factors import season_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHODS = (
    "last value",
    "last season",
    "last longest season",
    "mean of seasons",
    "smoothing",
    "damped trend",
    "theta",
    "autoregression",
)
LEAST_MEMORY, MOST_MEMORY = 128, 2048
SHORT_SEASONS, LONG_SEASONS = 8, 4
"So many of the shortest season and of the longest are remembered, within these bounds."
SMOOTHED = 256
"Smoothing reads so many of the last values."
ALPHAS = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0)
BETAS, DAMPINGS = (0.05, 0.2), (0.9, 0.98)
CERTAIN_AFTER = 60
"Of two smoothings the better one is told apart by at most so many values."
MOST_LAGS, VALUES_A_LAG, RIDGE = 12, 6, 0.02
LEAST = 1e-9
AT_ONCE = 600_000
"So many values are looked at together."


def memory_of(seasons: tuple[int, ...]) -> int:
    """Return how many last values of a series simple methods read.

    >>> memory_of((1,)), memory_of((12,)), memory_of((24, 168))
    (128, 128, 672)
    """
    wanted = max(SHORT_SEASONS * min(seasons), LONG_SEASONS * max(seasons), LEAST_MEMORY)
    return min(wanted, MOST_MEMORY)


class SimpleForecasts(NamedTuple):
    """What each simple method says: `points` `[R, METHODS, H]`, and `spread` `[R, H]`, in which errors are alike.

    `steps` `[R, H]` is how far after the last value that was seen each step lies, `counts` `[R]` how many were seen,
    `size` `[R]` their mean size.
    """

    points: Floats
    spread: Floats
    steps: Ints
    counts: Ints
    size: Floats


def simple_forecasts(history: Floats, seasons: tuple[int, ...], horizon: int) -> SimpleForecasts:
    """Forecast from the last values `[R, W]`, the newest last, NaN where there is none.

    A row without any value forecasts 0 with no spread.

    >>> rising = np.arange(128.0)[None]
    >>> simple_forecasts(rising, (1,), 2).points[0, METHODS.index("last value")]
    array([127., 127.])
    """
    at_once = max(1, AT_ONCE // history.shape[1])
    parts = [_some(history[i : i + at_once], seasons, horizon) for i in range(0, len(history), at_once)]
    return SimpleForecasts(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Rows:
    """Histories moved to the end, so that the last value seen is the last; `inside` is from the first value on."""

    values: Floats
    inside: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    ahead: Ints

    @classmethod
    def of(cls, history: Floats, horizon: int) -> "_Rows":
        """Move histories `[R, W]` to the end, and say how far ahead each step of a horizon then lies."""
        width = history.shape[1]
        seen = ~np.isnan(history)
        last = np.where(seen.any(axis=1), width - 1 - seen[:, ::-1].argmax(axis=1), width - 1)
        places = np.arange(width) - (width - 1 - last)[:, None]
        pushed = np.take_along_axis(history, places.clip(0), axis=1)
        seen = np.take_along_axis(seen, places.clip(0), axis=1) & (places >= 0)
        at = np.maximum.accumulate(np.where(seen, np.arange(width), -1), axis=1)
        first = np.where(seen.any(axis=1), seen.argmax(axis=1), width - 1)
        values = np.nan_to_num(np.take_along_axis(pushed, np.where(at < 0, first[:, None], at), axis=1))
        ahead = (width - 1 - last)[:, None] + np.arange(1, horizon + 1)
        return cls(values, np.arange(width) >= first[:, None], seen, ahead)

    @property
    def counts(self) -> Ints:
        """How many values of each row were seen."""
        return np.asarray(self.seen.sum(axis=1))


def _some(history: Floats, seasons: tuple[int, ...], horizon: int) -> SimpleForecasts:
    rows = _Rows.of(history.astype(np.float64), horizon)
    width = history.shape[1]
    usable = tuple(season for season in seasons if 1 < season <= width // 2)
    values = np.where(rows.inside, rows.values, np.nan)
    past, ahead = season_of(values, usable, rows.ahead)
    level = (rows.values - past.added) / past.times
    smoothed = _smoothed(level, rows.inside, rows.ahead)
    slope = _slope(level, rows.inside)
    flat = np.repeat(level[:, -1:], horizon, axis=1)
    bare = [smoothed.flat, smoothed.trend, smoothed.flat + 0.5 * slope[:, None] * rows.ahead]
    bare.append(_autoregression(level, rows.inside, rows.ahead))
    short, long = (min(usable), max(usable)) if usable else (1, 1)
    points = [
        flat * ahead.times + ahead.added if not usable else np.repeat(rows.values[:, -1:], horizon, axis=1),
        _repeated(rows, short),
        _repeated(rows, long),
        _mean_of_seasons(rows, long),
        *(one * ahead.times + ahead.added for one in bare),
    ]
    spread = smoothed.error[:, None] * ahead.times
    size = np.where(rows.seen, np.abs(rows.values), 0).sum(axis=1) / np.maximum(rows.counts, 1)
    return SimpleForecasts(np.stack(points, axis=1), spread, rows.ahead, rows.counts, size)


class _Smoothed(NamedTuple):
    flat: Floats
    trend: Floats
    error: Floats


def _smoothed(values: Floats, inside: NDArray[np.bool_], ahead: Ints) -> _Smoothed:
    """Return exponential smoothing without a trend and with a damped one, each a mean of many by how well they did.

    `error` `[R]` is the mean size of the error of one step, the last ones counting most.
    """
    alpha = np.array([*ALPHAS] + [a for a in ALPHAS for _ in BETAS for _ in DAMPINGS])
    beta = np.array([0.0] * len(ALPHAS) + [b for _ in ALPHAS for b in BETAS for _ in DAMPINGS])
    damping = np.array([0.0] * len(ALPHAS) + [d for _ in ALPHAS for _ in BETAS for d in DAMPINGS])
    values, inside = values[:, -SMOOTHED:], inside[:, -SMOOTHED:]
    rows, width = values.shape
    first = inside.argmax(axis=1)
    count = inside.sum(axis=1)
    few = np.minimum(np.maximum(count // 2, 1), 10)
    sums = np.concatenate([np.zeros((rows, 1)), values.cumsum(axis=1)], axis=1)
    row = np.arange(rows)
    begin, second = (
        (sums[row, first + (i + 1) * few] - sums[row, first + i * few]) / few
        for i in (0, np.where(count >= 2 * few, 1, 0))
    )
    level = np.repeat(begin[:, None], len(alpha), axis=1)
    slope = np.where(damping > 0, ((second - begin) / few)[:, None], 0.0)
    total, weight = np.zeros(level.shape), np.zeros((rows, 1))
    fading = 1 - 2 / (1 + min(width, 120))
    for t in range(width):
        awake = inside[:, t : t + 1]
        told = level + damping * slope
        error = values[:, t : t + 1] - told
        total = np.where(awake, fading * total + np.abs(error), total)
        weight = np.where(awake, fading * weight + 1, weight)
        level = np.where(awake, told + alpha * error, level)
        slope = np.where(awake, damping * slope + alpha * beta * error, slope)
    mean = total / np.maximum(weight, 1)
    certain = np.minimum(count, CERTAIN_AFTER)[:, None]

    def mixed(which: slice) -> tuple[Floats, Floats]:
        size = np.log(np.maximum(mean[:, which], LEAST))
        odds = np.exp(-certain * (size - size.min(axis=1, keepdims=True)))
        return odds / odds.sum(axis=1, keepdims=True), mean[:, which]

    flat, with_trend = slice(0, len(ALPHAS)), slice(len(ALPHAS), None)
    shares, errors = mixed(flat)
    found = (shares * level[:, flat]).sum(axis=1)
    error = (shares * errors).sum(axis=1)
    shares, errors = mixed(with_trend)
    error = np.minimum(error, (shares * errors).sum(axis=1))
    steps = np.minimum(ahead, 10 * ahead.shape[1])
    trend = (shares * level[:, with_trend]).sum(axis=1)[:, None] + np.zeros(ahead.shape)
    for number, d in enumerate(damping[with_trend]):
        trend += (shares[:, number] * slope[:, with_trend][:, number])[:, None] * (d * (1 - d**steps) / (1 - d))
    return _Smoothed(np.repeat(found[:, None], ahead.shape[1], axis=1), trend, error)


def _slope(values: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return the slope of the line through the values of each row."""
    count = inside.sum(axis=1)
    time = np.where(inside, np.arange(values.shape[1]) - values.shape[1], 0.0)
    time = np.where(inside, time - time.sum(axis=1, keepdims=True) / np.maximum(count, 1)[:, None], 0.0)
    return np.asarray((time * values).sum(axis=1) / np.maximum((time**2).sum(axis=1), 1.0))


def _repeated(rows: _Rows, season: int) -> Floats:
    """Repeat the last season; of a row that has not one whole, its last value."""
    width = rows.values.shape[1]
    at = width - 1 + rows.ahead - season * -(-rows.ahead // season)
    found = np.take_along_axis(rows.values, at, axis=1)
    return np.where(rows.counts[:, None] >= season, found, rows.values[:, -1:])


def _mean_of_seasons(rows: _Rows, season: int) -> Floats:
    """Return the mean of what came at the same place in the last seasons, four at most."""
    width = rows.values.shape[1]
    total, count = np.zeros(rows.ahead.shape), np.zeros(rows.ahead.shape)
    for back in range(LONG_SEASONS):
        at = width - 1 + rows.ahead - season * (-(-rows.ahead // season) + back)
        there = (at >= 0) & np.take_along_axis(rows.inside, at.clip(0), axis=1)
        total += np.where(there, np.take_along_axis(rows.values, at.clip(0), axis=1), 0.0)
        count += there
    return np.where(count > 0, total / np.maximum(count, 1), rows.values[:, -1:])


def _autoregression(values: Floats, inside: NDArray[np.bool_], ahead: Ints) -> Floats:
    """Forecast by a regression of each change on the value before it and the last changes, shrunk towards no change.

    As many lags are read as six values each allow, twelve at most; forecasts stay within reach of what was.
    """
    rows, width = values.shape
    count = inside.sum(axis=1)
    mean = np.where(inside, values, 0).sum(axis=1) / np.maximum(count, 1)
    size = np.sqrt(np.where(inside, (values - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(count, 1))
    size = np.where(size > 0, size, 1.0)
    alike = np.where(inside, (values - mean[:, None]) / size[:, None], 0.0)
    lags = int(np.clip(np.median(count) // VALUES_A_LAG, 1, min(MOST_LAGS, width - 2)))
    change = np.diff(alike, axis=1)
    read = [alike[:, lags:-1]] + [change[:, lags - 1 - k : width - 2 - k] for k in range(lags)]
    told = inside[:, : width - 1 - lags]  # all that is read lies after the first value
    xs = np.where(told[..., None], np.stack([*read, np.ones(read[0].shape)], axis=-1), 0.0)
    ys = np.where(told, change[:, lags:], 0.0)
    gram = xs.transpose(0, 2, 1) @ xs
    number = np.maximum(told.sum(axis=1), 1)
    spread = np.maximum((change**2).sum(axis=1) / np.maximum(count, 1), LEAST)
    penalty = np.concatenate([np.ones((rows, 1)), np.repeat(spread[:, None], lags, axis=1), np.ones((rows, 1))], axis=1)
    penalty = penalty * (RIDGE * number + 1.0)[:, None]
    wanted = np.einsum("rti,rt->ri", xs, ys)[..., None]
    solved = np.linalg.solve(gram + penalty[:, None] * np.eye(lags + 2), wanted)[..., 0]
    return np.asarray(_walked(alike, change, solved, ahead) * size[:, None] + mean[:, None])


def _walked(alike: Floats, change: Floats, solved: Floats, ahead: Ints) -> Floats:
    lags, furthest = solved.shape[1] - 2, int(min(ahead.max(), 3 * ahead.shape[1]))
    recent = change[:, ::-1][:, :lags].copy()
    now, found = alike[:, -1].copy(), []
    low, high = alike.min(axis=1) - 1, alike.max(axis=1) + 1
    for _ in range(furthest):
        moved = solved[:, 0] * now + (solved[:, 1:-1] * recent).sum(axis=1) + solved[:, -1]
        after = np.clip(now + moved, low, high)
        recent = np.concatenate([(after - now)[:, None], recent[:, :-1]], axis=1)
        now = after
        found.append(now)
    return np.take_along_axis(np.stack(found, axis=1), np.minimum(ahead, furthest) - 1, axis=1)
