"""A network that remembers a few inputs exactly and everything earlier not at all."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class TDNNState(NamedTuple):
    """The state of a time-delay network: its last inputs, oldest first, `[B, N, D]`."""

    past: Tensor


@final
class TDNN(Cell[TDNNState]):
    r"""Time-delay neural network: a convolution over the past whose buffer is a state, so that it steps.

        y_t = tanh(sum over k of W_k x_{t + dilation * offset_k} + b)

    `offsets` say which inputs are seen, 0 the present one; before the first input lie zeros. After one another with
    growing `dilation` such layers see far back at little cost.

    Shapes: `x` `[B, D]`, `past` `[B, N, D]` with `N` the farthest delay, `W` `[H, K * D]`, the offsets in their order.
    Raises `UsageError` for no offsets, an offset twice or in the future, or a dilation below one.
    Source: Waibel et al. 1989; dilation: Peddinti, Povey & Khudanpur 2015.

    >>> cell = TDNN(5, 4, offsets=(-2, 0), dilation=3)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.past.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 6, 5]))
    """

    def __init__(self, features: int, units: int, *, offsets: tuple[int, ...] = (-2, -1, 0), dilation: int = 1) -> None:
        super().__init__()
        if not offsets or len(set(offsets)) < len(offsets) or max(offsets) > 0:
            raise UsageError(
                f"offsets {tuple(offsets)} were given: give one or more, each once, none above 0, such as (-2, -1, 0)"
            )
        if dilation < 1:
            raise UsageError(f"a dilation of {dilation} was given: give 1 or more")
        self.features, self.units = features, units
        self.delay = -min(offsets) * dilation
        self.places = [self.delay + dilation * offset for offset in offsets]
        self.input_weights = glorot(1, units, len(offsets) * features)
        self.bias = zeros(units)

    def initial(self, rows: int) -> TDNNState:
        """Return zeros for `rows` rows, as though silence had gone before."""
        return TDNNState(self.bias.new_zeros(rows, self.delay, self.features))

    def step(self, x: Tensor, state: TDNNState) -> tuple[Tensor, TDNNState]:
        """Read one input `[B, D]`."""
        seen = torch.cat([state.past, x.unsqueeze(1)], dim=1)
        y = linear(seen[:, self.places].flatten(1), self.input_weights, self.bias).tanh()
        return y, TDNNState(seen[:, 1:])
