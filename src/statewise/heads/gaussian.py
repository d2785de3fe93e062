"""A number around a mean."""

import math
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.heads.head import check_temperature
from statewise.heads.real import Real, normal_cdf, normal_draws, positive


class GaussianParams(NamedTuple):
    """Mean and standard deviation, both `[...]`."""

    mean: Tensor
    scale: Tensor


@final
class Gaussian(Real[GaussianParams]):
    """A normal distribution.

        m, r = W s + b        sigma = softplus(r) + 0.001
        loss = log sigma + ((y - m) / sigma)^2 / 2 + log(2 pi) / 2

    Shapes: features `[..., H]`, mean and scale `[...]`, targets `[...]`.

    >>> head = Gaussian(features=4)
    >>> head.loss(head(torch.zeros(7, 2, 4)), torch.zeros(7, 2)).places
    tensor(14)
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(features, 2)

    def forward(self, features: Tensor) -> GaussianParams:
        """Return means and standard deviations `[...]`."""
        mean, scale = self.linear(features).unbind(dim=-1)
        return GaussianParams(mean, positive(scale))

    def nats(self, params: GaussianParams, targets: Tensor) -> Tensor:
        """Return minus the log-density of each target."""
        return gaussian_nats(params.mean, params.scale, targets)

    def cdf(self, params: GaussianParams, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater."""
        return torch.as_tensor(normal_cdf((values - params.mean) / params.scale))

    def sample(
        self, params: GaussianParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a number at each place; the temperature multiplies the standard deviation."""
        check_temperature(temperature)
        return params.mean + temperature * params.scale * normal_draws(params.mean, generator)


def gaussian_nats(mean: Tensor, scale: Tensor, targets: Tensor) -> Tensor:
    """Return minus the log-density of a normal distribution."""
    return scale.log() + 0.5 * ((targets - mean) / scale).square() + 0.5 * math.log(2 * math.pi)
