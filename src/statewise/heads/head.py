"""What a head is: it turns features into the parameters of a distribution, scores targets and draws samples."""

from abc import ABC, abstractmethod
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

Params = TypeVar("Params")


class Loss(NamedTuple):
    """A sum of losses in nats and how many places it is over, so that losses of unequal parts add up rightly."""

    nats: Tensor
    places: Tensor

    @property
    def mean(self) -> Tensor:
        """Nats per place.

        >>> Loss(torch.tensor(6.0), torch.tensor(3)).mean
        tensor(2.)
        """
        return self.nats / self.places.clamp(min=1)


class Head(nn.Module, ABC, Generic[Params]):
    """A distribution over targets whose parameters come from features `[..., H]`; `features` is their width."""

    features: int

    @abstractmethod
    def forward(self, features: Tensor) -> Params:
        """Return the parameters of the distribution at each place."""

    @abstractmethod
    def loss(self, params: Params, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return minus the log-likelihood of the targets in nats, over the places where `mask` is true."""

    @abstractmethod
    def sample(self, params: Params, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one target at each place; temperature 0 gives the likeliest."""
