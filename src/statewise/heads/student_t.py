"""A number around a centre, with heavy tails."""

import math
from functools import cache
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor, nn

from statewise.heads.head import check_temperature
from statewise.heads.real import Real, gamma_draws, normal_draws, positive

POINTS = 128
LEAST = 37.0
"What is integrated is left out where it is below exp(-37) of its peak."


class StudentTParams(NamedTuple):
    """Degrees of freedom, centre and scale, each `[...]`."""

    freedom: Tensor
    centre: Tensor
    scale: Tensor


@final
class StudentT(Real[StudentTParams]):
    """Student's t distribution, with more than two degrees of freedom, so that it has a variance.

        n, m, r = W s + b        nu = 2 + softplus(n)        sigma = softplus(r) + 0.001        y = m + sigma t_nu

    Shapes: features `[..., H]`, freedom, centre and scale `[...]`, targets `[...]`.

    >>> head = StudentT(features=4)
    >>> head.sample(head(torch.zeros(7, 2, 4)), temperature=0).shape
    torch.Size([7, 2])
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(features, 3)

    def forward(self, features: Tensor) -> StudentTParams:
        """Return degrees of freedom, centres and scales `[...]`."""
        freedom, centre, scale = self.linear(features).unbind(dim=-1)
        return StudentTParams(2 + positive(freedom), centre, positive(scale))

    def nats(self, params: StudentTParams, targets: Tensor) -> Tensor:
        """Return minus the log-density of each target."""
        nu, z = params.freedom, (targets - params.centre) / params.scale
        constant = torch.lgamma(nu / 2) - torch.lgamma((nu + 1) / 2) + 0.5 * (nu * math.pi).log()
        return constant + params.scale.log() + (nu + 1) / 2 * torch.log1p(z.square() / nu)

    def cdf(self, params: StudentTParams, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater.

        It is 1/2 + c times the integral of cos(u)^(nu - 1) from 0 to atan(z / sqrt(nu)), by Gauss and Legendre.
        """
        nu, z = params.freedom.double(), ((values - params.centre) / params.scale).double()
        points, weights = (array.to(z.device) for array in _legendre())
        farthest = torch.acos((-LEAST / (nu - 1)).exp())
        end = torch.atan(z / nu.sqrt()).clamp(-farthest, farthest)
        inner = torch.cos(end.unsqueeze(-1) * (points + 1) / 2).log() * (nu - 1).unsqueeze(-1)
        area = (inner.exp() * weights).sum(dim=-1) * end / 2
        constant = (torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2)).exp() / math.sqrt(math.pi)
        return (0.5 + constant * area).clamp(0, 1).to(values.dtype)

    def sample(
        self, params: StudentTParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a number at each place; the temperature multiplies the scale."""
        check_temperature(temperature)
        normal = normal_draws(params.centre, generator)
        spread = (2 * gamma_draws(params.freedom / 2, generator) / params.freedom).sqrt()
        return params.centre + temperature * params.scale * normal / spread.clamp(min=1e-6)


@cache
def _legendre() -> tuple[Tensor, Tensor]:
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    return torch.from_numpy(points), torch.from_numpy(weights)
