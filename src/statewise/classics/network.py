"""The networks of the experiments: one recurrent layer between what is read and a linear readout."""

from enum import Enum
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise import registry
from statewise.cells import Recurrent


class Meaning(Enum):
    """What outputs mean, and so how they are held against targets.

    `CHOICE`: odds of one of them. `BITS`: each the odds of a one. `NUMBERS`: numbers as they stand.
    """

    CHOICE = "choice"
    BITS = "bits"
    NUMBERS = "numbers"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss: of cross entropies in nats, or of squared errors."""
        if self is Meaning.CHOICE:
            return functional.cross_entropy(outputs, targets)
        if self is Meaning.BITS:
            return functional.binary_cross_entropy_with_logits(outputs, targets)
        return functional.mse_loss(outputs, targets)

    def values(self, outputs: Tensor) -> Tensor:
        """Return what is held against targets: probabilities, or the numbers."""
        if self is Meaning.CHOICE:
            return outputs.softmax(dim=-1)
        return outputs.sigmoid() if self is Meaning.BITS else outputs

    def usual(self, targets: Tensor, outputs: int) -> Tensor:
        """Return the outputs `[O]` that say of targets `[N, ...]` how they usually are: their frequencies, or mean.

        >>> Meaning.CHOICE.usual(torch.tensor([1, 1, 1, 0]), 2).softmax(dim=0)
        tensor([0.3000, 0.7000])
        """
        if self is Meaning.CHOICE:
            return (torch.bincount(targets, minlength=outputs) + 0.5).log()
        mean = targets.mean(dim=0)
        return mean.logit(0.01) if self is Meaning.BITS else mean

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return how far each output `[N, O]` is from where it should be, as an absolute difference.

        >>> Meaning.CHOICE.errors(torch.zeros(1, 2), torch.tensor([1]))
        tensor([[0.5000, 0.5000]])
        """
        if self is Meaning.CHOICE:
            targets = functional.one_hot(targets, outputs.shape[-1])
        return (self.values(outputs) - targets).abs()


class Network(nn.Module):
    """A recurrence of any registered cell between inputs and a linear readout.

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
        features: int = 0,
        symbols: int | None = None,
        spread: float = 0.2,
        radius: float | None = None,
        longest: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.encoder: nn.Module = nn.Identity() if symbols is None else nn.Embedding(symbols, units)
        if symbols is not None:
            nn.init.normal_(cast(Tensor, self.encoder.weight), std=spread)
        make = cast(Any, registry.find("cells", cell))
        self.cell: Recurrent[Any] = make(features if symbols is None else units, units, **options)
        self.readout = nn.Linear(units, outputs)
        if longest is not None:
            begin_slow(cast(Tensor, self.cell.bias), longest)
        if radius is not None:
            scale_radius(cast(Tensor, self.cell.recurrent_weights), radius)

    def states(self, inputs: Tensor) -> Tensor:
        """Return what the cell puts out at each step, `[T, B, H]`, from its first state."""
        xs = self.encoder(inputs)
        ys, _ = self.cell.scan(xs, self.cell.initial(xs.shape[1]))
        return ys

    def forward(self, inputs: Tensor, places: Tensor) -> Tensor:
        """Return the outputs `[N, O]` at the places `[T, B]` that are true, step by step."""
        return cast(Tensor, self.readout(self.states(inputs)[places]))


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
    """Draw recurrent weights `[H, H]` anew, normal, with this spectral radius.

    >>> weights = torch.zeros(4, 4)
    >>> scale_radius(weights, 0.9)
    >>> round(float(torch.linalg.eigvals(weights).abs().max()), 4)
    0.9
    """
    weights.normal_()
    weights *= radius / torch.linalg.eigvals(weights).abs().max()
