"""What heads over one number have in common: a loss at each place, a distribution function, and places left out."""

from abc import abstractmethod
from typing import Any, TypeVar, final

import torch
from torch import Tensor

from statewise.heads.head import Head, Loss

Params = TypeVar("Params")

LEAST_SCALE = 1e-3
"No spread is smaller, or a series that stands still would be predicted with a density without bound."


class Real(Head[Params]):
    """A distribution over one number at each place: targets `[...]` of floats."""

    @abstractmethod
    def nats(self, params: Params, targets: Tensor) -> Tensor:
        """Return minus the log-density (or log-probability) of each target."""

    @abstractmethod
    def cdf(self, params: Params, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater, at each place."""

    @final
    def loss(self, params: Params, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the sum of `nats` over the places where `mask` is true; elsewhere a target may be NaN."""
        if mask is None:
            nats = self.nats(params, targets)
            return Loss(nats.sum(), torch.tensor(nats.numel()))
        nats = self.nats(params, targets.masked_fill(~mask, 0.0))
        return Loss(nats.masked_fill(~mask, 0.0).sum(), mask.sum())


def positive(numbers: Tensor, least: float = LEAST_SCALE) -> Tensor:
    """Return numbers as what must be above 0: `softplus(x) + least`."""
    return torch.nn.functional.softplus(numbers) + least


def normal_draws(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw standard normal numbers in the form of another tensor."""
    return torch.empty_like(like).normal_(generator=generator)


def gamma_draws(shape: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw from gamma distributions of these shapes and rate 1."""
    if generator is None:
        return torch._standard_gamma(shape)
    with torch.random.fork_rng(devices=[]):  # what draws gamma numbers takes no generator
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return torch._standard_gamma(shape)


def normal_cdf(values: Any) -> Any:
    """Return the standard normal distribution function."""
    return torch.special.ndtr(values)
