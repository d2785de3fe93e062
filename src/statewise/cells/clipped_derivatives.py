"""A part whose derivatives are held within bounds: not the clipping of a whole gradient."""

from typing import Any, Generic, TypeVar, final

from torch import Tensor

from statewise.cells.recurrent import Recurrent, begin
from statewise.kernels.derivatives import check_limit, clip_derivative

State = TypeVar("State")


@final
class ClippedDerivatives(Recurrent[State], Generic[State]):
    """A recurrence the derivatives of whose inputs and outputs are held within bounds at every step.

        y = part(x)        dx = clip(part's dx, inputs)        part's dy = clip(dy, outputs)

    One step at which a model was very wrong then pulls no harder than others. The sequence is read as before, by the
    part's kernel; its state is the part's. Either limit may be left out. See `clip_derivative` for what a limit is of.
    Raises `UsageError` for a limit that is not above 0. Source: Graves 2013, section 2.1.

    >>> import torch
    >>> from statewise.cells import LSTM
    >>> cell = ClippedDerivatives(LSTM(5, 4), inputs=10.0, outputs=100.0)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape
    torch.Size([7, 3, 4])
    """

    def __init__(self, part: Recurrent[State], *, inputs: float | None = None, outputs: float | None = None) -> None:
        super().__init__()
        for limit in (inputs, outputs):
            if limit is not None:
                check_limit("ClippedDerivatives", limit)
        self.features, self.units, self.part = part.features, part.units, part
        self.inputs, self.outputs = inputs, outputs

    def initial(self, rows: int, context: Any = None) -> State:
        """Return the part's initial state."""
        return begin(self.part, rows, context)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one input `[B, D]`."""
        y, state = self.part.step(_within(x, self.inputs), state)
        return _within(y, self.outputs), state

    def scan(
        self, xs: Tensor, state: State, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel."""
        self.check(xs, state, reset, mask)
        ys, state = self.part.scan(_within(xs, self.inputs), state, reset=reset, mask=mask)
        return _within(ys, self.outputs), state


def _within(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else clip_derivative(x, limit)
