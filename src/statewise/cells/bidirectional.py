"""Two recurrences that read a whole sequence, one from its beginning and one from its end."""

from typing import Any, Never, final

import torch
from torch import Tensor, nn

from statewise.cells.recurrent import Recurrent, begin
from statewise.errors import UsageError


@final
class Bidirectional(nn.Module):
    """A reader of whole sequences, each of whose outputs knows what came before it and what comes after.

        y_t = (forward(x_1 ... x_t), backward(x_T ... x_t))

    It is not a `Recurrent`: what follows is not known until all is read, so it has no state to go on from and cannot
    step. The backward part begins at each row's own last input, as `mask` has it, and never sees what lies after.

    Shapes: `xs` `[T, B, D]`, `mask` `[T, B]` of bool; outputs `[T, B, H + H']`. Raises `UsageError` where the two parts
    read different widths, and always by `step`. Source: Schuster & Paliwal 1997.

    >>> from statewise.cells import GRU
    >>> reader = Bidirectional(GRU(5, 4), GRU(5, 6))
    >>> mask = torch.arange(7).unsqueeze(-1) < torch.tensor([7, 2, 4])
    >>> ys, (ahead, back) = reader.scan(torch.zeros(7, 3, 5), mask=mask)
    >>> ys.shape, ahead.hidden.shape, back.hidden.shape
    (torch.Size([7, 3, 10]), torch.Size([3, 4]), torch.Size([3, 6]))
    """

    def __init__(self, forward: Recurrent[Any], backward: Recurrent[Any]) -> None:
        super().__init__()
        if forward.features != backward.features:
            raise UsageError(
                f"the forward {type(forward).__name__} reads {forward.features} features and the backward "
                f"{type(backward).__name__} {backward.features}: make them equal"
            )
        self.features, self.units = forward.features, forward.units + backward.units
        self.ahead, self.back = forward, backward

    def scan(self, xs: Tensor, *, mask: Tensor | None = None, context: Any = None) -> tuple[Tensor, tuple[Any, Any]]:
        """Read whole sequences `[T, B, D]`; return the outputs, and the state of either part when it had read all.

        Where `mask` is false a row's output is zero. A context goes to each part that reads one.
        """
        rows = xs.shape[1] if xs.dim() > 1 else 0
        ahead, first = self.ahead.scan(xs, begin(self.ahead, rows, context), mask=mask)
        # read backward, a row sleeps through its padding first and wakes at its own last input
        turned = None if mask is None else mask.flip(0)
        back, last = self.back.scan(xs.flip(0), begin(self.back, rows, context), mask=turned)
        return torch.cat([ahead, back.flip(0)], dim=-1), (first, last)

    def forward(self, xs: Tensor, mask: Tensor | None = None, context: Any = None) -> tuple[Tensor, tuple[Any, Any]]:
        """Read whole sequences: `scan` under the name by which PyTorch calls a module."""
        return self.scan(xs, mask=mask, context=context)

    def step(self, x: Tensor, state: Any) -> Never:
        """Raise `UsageError`: half of every output is made of inputs that have not come yet."""
        raise UsageError(
            "a Bidirectional cannot step: half of each output is read from the end, which has not come yet; "
            "read whole sequences with scan, or step its forward part alone"
        )
