"""What of the past a network uses: how its loss rises when the past is cut off, or one input of it is another."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.insight.horizon import Interval, bootstrap
from statewise.insight.stretches import Stretch, Walk
from statewise.insight.subject import Subject
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


def rises(subject: Subject, walk: Walk, lags: Sequence[int], dice: torch.Generator) -> Rises:
    """Return what each probe loses when only its last k inputs are seen, and when the one k steps back is another.

    What is put in its place is an input drawn from the same stretch, of any row.
    """
    stretch, whole = walk.stretch, walk.output.detach()
    with torch.no_grad():
        full = subject.each(whole, stretch.targets, whole)
        cut, replaced = [], []
        for lag in lags:
            start = len(stretch.xs) - lag
            begun = _read(subject, walk, stretch, start, stretch.fresh)
            cut.append(_rise(subject, stretch, begun, whole, full, stretch.remembered[start]))
            changed = _with_another(stretch, start - 1, dice)
            other = _read(subject, walk, changed, start - 1, walk.befores[start - 1])
            replaced.append(_rise(subject, stretch, other, whole, full, stretch.seen[start - 1]))
    return Rises(np.stack(cut, axis=1), np.stack(replaced, axis=1), full.double().cpu().numpy())


def _read(subject: Subject, walk: Walk, stretch: Stretch, start: int, state: Any) -> Tensor:
    """Return the last output `[N, H]` of a stretch that is read from a place on.

    A row whose state has come back to the walked one reads no further: what follows is what the walk found.
    """
    found, rows = walk.output.detach().clone(), torch.arange(len(walk.output))
    for begin in range(start, len(stretch.xs), STRIDE):
        here, end = slice(begin, begin + STRIDE), begin + STRIDE
        mask = None if bool(stretch.mask[here].all()) else stretch.mask[here]
        reset = stretch.reset[here] if bool(stretch.reset[here].any()) else None
        ys, state = subject.core.scan(stretch.xs[here], state, reset=reset, mask=mask)
        if end >= len(stretch.xs):
            found[rows] = ys[-1]
            break
        left = _apart(state, walk.befores[end], rows).nonzero().flatten()
        if not len(left):
            break
        if len(left) < len(rows):
            rows, stretch, state = rows[left], stretch.of(left), select_rows(state, left)
    return found


def _apart(state: Any, walked: Any, rows: Tensor) -> Tensor:
    """Say of each row of a state whether it differs from that row of the walked one by more than rounding, `[n]`."""
    apart = torch.zeros(len(rows), dtype=torch.bool)
    for one, other in zip(leaves(state), leaves(walked), strict=True):
        if one.shape[1:] != other.shape[1:]:
            return torch.ones_like(apart)
        if one.is_floating_point():
            scale = other.abs().amax(dim=0)  # of each unit, over all rows
            same = (one - other[rows]).abs() <= ROUNDING * torch.finfo(one.dtype).eps * scale
        else:
            same = one == other[rows]
        apart |= ~same.flatten(1).all(dim=1).cpu()
    return apart


def _rise(subject: Subject, stretch: Stretch, ys: Tensor, whole: Tensor, full: Tensor, there: Tensor) -> Array:
    rise = (subject.each(ys, stretch.targets, whole) - full).double()
    return torch.where(there, rise, torch.nan).cpu().numpy()


def _with_another(stretch: Stretch, place: int, dice: torch.Generator) -> Stretch:
    pool = stretch.xs[stretch.mask]
    drawn = torch.randint(len(pool), (stretch.xs.shape[1],), generator=dice).to(pool.device)
    xs = stretch.xs.clone()
    xs[place] = pool[drawn]
    return stretch._replace(xs=xs)


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
