"""In which order training reads its windows, through all its epochs: every draw is made by number out of the seed.

So what is read at a place depends on the place alone, and a resumed training reads what the other would have read.
"""

from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.window import Epochs, Window, joined
from statewise.errors import UsageError
from statewise.run.recipe import Recipe

SHORTEST = 5
HALVED = 0.05
"Both as in Merity, Keskar & Socher 2018, section 5."
ORDER, LENGTHS = 1, 2
"What the two kinds of draws of an epoch are numbered by."
WHOLE = (
    "vary cuts windows that continue each other, but here each is a whole sequence: "
    "give --vary 0, and --shuffle 1 for another order in each epoch"
)


class _Epoch(NamedTuple):
    """How one epoch is read: its windows in order, where each begins in steps, and where it is cut."""

    number: int
    usual: int
    order: list[int]
    begins: NDArray[np.int64]
    cuts: NDArray[np.int64]


@final
class WindowOrder:
    """The windows of a training, through all its epochs, in the order and the lengths that a recipe says.

    With `shuffle` K, groups of K windows are read in an order that is drawn for each epoch, and rows reset
    with each group. With `vary`, an epoch is cut into as many windows as before, of lengths that are drawn.
    Either way an epoch holds every step of every row once. Windows that have an order of their own in each epoch, as
    `Batches` have, are read in that.

    >>> import torch
    >>> windows = [Window(torch.tensor([[i]]), torch.tensor([[i]])) for i in range(6)]
    >>> order = WindowOrder(windows, Recipe(sequence_length=1, shuffle=2, seed=1))
    >>> [[int(order[6 * epoch + i].inputs) for i in range(6)] for epoch in range(2)]
    [[4, 5, 0, 1, 2, 3], [2, 3, 4, 5, 0, 1]]
    """

    def __init__(self, windows: Sequence[Window], recipe: Recipe) -> None:
        self.windows, self.recipe, self.epoch_windows = windows, recipe, len(windows)
        self._is_plain = not recipe.shuffle and not recipe.vary
        self._latest: _Epoch | None = None

    def __getitem__(self, number: int) -> Window:
        epoch, index = divmod(number, self.epoch_windows)
        if self._is_plain:
            return self._window(epoch, index)
        return self._varied(self._epoch(epoch), index) if self.recipe.vary else self._ordered(self._epoch(epoch), index)

    def _window(self, epoch: int, number: int) -> Window:
        return self.windows.in_epoch(epoch, number) if isinstance(self.windows, Epochs) else self.windows[number]

    def rate_scale(self, first: int, count: int) -> float:
        """Return what the rate is multiplied by for some windows: where lengths vary, their mean over the usual one.

        A long window's gradient is the mean over more steps, and would count no more than a short one's.
        """
        if not self.recipe.vary:
            return 1.0
        scale = 0.0
        for number in range(first, first + count):
            epoch, index = self._epoch(number // self.epoch_windows), number % self.epoch_windows
            scale += float(epoch.cuts[index + 1] - epoch.cuts[index]) / epoch.usual / count
        return scale

    def _epoch(self, number: int) -> _Epoch:
        if self._latest is None or self._latest.number != number:
            order = self._drawn_order(number)
            end = self.epoch_windows - 1
            usual, last = self.windows[0].steps, self.windows[end].steps  # only the last may be shorter
            lengths = [last if window == end else usual for window in order]
            begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
            self._latest = _Epoch(number, usual, order, begins, self._drawn_cuts(number, usual, int(begins[-1])))
        return self._latest

    def _drawn_order(self, epoch: int) -> list[int]:
        order = list(range(self.epoch_windows))
        if size := self.recipe.shuffle:
            groups = [order[begin : begin + size] for begin in range(0, len(order), size)]
            drawn = np.random.default_rng([self.recipe.seed, epoch, ORDER]).permutation(len(groups))
            order = [window for group in drawn for window in groups[group]]
        return order

    def _drawn_cuts(self, epoch: int, usual: int, steps: int) -> NDArray[np.int64]:
        count, draw = self.epoch_windows, np.random.default_rng([self.recipe.seed, epoch, LENGTHS])
        middle = np.where(draw.random(count) < HALVED, usual / 2, usual)
        lengths = np.maximum(draw.normal(middle, self.recipe.vary), min(SHORTEST, usual))
        ends = np.concatenate([np.zeros(1), np.cumsum(lengths)])
        spare = steps - count  # a step for each window, and the others by its length
        cuts: NDArray[np.int64] = np.arange(count + 1) + np.rint(ends * (spare / ends[-1])).astype(np.int64)
        return cuts

    def _ordered(self, epoch: _Epoch, index: int) -> Window:
        number = epoch.order[index]
        window = self._window(epoch.number, number)
        return window.restarted() if self.recipe.shuffle and number % self.recipe.shuffle == 0 else window

    def _varied(self, epoch: _Epoch, index: int) -> Window:
        start, stop = epoch.cuts[index : index + 2]
        first = int(np.searchsorted(epoch.begins, start, side="right")) - 1
        end = int(np.searchsorted(epoch.begins, stop, side="left"))
        pieces = []
        for number in range(first, end):
            window, begin = self._ordered(epoch, number), epoch.begins[number]
            if window.steps != epoch.begins[number + 1] - begin or window.context is not None or window.is_labelled:
                raise UsageError(WHOLE)
            pieces.append(window.cut(max(0, start - begin), stop - begin))
        return joined(pieces)
