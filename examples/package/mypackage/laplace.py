"""A number around a median."""

import torch
from torch import Tensor, nn

from statewise.heads import Real
from statewise.heads.head import check_temperature
from statewise.heads.real import positive


class Laplace(Real[Tensor]):
    """A number around a median.

    m, r = W s + b        b = softplus(r) + 0.001        loss = |y - m| / b + log 2b
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(features, 2)

    def forward(self, features: Tensor) -> Tensor:
        middle, width = self.linear(features).unbind(dim=-1)
        return torch.stack([middle, positive(width)], dim=-1)

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        return (targets - params[..., 0]).abs() / params[..., 1] + (2 * params[..., 1]).log()

    def cdf(self, params: Tensor, values: Tensor) -> Tensor:
        beyond = (values - params[..., 0]) / params[..., 1]
        half = (-beyond.abs()).exp() / 2
        return torch.where(beyond < 0, half, 1 - half)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        check_temperature(temperature)
        share = torch.empty_like(params[..., 0]).uniform_(-1, 1, generator=generator)
        return params[..., 0] - temperature * params[..., 1] * share.sign() * (1 - share.abs()).clamp(min=1e-6).log()
