"""Pairs as windows: a target a row, with its source as context, batches of about equally long ones."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.pairs.subwords import START
from statewise.data.window import Epochs, Window

Codes = NDArray[np.int64]


def pair_example(source: Codes, target: Codes) -> Example:
    """Return a target of n codes as n steps from the code of the beginning, with its source as context."""
    wanted = torch.from_numpy(target)
    return Example(torch.cat([torch.tensor([START]), wanted[:-1]]), wanted, context=Varying(torch.from_numpy(source)))


@final
class PairBatches(Epochs):
    """Batches of targets of about equal length; what is read at a place follows from seed, epoch and place.

    `coded(epoch, n)` gives source and target of pair n, their ends as the last; `lengths` are those of the targets, one
    for each pair. A row that is shorter than others reads on, unscored, instead of sleeping: every window begins its
    rows, and nothing must be put back at every step.
    """

    def __init__(
        self,
        coded: Callable[[int, int], tuple[Codes, Codes]],
        lengths: Sequence[int],
        rows: int,
        *,
        seed: int | None = None,
    ) -> None:
        self.coded, self.rows = coded, rows
        self.batches = Batches(range(len(lengths)), lengths, rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        numbers = self.batches.order(epoch)[index]
        window = collated([pair_example(*self.coded(epoch, number)) for number in numbers], self.rows)
        return window._replace(mask=None, scored=window.mask)
