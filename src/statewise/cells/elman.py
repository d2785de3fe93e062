"""The simple recurrent network: its state is its own last output."""

from typing import Literal, NamedTuple, final

from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError
from statewise.registry import unknown


class ElmanState(NamedTuple):
    """The state of an Elman network: its last output, `[B, H]`."""

    hidden: Tensor


@final
class Elman(Cell[ElmanState]):
    r"""Elman's simple recurrent network.

        s' = phi(W_x x + W_s s + b)        y = s'

    Every step back multiplies the gradient by `W_s` and by the slope of `phi`, so it vanishes or explodes
    geometrically; how far back that lets it learn is measured in `docs/tutorials/classics.md`. `activation` is `tanh`
    or `relu`; Elman's own was the logistic function.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `s` `[B, H]`. Raises `UsageError` for another activation. Source: Elman 1990.

    >>> import torch
    >>> cell = Elman(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    def __init__(
        self,
        features: int,
        units: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        input_initializer: str = "glorot",
        recurrent_initializer: str = "orthogonal",
    ) -> None:
        super().__init__()
        if activation not in ("tanh", "relu"):
            raise UsageError(unknown("activation", activation, ["tanh", "relu"]))
        self.features, self.units, self.activation = features, units, activation
        self.recurrence = f"elman_{activation}"
        self.input_weights = initialize(input_initializer, 1, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 1, units, units)
        self.bias = zeros(units)

    def initial(self, rows: int) -> ElmanState:
        """Return zeros for `rows` rows."""
        return ElmanState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        """Read one input `[B, D]`."""
        s = linear(x, self.input_weights, self.bias) + linear(state.hidden, self.recurrent_weights)
        s = s.tanh() if self.activation == "tanh" else s.relu()
        return s, ElmanState(s)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_s and b."""
        return self.input_weights, self.recurrent_weights, self.bias
