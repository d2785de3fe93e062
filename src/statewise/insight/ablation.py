"""What of the past a network uses: how its predictions change when the past is cut off, or one input is replaced."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.insight.horizon import Edge, edge_of
from statewise.insight.intervals import Band, band_of
from statewise.insight.probed_network import Divergence, ProbedNetwork
from statewise.insight.probes import Probes, ProbeTrace
from statewise.state import leaves, select_rows

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]

NOTICED = 0.01
"""A divergence of so many nats, one percent of perplexity, is noticed (Khandelwal, He, Qi & Jurafsky 2018).

Without a loss, so large a share of the outputs' variance is."""

DENSE = 64
MOST_AT_ONCE = 24
"How many lags around an edge are measured before it is seen again where the edge is."

STRIDE = 16
"After so many steps it is seen whether anything is left of what was changed."
ROUNDING = 16
"Two states are the same that differ in no number by more than so many times the rounding of its unit."


def first_lags(most: int) -> list[int]:
    """Return lags from 0 to `most`, evenly spaced on a logarithmic scale, twice as densely up to 64.

    >>> first_lags(150)
    [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 150]
    """
    powers = [2**power for power in range(most.bit_length())]
    spread = {0, 1, 3, *powers, *(3 * power for power in powers if 3 * power <= DENSE)}
    return sorted({lag for lag in spread if lag < most} | {most})


def cut(network: ProbedNetwork, trace: ProbeTrace, lags: Sequence[int], divergence: Divergence) -> Array:
    """Return how far predictions move when a probe reads only its inputs from k steps back on, `[N, L]`.

    It reads them from its first state. NaN where a sequence does not reach so far back.
    """
    batch, found = trace.batch, []
    with torch.no_grad():
        for lag in lags:
            start = len(batch.xs) - 1 - lag
            ys = _read(network, trace, batch, start, batch.fresh)
            found.append(_where(batch.remembered[start], divergence(ys)))
    return np.stack(found, axis=1)


def replaced(
    network: ProbedNetwork, trace: ProbeTrace, lags: Sequence[int], divergence: Divergence, dice: torch.Generator
) -> Array:
    """Return how far predictions move when the input k steps back is another one of the same batch, `[N, L]`.

    NaN where a sequence does not reach so far back.
    """
    batch, found = trace.batch, []
    with torch.no_grad():
        for lag in lags:
            step = len(batch.xs) - 1 - lag
            ys = _read(network, trace, _with_another(batch, step, dice), step, trace.befores[step])
            found.append(_where(batch.seen[step], divergence(ys)))
    return np.stack(found, axis=1)


def _where(known: Tensor, moved: Tensor) -> Array:
    return torch.where(known, moved.double(), torch.nan).cpu().numpy()


def _read(network: ProbedNetwork, trace: ProbeTrace, batch: Probes, start: int, state: Any) -> Tensor:
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
        apart |= ~same.reshape(len(rows), -1).all(dim=1).cpu()
    return apart


def _with_another(batch: Probes, step: int, dice: torch.Generator) -> Probes:
    pool = batch.xs[batch.mask]
    drawn = torch.randint(len(pool), (batch.xs.shape[1],), generator=dice).to(pool.device)
    xs = batch.xs.clone()
    xs[step] = pool[drawn]
    return batch._replace(xs=xs)


class Curve(NamedTuple):
    """How far predictions move at each of some lags, in nats: means over the probes, and their 95 % band."""

    lags: list[int]
    means: list[float]
    low: list[float]
    high: list[float]

    @classmethod
    def of(cls, lags: Sequence[int], band: Band) -> "Curve":
        """Return a band at its lags."""
        return cls(list(lags), band.means.tolist(), band.low.tolist(), band.high.tolist())


class Use(NamedTuple):
    """What of the past is used: how far predictions move where it is cut off, and how many steps back they need."""

    curve: Curve
    context: Edge


def use_of(values: Array, lags: Sequence[int], rows: Rows, seed: int = 0) -> Use:
    """Return what is used of the past, from what each probe's prediction moves by, `[N, L]`, at some lags."""
    band = band_of(values, rows, seed)
    return Use(Curve.of(lags, band), edge_of(band, lags, NOTICED))


def lags_around(edge: Edge, lags: Sequence[int]) -> list[int]:
    """Return the lags still to be measured around an edge: all between those just outside of its interval.

    Where they are many, some that are spread evenly over them, since the edge may then turn out to lie between fewer.

    >>> from statewise.insight.intervals import Interval
    >>> lags_around(Edge(Interval(7.5, 6.5, 11.0), False), [0, 4, 6, 8, 12, 16])
    [7, 9, 10, 11]
    """
    from_step, _, to_step = sorted(_within(one, lags) for one in _bounds(edge))
    first = max(lag for lag in lags if lag <= from_step)
    last = min(lag for lag in lags if lag >= to_step)
    missing = [lag for lag in range(first, last) if lag not in set(lags)]
    return missing[:: -(-len(missing) // MOST_AT_ONCE)] if missing else []


def _bounds(edge: Edge) -> tuple[float, float, float]:
    """Return the interval of an edge; where it has none, the edge alone."""
    value, low, high = edge.steps
    return (value, value, value) if np.isnan(low) else (low, value, high)


def _within(step: float, lags: Sequence[int]) -> float:
    return min(max(step, lags[0]), lags[-1])
