"""What heads over one number have in common: a loss at each place, a distribution function, and places left out."""

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar, final

import torch
from torch import Tensor

from statewise.heads.head import Head, Loss, Over, check_targets

Params = TypeVar("Params")

LEAST_SCALE = 1e-3
"No spread is smaller, or a series that stands still would be predicted with a density without bound."
DOUBLINGS, HALVINGS = 100, 60
"How often an interval that holds a quantile is made twice as wide at most, and then half as wide."


class Real(Head[Params]):
    """A distribution over one number at each place: targets `[...]` of floats.

    By its name a task makes it as `Head(features)`, of counts as `Head(features, exposure=True)`.
    """

    over: ClassVar[Over] = "number"

    @abstractmethod
    def nats(self, params: Params, targets: Tensor) -> Tensor:
        """Return minus the log-density (or log-probability) of each target."""

    @abstractmethod
    def cdf(self, params: Params, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater, at each place."""

    def quantile(self, params: Params, levels: Tensor) -> Tensor:
        """Return the least number up to which a share `levels` `[...]` lies, found by halving an interval.

        >>> from statewise.heads import Gaussian
        >>> from statewise.heads.gaussian import GaussianParams
        >>> params = GaussianParams(torch.tensor(1.0), torch.tensor(2.0))
        >>> round(float(Gaussian(4).quantile(params, torch.tensor(0.975))), 2)
        4.92
        """
        centre = self.likely(params).to(levels)
        below, above = centre - 1, centre + 1
        for _ in range(DOUBLINGS):
            is_above, is_below = self.cdf(params, below) >= levels, self.cdf(params, above) < levels
            if not bool((is_above | is_below).any()):
                break
            below = torch.where(is_above, centre - 2 * (centre - below), below)
            above = torch.where(is_below, centre + 2 * (above - centre), above)
        for _ in range(HALVINGS):
            middle = (below + above) / 2
            reached = self.cdf(params, middle) >= levels
            below, above = torch.where(reached, below, middle), torch.where(reached, middle, above)
        return above

    @final
    def loss(self, params: Params, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the sum of `nats` over the places where `mask` is true; elsewhere a target may be NaN."""
        if mask is None:
            nats = self.nats(params, targets)
            check_targets(nats.shape, targets)
            return Loss(nats.sum(), torch.tensor(nats.numel()))
        check_targets(targets.shape, targets, mask)
        nats = self.nats(params, targets.masked_fill(~mask, 0.0))
        check_targets(nats.shape, targets)
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
