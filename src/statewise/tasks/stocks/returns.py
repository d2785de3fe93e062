"""Returns out of prices, the density that was given to each a day before, and what that is worth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.series.panel import Ints, Panel
from statewise.errors import DataError
from statewise.heads import Real, StudentT
from statewise.heads.gaussian import Gaussian, GaussianParams
from statewise.heads.student_t import StudentTParams
from statewise.model import Model
from statewise.tasks.forecast.features import SeriesFeatures
from statewise.tasks.forecast.metrics import Difference, compare

Floats = NDArray[np.floating]

DECAY = 0.94
"What RiskMetrics keeps of yesterday's variance (J.P. Morgan 1996)."

FREEDOMS = (2.5, 3, 3.5, 4, 5, 6, 8, 12, 20, 50)
NORMAL_95 = 1.96
SERIES_AT_ONCE = 256


def returns_of(prices: Panel, title: str) -> Panel:
    """Return daily returns in percent, 100 log(p_t / p_before), the last price before counting over days without one.

    Raises `DataError` for a price that is not above 0, and where no price ever moves.
    """
    values = np.full_like(prices.values, np.nan)
    for i in range(len(prices)):
        part = prices.part(i)
        own = prices.values[part]
        seen = np.flatnonzero(~np.isnan(own))
        if (own[seen] <= 0).any():
            bad = own[seen][own[seen] <= 0][0]
            raise DataError(f"{title}: '{prices.names[i]}' has a price of {bad:g}: give prices above 0, not returns")
        values[part.start + seen[1:]] = 100 * np.diff(np.log(own[seen].astype(np.float64)))
    if not np.nan_to_num(values).any():
        raise DataError(f"{title}: no price ever moves, so there is no return to forecast: check the columns")
    return replace(prices, values=values)


@final
@dataclass(frozen=True)
class OneStep:
    """What was said of each held-out value a step before: its nats, where it lay, and whether up was likelier.

    All `[N]`, one series after another; `days` are places on the grid, by which differences are tested, since shares
    move together; `series` says which share.
    """

    days: Ints
    series: Ints
    returns: Floats
    nats: Floats
    below: Floats
    ups: NDArray[np.bool_]

    @property
    def hits(self) -> Floats:
        """1 where the direction was right, 0 where it was wrong; days that stood still are left out as NaN."""
        right = (self.returns > 0) == self.ups
        return np.where(self.returns == 0, np.nan, right.astype(np.float64))

    def metrics(self) -> dict[str, float]:
        """Return the log score (nats a return, less is better), the share of right directions, and coverage.

        Where nothing moved there is no direction.

        Metrics:

        - `log_score`: minus the log density of a return, in nats, the mean over days and shares; less is better
        - `direction`: of the days that moved, the share whose sign was said; more is better
        - `covers_K`: the share of returns inside the K % interval; K / 100 is right
        """
        inside, moved = np.abs(self.below - 0.5) <= 0.4, self.returns != 0
        return {
            "log_score": float(self.nats.mean()),
            **({"direction": float(self.hits[moved].mean())} if moved.any() else {}),
            "covers_80": float(inside.mean()),
            "covers_95": float((np.abs(self.below - 0.5) <= 0.475).mean()),
        }

    def by_day(self, numbers: Floats) -> Floats:
        """Return the mean of each day."""
        there = ~np.isnan(numbers)
        _, which = np.unique(self.days[there], return_inverse=True)
        return np.asarray(np.bincount(which, numbers[there]) / np.bincount(which))


class _HeldOut(NamedTuple):
    """The values of the last part of each series: where they lie, on which day, and in which series."""

    at: Ints
    days: Ints
    series: Ints


def _held_out(panel: Panel, ends: Ints, held_out: int) -> _HeldOut:
    parts = []
    for i in range(len(panel)):
        within = np.arange(max(int(ends[i]) - held_out, 1), int(ends[i]))
        within = within[~np.isnan(panel.values[panel.begins[i] + within])]
        parts.append(np.stack([panel.begins[i] + within, panel.places[i] + within, np.full(len(within), i)]))
    return _HeldOut(*np.concatenate(parts, axis=1))


@torch.no_grad()
def one_step(model: Model[Any], read: SeriesFeatures, ends: Ints, held_out: int) -> OneStep:
    """Read the last days before the end of each series day by day, each predicted before it is read."""
    panel, codec, head = read.panel, read.codec, cast(Real[Any], model.head)
    found = []
    for begin in range(0, len(panel), SERIES_AT_ONCE):
        series = np.arange(begin, min(begin + SERIES_AT_ONCE, len(panel)))
        starts = ends[series] - held_out - codec.context
        window = read.window(series, starts, held_out + codec.context)
        params, _ = model.scan(window, model.begin(len(series)))
        within = starts[None] + np.arange(held_out + codec.context)[:, None]
        at = (panel.begins[series] + within.clip(0)) + series
        level, spread = (torch.from_numpy(part[at]) for part in (read.level, read.spread))
        nats = head.nats(params, window.targets) + spread.log()
        nought = (-level / spread).to(window.targets)
        parts = nats, head.cdf(params, window.targets), head.cdf(params, nought)
        assert window.mask is not None
        wanted = window.mask.numpy().copy()
        wanted[: codec.context] = False
        days = (panel.places[series] + within)[wanted]
        whose = np.broadcast_to(series, within.shape)[wanted]
        values = panel.values[(panel.begins[series] + within.clip(0))[wanted]]
        found.append((days, whose, values, *(part.numpy()[wanted] for part in parts)))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    order = np.lexsort((columns[0], columns[1]))
    day, share, value, nat, lay, under_nought = (column[order] for column in columns)
    return OneStep(day, share, value.astype(np.float64), nat.astype(np.float64), lay, under_nought < 0.5)


def simple_methods(panel: Panel, ends: Ints, held_out: int) -> dict[str, OneStep]:
    """Return what a constant normal, a constant Student t and a variance that follows the last days say of each day.

    Baselines:

    - `constant normal`: mean and spread of the training part
    - `constant Student t`: a Student t fitted to the training part
    - `normal, follows the last days`: the same mean, and a variance that is an exponential mean of the last squared
      returns
    - `Student t, follows the last days`: the same, with a Student t
    """
    held = _held_out(panel, ends, held_out)
    kept: dict[str, list[Floats]] = {}
    for i in range(len(panel)):
        own = held.series == i
        values = panel.values[panel.part(i)].astype(np.float64)
        at, known = held.at[own] - panel.begins[i], max(0, int(ends[i]) - held_out)
        history = values[:known]
        history = history[~np.isnan(history)]
        history = history if len(history) > 1 else values[~np.isnan(values)][:2]
        mean, spread = float(history.mean()), max(float(history.std()), 1e-6)
        deviations = np.maximum(np.sqrt(_following(values, spread**2)), 1e-6)
        alike = (values / deviations)[:known]
        constant_t, following_t = (_fit_student_t(part) for part in (history - mean, alike[~np.isnan(alike)]))
        said = (mean, spread, *constant_t, *following_t)
        for name, number in zip(("mean", "spread", "freedom", "scale", "freedom_2", "scale_2"), said, strict=True):
            kept.setdefault(name, []).append(np.full(len(at), number))
        kept.setdefault("deviation", []).append(deviations[at])
    of = {name: torch.from_numpy(np.concatenate(parts)) for name, parts in kept.items()}
    returns = torch.from_numpy(panel.values[held.at].astype(np.float64))
    following = StudentTParams(of["freedom_2"], of["mean"], of["scale_2"] * of["deviation"])
    methods: dict[str, tuple[Real[Any], Any]] = {
        "constant normal": (Gaussian(1), GaussianParams(of["mean"], of["spread"])),
        "constant Student t": (StudentT(1), StudentTParams(of["freedom"], of["mean"], of["scale"])),
        "normal, follows the last days": (Gaussian(1), GaussianParams(of["mean"], of["deviation"])),
        "Student t, follows the last days": (StudentT(1), following),
    }
    usually_up = (of["mean"] > 0).numpy()
    return {
        name: OneStep(
            held.days,
            held.series,
            returns.numpy(),
            head.nats(params, returns).numpy(),
            head.cdf(params, returns).numpy(),
            usually_up,
        )
        for name, (head, params) in methods.items()
    }


def _following(values: Floats, first: float) -> Floats:
    """Return the variance before each value: 0.94 of that before plus 0.06 of the last square."""
    variances = np.empty(len(values))
    variance = first
    for t, value in enumerate(values):
        variances[t] = variance
        variance = variance if np.isnan(value) else DECAY * variance + (1 - DECAY) * value * value
    return variances


def _fit_student_t(values: Floats) -> tuple[float, float]:
    """Return the freedom and scale that are likeliest, out of a grid."""
    scales = max(float(values.std()), 1e-6) * np.linspace(0.4, 1.0, 25)
    grid = torch.tensor([(f, s) for f in FREEDOMS for s in scales], dtype=torch.double)
    params = StudentTParams(grid[:, :1], torch.zeros(len(grid), 1, dtype=torch.double), grid[:, 1:])
    nats = StudentT(1).nats(params, torch.from_numpy(values)[None]).sum(dim=1)
    freedom, scale = grid[int(nats.argmin())].tolist()
    return freedom, scale


def about_volatility(found: OneStep, rivals: Mapping[str, OneStep], certain: float) -> str:
    """Say whether the densities were better than those of the best simple method."""
    name = min(rivals, key=lambda rival: rivals[rival].nats.mean())
    gains = {rival: float(other.nats.mean() - found.nats.mean()) for rival, other in rivals.items()}
    difference = _by_day(found, found.nats, rivals[name].nats)
    steady = _by_day(found, found.nats, rivals["constant normal"].nats)
    constant = f"{gains['constant normal']:+.3f} nats a return against constant variance ({steady.luck})"
    luck = difference.luck
    if not difference.p_value < certain:
        return f"Volatility: {constant}; no known difference from '{name}', {gains[name]:+.3f} nats ({luck})."
    verdict = "better" if gains[name] > 0 else "worse"
    return f"Volatility: {constant}; {verdict} than '{name}' by {abs(gains[name]):.3f} nats ({luck})."


def about_direction(found: OneStep, certain: float) -> str:
    """Say how often the direction was right, and whether that is more than the more frequent one gives."""
    hits = found.hits
    n = int((~np.isnan(hits)).sum())
    if not n:
        return "Direction: nothing moved in the held-out part, so there is none to forecast."
    share = float(np.nanmean(hits))
    low, high = binomial_interval(share, n)
    ups = np.where(found.returns == 0, np.nan, (found.returns > 0).astype(np.float64))
    frequent = float(np.nanmean(ups))
    usual = ups if frequent >= 0.5 else 1 - ups
    difference = _by_day(found, 1 - hits, 1 - usual)
    against_coin = _by_day(found, 1 - hits, np.where(np.isnan(hits), np.nan, 0.5))
    told = f"Direction: {share:.1%} right (95 % interval {low:.1%} to {high:.1%}), "
    told += f"always {'up' if frequent >= 0.5 else 'down'} {max(frequent, 1 - frequent):.1%}"
    better = share > max(frequent, 1 - frequent) and difference.p_value < certain and against_coin.p_value < certain
    if better:
        return f"{told}: better than the random walk (by days, {difference.luck})."
    return f"{told}: nothing here beats the random walk (by days, {difference.luck})."


def binomial_interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson (1927), as if each were independent.

    >>> [round(bound, 3) for bound in binomial_interval(0.5, 100)]
    [0.404, 0.596]
    """
    z2 = NORMAL_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return middle - half, middle + half


def _by_day(found: OneStep, losses: Floats, others: Floats) -> Difference:
    assert len(losses) == len(others)
    there = ~np.isnan(losses) & ~np.isnan(others)
    ours, theirs = (found.by_day(np.where(there, part, np.nan)) for part in (losses, others))
    return compare(ours, theirs)
