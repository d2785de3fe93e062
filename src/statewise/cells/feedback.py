"""A part with output feedback: its last output joins its next input."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.recurrent import Cell, Recurrent, begin
from statewise.errors import UsageError


class FeedbackState(NamedTuple):
    """The state of a part with output feedback: its own state, and its last output `[B, H]`."""

    part: Any
    output: Tensor


@final
class Feedback(Cell[FeedbackState]):
    """A recurrence that reads each input together with its own last output; zeros at first.

        y = part(x, y_last)

    Around a `Chain` the top is heard at the bottom. The part reads D + H features, this D. Raises `UsageError` where
    the part reads no more features than it writes units. Source: Jordan 1986; around a stack Graves 2013.

    >>> from statewise.cells import GRU, Chain
    >>> heard = Feedback(Chain(GRU(5 + 4, 6), GRU(6, 4)))
    >>> ys, state = heard.scan(torch.zeros(7, 3, 5), heard.initial(3))
    >>> bool((state.output == ys[-1]).all())
    True
    """

    def __init__(self, part: Recurrent[Any]) -> None:
        super().__init__()
        self.features, self.units, self.part = part.features - part.units, part.units, part
        if self.features < 1:
            raise UsageError(
                f"a Feedback gives {part.units} units of output back, but its {type(part).__name__} reads "
                f"{part.features} features: let it read {part.units} more than the input has"
            )

    def initial(self, rows: int, context: Any = None) -> FeedbackState:
        """Return the part's initial state, and zeros."""
        return FeedbackState(begin(self.part, rows, context), self.blank(rows, self.units))

    def step(self, x: Tensor, state: FeedbackState) -> tuple[Tensor, FeedbackState]:
        """Read one input `[B, D]` and the last output."""
        y, part = self.part.step(torch.cat([x, state.output], dim=-1), state.part)
        return y, FeedbackState(part, y)
