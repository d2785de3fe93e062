"""The k items of the highest scores: exactly, a block of the catalogue at a time, or by an approximate index."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.errors import UsageError

BLOCK_SCORES = 1 << 21
"Scores in memory at once: 8 MB, about what a processor's cache holds."


class Listed(NamedTuple):
    """Items and their scores, the highest first: `[n, k]` each."""

    items: Tensor
    scores: Tensor


def top(
    scores_of: Callable[[int, int], Tensor], choices: int, k: int, *, rows: int = 1, seen: Tensor | None = None
) -> Listed:
    """Return the `k` highest of all scores, of which only a block is ever in memory.

    `scores_of` gives the scores `[n, stop - start]` of the items from `start` to `stop`. `seen` `[m, 2]` are pairs of a
    row and an item that it must not list. Raises `UsageError` where fewer than `k` items are left, or `k` is below 1.

    >>> table = torch.tensor([[0.1, 0.9, 0.5]])
    >>> top(lambda start, stop: table[:, start:stop], choices=3, k=2, seen=torch.tensor([[0, 1]])).items
    tensor([[2, 0]])
    """
    if k < 1:
        raise UsageError(f"a list of {k} says nothing: give k 1 or more")
    most_seen = 0 if seen is None or not len(seen) else int(torch.bincount(torch.unique(seen, dim=0)[:, 0]).max())
    if k > choices - most_seen:
        raise UsageError(f"a list of {k} was asked for but {choices - most_seen} items are left: give a smaller k")
    width = max(k, BLOCK_SCORES // max(1, rows))
    best: Listed | None = None
    for start in range(0, choices, width):
        stop = min(start + width, choices)
        scores = scores_of(start, stop)
        if seen is not None:
            here = seen[(seen[:, 1] >= start) & (seen[:, 1] < stop)]
            scores = scores.index_put((here[:, 0], here[:, 1] - start), scores.new_tensor(-torch.inf))
        found = scores.topk(min(k, stop - start), dim=1)
        listed = Listed(found.indices + start, found.values)
        best = listed if best is None else _merged(best, listed, k)
    assert best is not None
    return best


def _merged(one: Listed, other: Listed, k: int) -> Listed:
    items, scores = torch.cat([one.items, other.items], dim=1), torch.cat([one.scores, other.scores], dim=1)
    found = scores.topk(min(k, scores.shape[1]), dim=1)
    return Listed(items.gather(1, found.indices), found.values)
