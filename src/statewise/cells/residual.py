"""A residual connection: the output of a part is added to its input."""

from typing import Any, Generic, TypeVar, final

from torch import Tensor

from statewise.cells.recurrent import Recurrent, awake, begin
from statewise.errors import UsageError

State = TypeVar("State")


@final
class Residual(Recurrent[State], Generic[State]):
    """A recurrence whose output is added to its input, so that a gradient passes it undiminished.

        y = x + part(x)

    Its state is its part's. Raises `UsageError` where the part does not write as many units as it reads features.
    Source: He et al. 2016; in recurrent stacks Wu et al. 2016, section 3.1.

    >>> import torch
    >>> from statewise.cells import GRU, Chain
    >>> deep = Chain(GRU(5, 4), Residual(GRU(4, 4)), Residual(GRU(4, 4)))
    >>> ys, state = deep.scan(torch.zeros(7, 3, 5), deep.initial(3))
    >>> ys.shape
    torch.Size([7, 3, 4])
    """

    def __init__(self, part: Recurrent[State]) -> None:
        super().__init__()
        if part.features != part.units:
            raise UsageError(
                f"a Residual adds input to output, but its {type(part).__name__} reads {part.features} features and "
                f"writes {part.units} units: make them equal"
            )
        self.features, self.units, self.part = part.features, part.units, part

    def initial(self, rows: int, context: Any = None) -> State:
        """Return the part's initial state."""
        return begin(self.part, rows, context)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one input `[B, H]`."""
        y, state = self.part.step(x, state)
        return x + y, state

    def scan(
        self, xs: Tensor, state: State, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence `[T, B, H]` as the part does, by its kernel."""
        self.check(xs, state, reset, mask)
        ys, state = self.part.scan(xs, state, reset=reset, mask=mask)
        return awake(xs, mask) + ys, state
