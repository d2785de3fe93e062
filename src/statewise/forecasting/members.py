"""Several networks as one: they read the same, learn each for itself, and forecast as a mixture."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent
from statewise.heads import Quantiles, Real

States = tuple[Any, ...]
ManyParams = tuple[Any, ...]


@final
class SideBySide(Recurrent[States]):
    """Recurrences that read the same and write beside each other.

        y = (part_1(x), ..., part_K(x))

    Its state is the tuple of its parts' states.

    >>> from statewise.cells import GRU, LSTM
    >>> SideBySide([LSTM(5, 4), GRU(5, 6)]).units
    10
    """

    def __init__(self, parts: Iterable[Recurrent[Any]]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.features, self.units = next(iter(self)).features, sum(part.units for part in self)

    def __iter__(self) -> Iterator[Recurrent[Any]]:
        return iter(cast(Iterable[Recurrent[Any]], self.parts))

    def initial(self, rows: int) -> States:
        """Return each part's initial state."""
        return tuple(part.initial(rows) for part in self)

    def step(self, x: Tensor, state: States) -> tuple[Tensor, States]:
        """Read one input `[B, D]`."""
        ys, after = zip(*(part.step(x, before) for part, before in zip(self, state, strict=True)), strict=True)
        return torch.cat(ys, dim=-1), after

    def scan(
        self, xs: Tensor, state: States, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, States]:
        """Read a sequence `[T, B, D]`, a whole part at a time."""
        self.check(xs, state, reset, mask, kind=tuple)
        read = [part.scan(xs, before, reset=reset, mask=mask) for part, before in zip(self, state, strict=True)]
        ys, after = zip(*read, strict=True)
        return torch.cat(ys, dim=-1), after


@final
class Mixture(Real[ManyParams]):
    """Heads of which each looks at features of its own: in training each learns for itself, afterwards they are mixed.

        p(y) = 1/K sum_k p_k(y)

    In training the loss is the mean of theirs, so that none leaves anything to the others; so it is at all times where
    they are no densities (`Quantiles`). Source: Lakshminarayanan, Pritzel & Blundell 2017. Shapes: features
    `[..., H_1 + ... + H_K]`, targets `[...]`.

    >>> from statewise.heads import StudentT
    >>> head = Mixture([StudentT(4), StudentT(4)])
    >>> head.sample(head(torch.zeros(7, 2, 8))).shape
    torch.Size([7, 2])
    """

    def __init__(self, heads: Iterable[Real[Any]]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.widths = [head.features for head in self]
        self.features = sum(self.widths)
        self.is_density = not any(isinstance(head, Quantiles) for head in self)

    def __iter__(self) -> Iterator[Real[Any]]:
        return iter(cast(Iterable[Real[Any]], self.heads))

    def forward(self, features: Tensor) -> ManyParams:
        """Return the parameters of each head."""
        return tuple(head(part) for head, part in zip(self, torch.split(features, self.widths, dim=-1), strict=True))

    def nats(self, params: ManyParams, targets: Tensor) -> Tensor:
        """Return the mean loss of the heads in training, minus the log-density of the mixture afterwards."""
        each = torch.stack([head.nats(own, targets) for head, own in zip(self, params, strict=True)])
        if self.training or not self.is_density:
            return each.mean(dim=0)
        return math.log(len(each)) - torch.logsumexp(-each, dim=0)

    def cdf(self, params: ManyParams, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater."""
        return torch.stack([head.cdf(own, values) for head, own in zip(self, params, strict=True)]).mean(dim=0)

    def sample(
        self, params: ManyParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a number at each place, from a head that is drawn first; temperature 0 gives the mean of their own."""
        how: dict[str, Any] = {"temperature": temperature, "generator": generator}
        drawn = torch.stack([head.sample(own, **how) for head, own in zip(self, params, strict=True)])
        if temperature == 0:
            return drawn.mean(dim=0)
        which = torch.randint(len(drawn), drawn.shape[1:], generator=generator).unsqueeze(0)
        return drawn.gather(0, which.to(drawn.device)).squeeze(0)
