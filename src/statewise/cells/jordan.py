"""The simple recurrent network that reads its own outputs, not its hidden layer."""

from typing import NamedTuple, final

from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class JordanState(NamedTuple):
    """The state of a Jordan network: its state units, `[B, H]`, a fading sum of its outputs."""

    output: Tensor


@final
class Jordan(Cell[JordanState]):
    r"""Jordan's simple recurrent network: its outputs are fed back to its hidden layer.

        h = tanh(W_x x + W_s s + b)        y = tanh(W_y h + c)        s' = mu s + y

    `decay` is `mu`, by which the state units feed themselves: with 0, the default, the state is the last output alone,
    with more it holds older ones, too, and fades them. Whatever is not said is forgotten, so an output that must be
    right leaves little room to remember; where the right output is known in training it may be put in the place of the
    network's own. The hidden layer has `hidden_units`, as many as `units` unless given.

    Shapes: `x` `[B, D]`, `h` `[B, hidden_units]`, `y` and `s` `[B, H]`. Raises `UsageError` for a `decay` below 0 or
    from 1 on. Source: Jordan 1986, whose units are logistic.

    >>> import torch
    >>> cell = Jordan(5, 4, hidden_units=6)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.output.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    def __init__(self, features: int, units: int, *, hidden_units: int | None = None, decay: float = 0.0) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise UsageError(
                f"Jordan was given the decay {decay} where at least 0 and below 1 is wanted: give 0 for none"
            )
        self.decay = decay
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
        hidden = (linear(x, self.input_weights, self.bias) + linear(state.output, self.feedback_weights)).tanh()
        y = linear(hidden, self.output_weights, self.output_bias).tanh()
        return y, JordanState(self.decay * state.output + y if self.decay else y)
