"""What of the past a network uses: how its loss rises when the past is cut off, or one input of it is another."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.insight.horizon import Interval, bootstrap
from statewise.insight.network import ProbedNetwork
from statewise.insight.probes import Probes, Trace
from statewise.state import leaves, select_rows

Array = NDArray[np.floating[Any]]

NOTICED = 0.01
"""A rise of so many nats, one percent of perplexity, is noticed (Khandelwal, He, Qi & Jurafsky 2018).

Without a loss, so large a share of the outputs' variance is."""

DENSE = 64

STRIDE = 16
"After so many steps it is seen whether anything is left of what was changed."
ROUNDING = 16
"Two states are the same that differ in no number by more than so many times the rounding of its unit."


class Rises(NamedTuple):
    """By how much the loss of each probe rises, `[N, L]` at some lags; NaN where a sequence does not reach so far."""

    cut: Array
    replaced: Array
    whole: Array


def lags_of(most: int) -> list[int]:
    """Return lags from 1 to `most`, evenly spaced on a logarithmic scale, twice as densely up to 64.

    >>> lags_of(150)
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 150]
    """
    powers = [2**power for power in range(most.bit_length())]
    spread = {1, 3, *powers, *(3 * power for power in powers if 3 * power <= DENSE)}
    return sorted({lag for lag in spread if lag < most} | {most})


def rises(network: ProbedNetwork, trace: Trace, lags: Sequence[int], dice: torch.Generator) -> Rises:
    """Return what each probe loses when only its last k inputs are seen, and when the one k steps back is another.

    What is put in its place is an input of the same batch, of any row.
    """
    batch, whole = trace.batch, trace.output.detach()
    with torch.no_grad():
        full = network.each(whole, batch.targets, whole)
        cut, replaced = [], []
        for lag in lags:
            start = len(batch.xs) - lag
            begun = _read(network, trace, batch, start, batch.fresh)
            cut.append(_rise(network, batch, begun, whole, full, batch.remembered[start]))
            changed = _with_another(batch, start - 1, dice)
            other = _read(network, trace, changed, start - 1, trace.befores[start - 1])
            replaced.append(_rise(network, batch, other, whole, full, batch.seen[start - 1]))
    return Rises(np.stack(cut, axis=1), np.stack(replaced, axis=1), full.double().cpu().numpy())


def _read(network: ProbedNetwork, trace: Trace, batch: Probes, start: int, state: Any) -> Tensor:
    """Return the last output `[N, H]` of probes whose stretch is read from a step on.

    A row whose state has come back to that of the trace is read no further: what follows is what the trace found.
    """
    found, rows = trace.output.detach().clone(), torch.arange(len(trace.output))
    for begin in range(start, len(batch.xs), STRIDE):
        here, end = slice(begin, begin + STRIDE), begin + STRIDE
        mask = None if bool(batch.mask[here].all()) else batch.mask[here]
        reset = batch.reset[here] if bool(batch.reset[here].any()) else None
        ys, state = network.core.scan(batch.xs[here], state, reset=reset, mask=mask)
        if end >= len(batch.xs):
            found[rows] = ys[-1]
            break
        left = _apart(state, trace.befores[end], rows).nonzero().flatten()
        if not len(left):
            break
        if len(left) < len(rows):
            rows, batch, state = rows[left], batch.of(left), select_rows(state, left)
    return found


def _apart(state: Any, traced: Any, rows: Tensor) -> Tensor:
    """Say of each row of a state whether it differs from that in the trace by more than rounding, `[n]`."""
    apart = torch.zeros(len(rows), dtype=torch.bool)
    for one, other in zip(leaves(state), leaves(traced), strict=True):
        if one.shape[1:] != other.shape[1:]:
            return torch.ones_like(apart)
        if one.is_floating_point():
            scale = other.abs().amax(dim=0)  # of each unit, over all rows
            same = (one - other[rows]).abs() <= ROUNDING * torch.finfo(one.dtype).eps * scale
        else:
            same = one == other[rows]
        apart |= ~same.flatten(1).all(dim=1).cpu()
    return apart


def _rise(network: ProbedNetwork, batch: Probes, ys: Tensor, whole: Tensor, full: Tensor, there: Tensor) -> Array:
    rise = (network.each(ys, batch.targets, whole) - full).double()
    return torch.where(there, rise, torch.nan).cpu().numpy()


def _with_another(batch: Probes, place: int, dice: torch.Generator) -> Probes:
    pool = batch.xs[batch.mask]
    drawn = torch.randint(len(pool), (batch.xs.shape[1],), generator=dice).to(pool.device)
    xs = batch.xs.clone()
    xs[place] = pool[drawn]
    return batch._replace(xs=xs)


class Use(NamedTuple):
    """How the loss rises at each lag, in nats, and the context that is used: steps beyond which it is not noticed.

    `is_bound`: it is noticed at the last lag that was looked at, so the context is at least that.
    """

    lags: list[int]
    rises: list[float]
    low: list[float]
    high: list[float]
    context: Interval
    is_bound: bool

    def words(self) -> str:
        """Say the context that is used."""
        return ("at least " if self.is_bound else "") + self.context.words()


def use_of(values: Array, lags: Sequence[int], seed: int = 0) -> Use:
    """Return what is used of the past, from the rises of each probe `[N, L]` at some lags."""
    there = ~np.isnan(values)
    filled = np.where(there, values, 0)
    places = np.array(lags, dtype=np.float64)

    def means(weights: Array) -> Array:
        found: Array = (weights @ filled) / np.maximum(weights @ there, 1e-300)
        return found

    spread = [bootstrap(lambda weights, i=i: means(weights)[:, i], len(values), seed) for i in range(len(lags))]  # type: ignore[misc]
    rise = means(np.ones((1, len(values))))[0]
    return Use(
        list(lags),
        rise.tolist(),
        [one.low for one in spread],
        [one.high for one in spread],
        bootstrap(lambda weights: contexts(means(weights), places), len(values), seed),
        bool(rise[-1] >= NOTICED),
    )


def contexts(rise: Array, lags: Array) -> Array:
    """Return from which lag on every rise `[S, L]` stays unnoticed, interpolated between two lags.

    >>> contexts(np.array([[1.0, 0.02, 0.0], [0.0, 0.0, 0.0]]), np.array([1.0, 2.0, 4.0]))
    array([3., 0.])
    """
    found = np.zeros(len(rise))
    for number, one in enumerate(rise):
        noticed = np.flatnonzero(one >= NOTICED)
        if not len(noticed):
            continue
        last = noticed[-1]
        if last == len(lags) - 1:
            found[number] = lags[-1]
            continue
        part = (one[last] - NOTICED) / (one[last] - one[last + 1])
        found[number] = lags[last] + part * (lags[last + 1] - lags[last])
    return found
