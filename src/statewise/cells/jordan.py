"""The simple recurrent network that remembers what it said, not what it thought."""

from typing import NamedTuple, final

from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Cell


class JordanState(NamedTuple):
    """What a Jordan network must be told about the past: its last output, `[B, H]`."""

    output: Tensor


@final
class Jordan(Cell[JordanState]):
    r"""Jordan's simple recurrent network: its output is fed back to its hidden layer.

        s = tanh(W_x x + W_s y + b)        y' = tanh(W_y s + c)

    Whatever is not said is forgotten, so an output that must be right leaves little room to remember; where the right
    output is known in training it may be put in the state's place. The hidden layer has `hidden_units`, as many as
    `units` unless given.

    Shapes: `x` `[B, D]`, `s` `[B, hidden_units]`, `y` `[B, H]`. Source: Jordan 1986.

    >>> import torch
    >>> cell = Jordan(5, 4, hidden_units=6)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.output.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    def __init__(self, features: int, units: int, *, hidden_units: int | None = None) -> None:
        super().__init__()
        self.features, self.units = features, units
        hidden = units if hidden_units is None else hidden_units
        self.input_weights = glorot(1, hidden, features)
        self.feedback_weights = glorot(1, hidden, units)
        self.bias = zeros(hidden)
        self.output_weights = glorot(1, units, hidden)
        self.output_bias = zeros(units)

    def initial(self, rows: int) -> JordanState:
        """Return zeros for `rows` rows."""
        return JordanState(self.output_bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: JordanState) -> tuple[Tensor, JordanState]:
        """Read one input `[B, D]`."""
        s = (linear(x, self.input_weights, self.bias) + linear(state.output, self.feedback_weights)).tanh()
        y = linear(s, self.output_weights, self.output_bias).tanh()
        return y, JordanState(y)
