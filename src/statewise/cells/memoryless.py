"""A recurrence that remembers nothing: what a memory is worth is what it lacks."""

from typing import Any, final

from torch import Tensor

from statewise.cells.recurrent import Recurrent


@final
class Memoryless(Recurrent[tuple[()]]):
    """A recurrence that begins again at every step, so that it is a network of one step with as many weights.

        y = part(x) from the part's first state

    Its state is empty. It is the fair baseline of a recurrence: equal in everything but the memory.

    >>> import torch
    >>> from statewise.cells import LSTM
    >>> cell = Memoryless(LSTM(5, 4))
    >>> ys, state = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> bool((ys == ys[0]).all()), state
    (True, ())
    """

    def __init__(self, part: Recurrent[Any]) -> None:
        super().__init__()
        self.part, self.features, self.units = part, part.features, part.units

    def initial(self, rows: int) -> tuple[()]:
        """Return nothing."""
        return ()

    def step(self, x: Tensor, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """Read one input `[B, D]`."""
        return self.part.step(x, self.part.initial(x.shape[0]))[0], ()

    def scan(
        self, xs: Tensor, state: tuple[()], *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[()]]:
        """Read a sequence `[T, B, D]` as one step of T times B rows."""
        self.check(xs, state, reset, mask, kind=tuple)
        steps, rows = xs.shape[:2]
        places = steps * rows
        asleep = None if mask is None else mask.reshape(1, places)
        ys, _ = self.part.scan(xs.reshape(1, places, self.features), self.part.initial(places), mask=asleep)
        return ys.reshape(steps, rows, self.units), ()
