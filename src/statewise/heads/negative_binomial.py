"""A count: how many, where rare and frequent things are counted alike."""

from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.heads.head import Over, check_temperature
from statewise.heads.real import Real, gamma_draws, positive


class NegativeBinomialParams(NamedTuple):
    """Mean and dispersion `a`, both `[...]`; the variance is `mean + a mean^2`."""

    mean: Tensor
    dispersion: Tensor


@final
class NegativeBinomial(Real[NegativeBinomialParams]):
    """A negative binomial distribution over counts 0, 1, 2 ...

        m, a = softplus(W s + b) + 0.001        mean = m        variance = m + a m^2

    With `exposure`, the last of the features is the logarithm of a size that the series has: the mean is
    `m` times it, the dispersion `a` over its root, so series of all sizes share one head. Shapes: features `[..., H]`,
    params and targets `[...]`. Source: Salinas, Flunkert, Gasthaus & Januschowski 2020.

    >>> head = NegativeBinomial(features=4)
    >>> bool((head.sample(head(torch.zeros(7, 2, 4))) >= 0).all())
    True
    """

    over: ClassVar[Over] = "count"

    def __init__(self, features: int, *, exposure: bool = False) -> None:
        super().__init__()
        self.features, self.exposure = features, exposure
        self.linear = nn.Linear(features - exposure, 2)

    def forward(self, features: Tensor) -> NegativeBinomialParams:
        """Return means and dispersions `[...]`."""
        size = features[..., -1].clamp(-20, 20).exp() if self.exposure else None
        mean, dispersion = positive(self.linear(features[..., :-1] if self.exposure else features)).unbind(dim=-1)
        return NegativeBinomialParams(mean, dispersion) if size is None else self._sized(mean, dispersion, size)

    def _sized(self, mean: Tensor, dispersion: Tensor, size: Tensor) -> NegativeBinomialParams:
        return NegativeBinomialParams(mean * size, dispersion / size.sqrt())

    def nats(self, params: NegativeBinomialParams, targets: Tensor) -> Tensor:
        """Return minus the log-probability of each count; what is not a count is read between its neighbours."""
        shape, spread = 1 / params.dispersion, params.dispersion * params.mean
        counts = targets.clamp(min=0)
        chosen = torch.lgamma(counts + shape) - torch.lgamma(shape) - torch.lgamma(counts + 1)
        return shape * torch.log1p(spread) - counts * (spread.log() - torch.log1p(spread)) - chosen

    def cdf(self, params: NegativeBinomialParams, values: Tensor) -> Tensor:
        """Return the probability of a count that is no greater."""
        counts = torch.arange(int(values.max().clamp(min=0)) + 1, dtype=torch.double, device=values.device)
        wide = NegativeBinomialParams(*(part.double().unsqueeze(-1) for part in params))
        reached = counts <= values.unsqueeze(-1)
        return ((-self.nats(wide, counts)).exp() * reached).sum(dim=-1).clamp(0, 1).to(values.dtype)

    def quantile(self, params: NegativeBinomialParams, levels: Tensor) -> Tensor:
        """Return the least count up to which a share `levels` `[...]` lies."""
        return super().quantile(params, levels).floor()

    def sample(
        self, params: NegativeBinomialParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a count at each place; the temperature multiplies the dispersion, and 0 gives the likeliest count."""
        check_temperature(temperature)
        if temperature == 0:
            return ((1 - params.dispersion) * params.mean).clamp(min=0).floor()
        shape = 1 / (params.dispersion * temperature)
        return torch.poisson(gamma_draws(shape, generator) * params.mean / shape, generator=generator)
