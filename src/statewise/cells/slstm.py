"""An LSTM with an exponential input gate, which can overrule at any time what it decided before."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from statewise.cells.diagonal import LOG_ZERO
from statewise.cells.initializers import glorot, orthogonal, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class SLSTMState(NamedTuple):
    """The state of an sLSTM, each `[B, H]`.

    `cell` and `normalizer` are to be read as multiplied by the exponential of `stabilizer`.
    """

    hidden: Tensor
    cell: Tensor
    normalizer: Tensor
    stabilizer: Tensor


@final
class SLSTM(Cell[SLSTMState]):
    r"""Scalar LSTM of xLSTM: a weighted mean of all it has read, with weights that have no bound.

        i = exp(W_x x + R h + b)        f, o = sigmoid(W_x x + R h + b)        z = tanh(W_x x + R h + b)
        c' = f * c + i * z              n' = f * n + i                         h' = o * c' / n'        y = h'

    To keep `i` from overflowing, `c` and `n` are kept divided by `exp(m)`, with `m' = max(log f + m, log i)`; it
    cancels in `c' / n'`. `R` joins units of one head only. Gates lie in the order i, f, z, o.

    Shapes: `x` `[B, D]`, state `[B, H]`, `R` `[heads, 4, H / heads, H / heads]`. Raises `UsageError` for units that the
    heads do not divide. Source: Beck et al. 2024.

    >>> cell = SLSTM(5, 4, heads=2)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.stabilizer.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    gate_names = ("forget", "output")

    def __init__(self, features: int, units: int, *, heads: int = 1, forget_bias: float = 3.0) -> None:
        super().__init__()
        width = head_width(units, heads)
        self.features, self.units, self.heads = features, units, heads
        self.input_weights = glorot(4, units, features)
        blocks = [orthogonal(4, width).detach().reshape(4, width, width) for _ in range(heads)]
        self.recurrent_weights = nn.Parameter(torch.stack(blocks))
        self.bias = zeros(4 * units)
        with torch.no_grad():
            self.bias[units : 2 * units] = forget_bias

    def initial(self, rows: int) -> SLSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return SLSTMState(zeros, zeros, zeros, zeros)

    def step(self, x: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        """Read one input `[B, D]`."""
        h, c, n, m = state
        by_head = h.reshape(h.shape[0], self.heads, self.units // self.heads)
        from_state = torch.einsum("bnk,ngvk->bgnv", by_head, self.recurrent_weights).flatten(1)
        log_i, f, z, o = (linear(x, self.input_weights, self.bias) + from_state).chunk(4, dim=-1)
        kept = torch.where(n == 0, LOG_ZERO, logsigmoid(f) + m)  # before the first input m stands for nothing
        m = torch.maximum(kept, log_i)
        keep, take = (kept - m).exp(), (log_i - m).exp()
        c, n = keep * c + take * z.tanh(), keep * n + take
        h = o.sigmoid() * c / n
        return h, SLSTMState(h, c, n, m)


def head_width(units: int, heads: int) -> int:
    """Return how many units a head has, or raise `UsageError` where they cannot be shared out evenly.

    >>> head_width(12, 3)
    4
    """
    if heads < 1 or units % heads:
        raise UsageError(f"{units} units were to be shared by {heads} heads: give a number of heads that divides them")
    return units // heads
