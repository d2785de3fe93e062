"""Reading a sequence a stretch at a time, cut where a row resets from another state than the part would."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from statewise.state import where_rows

State = TypeVar("State")


def read_stretches(
    read: Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]],
    xs: Tensor,
    state: State,
    initial: Callable[[int], State],
    reset: Tensor | None,
    mask: Tensor | None,
) -> tuple[Tensor, State]:
    """Read a sequence with `read(xs, state, mask)`, which knows no resets; rows reset from `initial(rows)`.

    Between two resets a whole stretch is read at once, so that a kernel can still take it.

    >>> def add_up(xs, state, mask):
    ...     ys = state + xs.cumsum(0)
    ...     return ys, ys[-1]
    >>> reset = torch.tensor([[False], [False], [True]])
    >>> read_stretches(add_up, torch.ones(3, 1), torch.ones(1), torch.zeros, reset, None)[0].flatten()
    tensor([2., 3., 1.])
    """
    if reset is None or not xs.shape[0]:
        return read(xs, state, mask)
    heeded = reset if mask is None else reset & mask
    fresh = initial(xs.shape[1])
    cuts = sorted({0, *heeded.any(dim=1).nonzero().flatten().tolist()})
    ys = []
    for start, end in pairwise([*cuts, xs.shape[0]]):
        begun = fresh if bool(heeded[start].all()) else where_rows(heeded[start], fresh, state)
        y, state = read(xs[start:end], begun, None if mask is None else mask[start:end])
        ys.append(y)
    return torch.cat(ys), state
