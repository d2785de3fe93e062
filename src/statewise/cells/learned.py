"""A part whose first state is learned."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar, final

import torch
from torch import Tensor, nn

from statewise.cells.recurrent import Recurrent, begin
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError
from statewise.state import leaves, map_leaves

State = TypeVar("State")


@final
class Learned(Recurrent[State], Generic[State]):
    """A recurrence that begins, and resets to, a state that training finds, the same for every row.

        s_0 = initial + b        b = 0 before training

    Only real numbers are learned, not seeds and counts. Wrap the cell itself, and put `VariationalDropout` and the
    like around this, or their masks would be learned too. Raises `UsageError` for a part that has no state.

    >>> from statewise.cells import LSTM
    >>> cell = Learned(LSTM(5, 4))
    >>> cell.initial(3).cell.requires_grad, sum(weights.numel() for weights in cell.offsets)
    (True, 8)
    """

    def __init__(self, part: Recurrent[State]) -> None:
        super().__init__()
        self.features, self.units, self.part = part.features, part.units, part
        self.offsets = nn.ParameterList([nn.Parameter(torch.zeros_like(leaf[0])) for leaf in real_leaves(part)])

    def initial(self, rows: int, context: Any = None) -> State:
        """Return the learned state for `rows` rows."""
        return shifted(begin(self.part, rows, context), self.offsets)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one input `[B, D]`."""
        return self.part.step(x, state)

    def scan(
        self, xs: Tensor, state: State, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel."""
        self.check(xs, state, reset, mask)
        return read_stretches(self._read, xs, state, self.initial, reset, mask)

    def _read(self, xs: Tensor, state: State, mask: Tensor | None) -> tuple[Tensor, State]:
        return self.part.scan(xs, state, mask=mask)


def real_leaves(part: Recurrent[Any]) -> list[Tensor]:
    """Return the tensors of real numbers in a part's first state of one row. Raises `UsageError` where it has none."""
    found = [leaf for leaf in leaves(part.initial(1)) if leaf.is_floating_point()]
    if not found:
        raise UsageError(f"a {type(part).__name__} has no state of real numbers to begin from: give one that has")
    return found


def shifted(state: State, offsets: Iterable[Tensor]) -> State:
    """Return a state with an offset added to each of its tensors of real numbers, in order.

    >>> shifted((torch.zeros(2), torch.tensor([3, 4])), [torch.tensor([0.5, 1.5])])
    (tensor([0.5000, 1.5000]), tensor([3, 4]))
    """
    left = iter(offsets)
    return map_leaves(lambda leaf: leaf + next(left) if leaf.is_floating_point() else leaf, state)
