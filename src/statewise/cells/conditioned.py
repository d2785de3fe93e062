"""A part whose first state is made from a context: an image, a speaker, a summary of another sequence."""

from typing import Generic, TypeVar, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.learned import real_leaves, shifted
from statewise.cells.recurrent import Recurrent
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError

State = TypeVar("State")


@final
class Conditioned(Recurrent[State], Generic[State]):
    """A recurrence that begins from a state which is a linear map of a context vector.

        s_0 = initial + W_c context + b        b = 0 before training

    Without a context, and where a row resets within a scan, the context is zeros. Wrap the cell itself, and put
    `VariationalDropout` and the like around this.

    Shapes: `context` `[B, width]`. Raises `UsageError` for a context of another shape, and for a part that has no
    state. Source: as in Vinyals et al. 2015, where the context is an image.

    >>> from statewise.cells import LSTM
    >>> cell = Conditioned(LSTM(5, 4), width=2)
    >>> one, other = cell.initial(2, context=torch.tensor([[1.0, 0.0], [0.0, 1.0]])).cell
    >>> bool((one == other).all())
    False
    """

    takes_context = True

    def __init__(self, part: Recurrent[State], width: int) -> None:
        super().__init__()
        self.features, self.units, self.part, self.width = part.features, part.units, part, width
        self.shapes = [leaf.shape[1:] for leaf in real_leaves(part)]
        total = sum(shape.numel() for shape in self.shapes)
        self.context_weights = glorot(1, total, width)
        self.bias = zeros(total)

    def initial(self, rows: int, context: Tensor | None = None) -> State:
        """Return the first state of each row, made from its context `[B, width]`."""
        context = self.bias.new_zeros(rows, self.width) if context is None else context
        if context.shape != (rows, self.width):
            raise UsageError(
                f"Conditioned was given a context of shape {list(context.shape)} where one of "
                f"[B, width] = {[rows, self.width]} is wanted"
            )
        offsets = linear(context, self.context_weights, self.bias)
        parts = torch.split_with_sizes(offsets, [shape.numel() for shape in self.shapes], dim=-1)
        pairs = zip(parts, self.shapes, strict=True)
        return shifted(self.part.initial(rows), [part.reshape(rows, *shape) for part, shape in pairs])

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
