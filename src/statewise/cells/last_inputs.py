"""A recurrence of the last few inputs and nothing else: what stacked frames are, with a state like any other."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.memoryless import Memoryless
from statewise.cells.recurrent import Recurrent, awake, harmless
from statewise.errors import UsageError
from statewise.state import where_rows


class FramesState(NamedTuple):
    """The inputs before this one `[B, k - 1, D]`, the newest last; noughts where there was none."""

    earlier: Tensor


@final
class Frames(Recurrent[FramesState]):
    """A network of the last `count` inputs, side by side, that remembers nothing else.

        y_t = part(x_(t-k+1), ..., x_t) from the part's first state

    `part` reads k D features. It is the usual baseline of a memory in games, where as many frames are stacked. Raises
    `UsageError` where the features of the part are not as many.

    >>> from statewise.cells import LSTM
    >>> cell = Frames(LSTM(3 * 5, 4), count=3)
    >>> ys, state = cell.scan(torch.ones(7, 2, 5), cell.initial(2))
    >>> bool((ys[2:] == ys[2]).all()), state.earlier.shape
    (True, torch.Size([2, 2, 5]))
    """

    def __init__(self, part: Recurrent[Any], count: int) -> None:
        super().__init__()
        if count < 2 or part.features % count:
            raise UsageError(f"{count} frames of {part.features} features: give 2 or more that divide them")
        self.part, self.count = Memoryless(part), count
        self.features, self.units = part.features // count, part.units

    def initial(self, rows: int) -> FramesState:
        """Return noughts, as if nothing had been seen."""
        return FramesState(self.blank(rows, self.count - 1, self.features))

    def step(self, x: Tensor, state: FramesState) -> tuple[Tensor, FramesState]:
        """Read one input `[B, D]`."""
        seen, after = self._seen(x, state)
        return self.part.step(seen, ())[0], after

    @staticmethod
    def _seen(x: Tensor, state: FramesState) -> tuple[Tensor, FramesState]:
        """Return the last inputs side by side `[B, k D]`, and the state after this one."""
        seen = torch.cat([state.earlier, x.unsqueeze(1)], dim=1)
        return seen.flatten(1), FramesState(seen[:, 1:])

    def scan(
        self, xs: Tensor, state: FramesState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, FramesState]:
        """Read a sequence `[T, B, D]`: the frames are stacked step by step, and read all at once."""
        self.check(xs, state, reset, mask, kind=FramesState)
        fresh, stacked = self.initial(xs.shape[1]), []
        for t, x in enumerate(awake(xs, mask)):
            begun = state if reset is None else where_rows(reset[t], fresh, state)
            if mask is None:
                seen, state = self._seen(x, begun)
            else:
                seen, after = self._seen(x, harmless(begun, mask[t]))
                state = where_rows(mask[t], after, state)
            stacked.append(seen)
        whole = torch.stack(stacked) if stacked else xs.new_zeros(0, xs.shape[1], self.count * self.features)
        return self.part.scan(whole, (), mask=mask)[0], state
