"""The networks of the experiments: one recurrent layer between what is read and a linear readout."""

import copy
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from statewise import registry
from statewise.cells import Recurrent
from statewise.model import Model
from statewise_lab.classics.readout import Meaning, Readout


class Network:
    """A recurrence of any registered cell between inputs and a linear readout, as a `model` to train and to ask.

    Symbols, where `symbols` says how many there are, go in through a table of one row for each, as wide as the cell:
    a one-hot input times a matrix, without the zeros. Its rows begin normal, with a deviation of `spread`: small, so
    that symbols that say nothing do not drown those that do. With `longest` the gates of an LSTM begin slow
    (`begin_slow`), with `radius` a matrix from state to state is drawn with this spectral radius.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        outputs: int,
        *,
        meaning: Meaning = Meaning.CHOICE,
        features: int = 0,
        symbols: int | None = None,
        spread: float = 0.2,
        radius: float | None = None,
        longest: int | None = None,
        **options: Any,
    ) -> None:
        encoder = nn.Identity() if symbols is None else nn.Embedding(symbols, units)
        if symbols is not None:
            nn.init.normal_(cast(Tensor, encoder.weight), std=spread)
        make = cast(Any, registry.find("cells", cell))
        core: Recurrent[Any] = make(features if symbols is None else units, units, **options)
        self.model = Model(encoder, core, Readout(units, outputs, meaning))
        if longest is not None:
            begin_slow(cast(Tensor, core.bias), longest)
        if radius is not None:
            scale_radius(cast(Tensor, core.recurrent_weights), radius)

    def of(self, model: Model[Any]) -> Self:
        """Return a network of other weights, such as the mean of those that training went through."""
        other = copy.copy(self)
        other.model = model
        return other

    def states(self, inputs: Tensor) -> Tensor:
        """Return what the cell puts out at each step, `[T, B, H]`, from its first state."""
        xs = self.model.encoder(inputs)
        ys, _ = self.model.core.scan(xs, self.model.core.initial(xs.shape[1]))
        return ys

    def __call__(self, inputs: Tensor, places: Tensor) -> Tensor:
        """Return the outputs `[N, O]` at the places `[T, B]` that are true, step by step."""
        outputs: Tensor = self.model.head(self.states(inputs)[places])
        return outputs


@torch.no_grad()
def begin_slow(bias: Tensor, longest: int) -> None:
    """Let the gates i and f of an LSTM, whose bias is `[4 H]`, begin so that units remember from 1 to `longest` steps.

        b_f = log u        b_i = -b_f        u uniform from 1 to `longest`, for each unit

    Source: Tallec & Ollivier 2018, section 2.

    >>> bias = torch.zeros(4 * 2)
    >>> begin_slow(bias, 100)
    >>> bool((bias[:2] == -bias[2:4]).all()), float(bias[4:].abs().max())
    (True, 0.0)
    """
    units = len(bias) // 4
    kept = torch.empty(units).uniform_(1, longest).log()
    bias[:units], bias[units : 2 * units] = -kept, kept


@torch.no_grad()
def scale_radius(weights: Tensor, radius: float) -> None:
    """Draw new recurrent weights `[H, H]`, normal, with this spectral radius.

    >>> weights = torch.zeros(4, 4)
    >>> scale_radius(weights, 0.9)
    >>> round(float(torch.linalg.eigvals(weights).abs().max()), 4)
    0.9
    """
    weights.normal_()
    weights *= radius / torch.linalg.eigvals(weights).abs().max()
