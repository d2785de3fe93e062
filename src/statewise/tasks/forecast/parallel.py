"""The heads of several networks as one: each learns for itself, and they forecast as a mixture."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from statewise.heads import Real

ManyParams = tuple[Any, ...]


@final
class Mixture(Real[ManyParams]):
    """Heads of which each looks at features of its own: in training each learns for itself, afterwards they are mixed.

        p(y) = 1/K sum_k p_k(y)

    In training the loss is the mean of theirs, so that none leaves anything to the others; so it is at all times where
    the loss of one is no likelihood (`Quantiles`). Source: Lakshminarayanan, Pritzel & Blundell 2017. Shapes: features
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
        self.is_likelihood = all(head.is_likelihood for head in self)

    def __iter__(self) -> Iterator[Real[Any]]:
        return iter(cast(Iterable[Real[Any]], self.heads))

    def forward(self, features: Tensor) -> ManyParams:
        """Return the parameters of each head."""
        return tuple(head(part) for head, part in zip(self, torch.split(features, self.widths, dim=-1), strict=True))

    def nats(self, params: ManyParams, targets: Tensor) -> Tensor:
        """Return the mean loss of the heads in training, minus the log-density of the mixture afterwards."""
        each = torch.stack([head.nats(own, targets) for head, own in zip(self, params, strict=True)])
        if self.training or not self.is_likelihood:
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
