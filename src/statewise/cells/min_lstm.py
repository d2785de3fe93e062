"""An LSTM whose gates do not look at the state, so that it trains on all steps at once."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid

from statewise.cells.diagonal import RECURRENCE, scan_positive
from statewise.cells.initializers import glorot, zeros
from statewise.cells.min_gru import log_positive, positive
from statewise.cells.recurrent import Recurrent, awake


class MinLSTMState(NamedTuple):
    """The state of a minimal LSTM: its last output, `[B, H]`."""

    hidden: Tensor


@final
class MinLSTM(Recurrent[MinLSTMState]):
    r"""Minimal LSTM: two gates that share what there is, and a candidate, that see the input alone.

        f, i = sigmoid(W_x x + b)        n = g(W_x x + b)
        h' = f / (f + i) * h + i / (f + i) * n        y = h'

    The shares sum to one, so the scale of `h` does not depend on how long it has read. `g` is as in `MinGRU`, and so
    is the way a sequence is read. Gates lie in the order f, i, n.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Source: Feng et al. 2024 ("Were RNNs all we needed?"), section 3.2 and appendix
    B.

    >>> cell = MinLSTM(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = RECURRENCE
    gate_names = ("", "", "forget", "input", "")

    def __init__(self, features: int, units: int, *, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = glorot(3, units, features)
        self.bias = zeros(3 * units)
        with torch.no_grad():
            self.bias[:units] = forget_bias

    def initial(self, rows: int) -> MinLSTMState:
        """Return zeros for `rows` rows."""
        return MinLSTMState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: MinLSTMState) -> tuple[Tensor, MinLSTMState]:
        """Read one input `[B, D]`."""
        f, i, n = linear(x, self.input_weights, self.bias).chunk(3, dim=-1)
        odds = logsigmoid(f) - logsigmoid(i)  # sigmoid(odds) is f / (f + i), and never nought by nought
        h = odds.sigmoid() * state.hidden + (-odds).sigmoid() * positive(n)
        return h, MinLSTMState(h)

    def scan(
        self, xs: Tensor, state: MinLSTMState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, MinLSTMState]:
        """Read a sequence `[T, B, D]`, all steps at once."""
        self.check(xs, state)
        f, i, n = linear(awake(xs, mask), self.input_weights, self.bias).chunk(3, dim=-1)
        odds = logsigmoid(f) - logsigmoid(i)
        hs, last = scan_positive(logsigmoid(odds), logsigmoid(-odds) + log_positive(n), state.hidden, reset, mask)
        return awake(hs, mask), MinLSTMState(last)
