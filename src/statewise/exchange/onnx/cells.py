"""Cells as general as ONNX has them: any activation, clipping, peepholes, coupled gates, either kind of GRU.

`statewise.exchange.onnx` makes them where a node asks for what `Elman`, `LSTM` and `GRU` do not compute. Gates lie in
ONNX's order, and both of ONNX's biases are kept.
"""

from typing import ClassVar, TypeVar, final

from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.elman import ElmanState
from statewise.cells.gru import GRUState
from statewise.cells.initializers import glorot, orthogonal, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError
from statewise.exchange.onnx.activations import Activation, read_activations

State = TypeVar("State")


class OnnxCell(Cell[State]):
    """What the three have in common: weights in ONNX's layout, activations, and the bound on what these are given."""

    gates: ClassVar[int]
    defaults: ClassVar[tuple[str, ...]]

    def __init__(
        self, features: int, units: int, *, activations: tuple[Activation, ...] = (), clip: float | None = None
    ) -> None:
        super().__init__()
        self.features, self.units, self.clip = features, units, clip
        self.activations = activations or read_activations(self.defaults)
        if len(self.activations) != len(self.defaults):
            raise UsageError(
                f"{type(self).__name__} was given {len(self.activations)} activations: give {len(self.defaults)}"
            )
        self.input_weights = glorot(self.gates, units, features)
        self.recurrent_weights = orthogonal(self.gates, units)
        self.input_bias = zeros(self.gates * units)
        self.recurrent_bias = zeros(self.gates * units)

    def from_input(self, x: Tensor) -> Tensor:
        """Return W x and its bias, for every gate."""
        return linear(x, self.input_weights, self.input_bias)

    def from_state(self, hidden: Tensor) -> Tensor:
        """Return R h and its bias, for every gate."""
        return linear(hidden, self.recurrent_weights, self.recurrent_bias)

    def activate(self, which: int, x: Tensor) -> Tensor:
        """Return one of the activations of what it is given, bounded to `clip`."""
        return self.activations[which](x if self.clip is None else x.clamp(-self.clip, self.clip))


@final
class OnnxRNN(OnnxCell[ElmanState]):
    r"""ONNX's RNN: an Elman network of any activation.

        h' = f(W x + R h + Wb + Rb)        y = h'

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Raises `UsageError` for a wrong number of activations. Source: ONNX, RNN-22.

    >>> import torch
    >>> cell = OnnxRNN(5, 4, activations=read_activations(["Softsign"]))
    >>> cell.step(torch.zeros(3, 5), cell.initial(3))[0].shape
    torch.Size([3, 4])
    """

    gates, defaults = 1, ("Tanh",)

    def initial(self, rows: int) -> ElmanState:
        """Return zeros for `rows` rows."""
        return ElmanState(self.input_bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        """Read one input `[B, D]`."""
        h = self.activate(0, self.from_input(x) + self.from_state(state.hidden))
        return h, ElmanState(h)


@final
class OnnxLSTM(OnnxCell[LSTMState]):
    r"""ONNX's LSTM: with peepholes, and where `input_forget` is true with f = 1 - i.

        i, f = f(W x + R h + P * c + Wb + Rb)        g = g(W x + R h + Wb + Rb)
        c' = f * c + i * g        o = f(W x + R h + P_o * c' + Wb + Rb)        h' = o * h(c')        y = h'

    Gates lie in the order i, o, f, g and peepholes in the order i, o, f. `clip` bounds what every activation is given,
    and so what h(c') is given, but not the c' that is carried on.

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`. Raises `UsageError` for a wrong number of activations.
    Source: ONNX, LSTM-22; peepholes: Gers & Schmidhuber 2000.

    >>> import torch
    >>> cell = OnnxLSTM(5, 4, input_forget=True, clip=3.0)
    >>> cell.step(torch.zeros(3, 5), cell.initial(3))[1].cell.shape
    torch.Size([3, 4])
    """

    gates, defaults = 4, ("Sigmoid", "Tanh", "Tanh")

    def __init__(
        self,
        features: int,
        units: int,
        *,
        activations: tuple[Activation, ...] = (),
        clip: float | None = None,
        input_forget: bool = False,
    ) -> None:
        super().__init__(features, units, activations=activations, clip=clip)
        self.input_forget = input_forget
        self.peepholes = zeros(3 * units)

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.input_bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`."""
        h, c = state
        i, o, f, g = (self.from_input(x) + self.from_state(h)).chunk(4, dim=-1)
        p_i, p_o, p_f = self.peepholes.chunk(3)
        i = self.activate(0, i + p_i * c)
        f = 1 - i if self.input_forget else self.activate(0, f + p_f * c)
        c = f * c + i * self.activate(1, g)
        h = self.activate(0, o + p_o * c) * self.activate(2, c)
        return h, LSTMState(h, c)


@final
class OnnxGRU(OnnxCell[GRUState]):
    r"""ONNX's GRU, whose reset gate acts before the recurrent product, or after it where `linear_before_reset` is true.

        z, r = f(W x + R h + Wb + Rb)
        n = g(W_n x + Wb_n + R_n (r * h) + Rb_n)        or        n = g(W_n x + Wb_n + r * (R_n h + Rb_n))
        h' = (1 - z) * n + z * h        y = h'

    Gates lie in the order z, r, n.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Raises `UsageError` for a wrong number of activations.
    Source: ONNX, GRU-22; Cho et al. 2014.

    >>> import torch
    >>> cell = OnnxGRU(5, 4)
    >>> cell.step(torch.zeros(3, 5), cell.initial(3))[0].shape
    torch.Size([3, 4])
    """

    gates, defaults = 3, ("Sigmoid", "Tanh")

    def __init__(
        self,
        features: int,
        units: int,
        *,
        activations: tuple[Activation, ...] = (),
        clip: float | None = None,
        linear_before_reset: bool = False,
    ) -> None:
        super().__init__(features, units, activations=activations, clip=clip)
        self.linear_before_reset = linear_before_reset

    def initial(self, rows: int) -> GRUState:
        """Return zeros for `rows` rows."""
        return GRUState(self.input_bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Read one input `[B, D]`."""
        (h,) = state
        x_z, x_r, x_n = self.from_input(x).chunk(3, dim=-1)
        h_z, h_r, h_n = self.from_state(h).chunk(3, dim=-1)
        z, r = self.activate(0, x_z + h_z), self.activate(0, x_r + h_r)
        if self.linear_before_reset:
            reset = r * h_n
        else:
            last = slice(2 * self.units, None)
            reset = linear(r * h, self.recurrent_weights[last], self.recurrent_bias[last])
        h = (1 - z) * self.activate(1, x_n + reset) + z * h
        return h, GRUState(h)
