"""A number around one of several means."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.bounds import MOST_UNITS, check_whole
from statewise.heads.gaussian import gaussian_nats
from statewise.heads.head import check_temperature
from statewise.heads.real import Real, normal_cdf, normal_draws, positive


class MixtureParams(NamedTuple):
    """Log-weights, means and standard deviations of the components, each `[..., K]`."""

    log_weights: Tensor
    means: Tensor
    scales: Tensor


@final
class GaussianMixture(Real[MixtureParams]):
    """A mixture of `components` normal distributions.

        q, m, r = W s + b        w = softmax(q)        sigma = softplus(r) + 0.001
        p(y) = sum_k w_k N(y; m_k, sigma_k)

    Source: Bishop 1994. Shapes: features `[..., H]`, params `[..., K]`, targets `[...]`.

    >>> head = GaussianMixture(features=4, components=3)
    >>> head(torch.zeros(7, 2, 4)).means.shape
    torch.Size([7, 2, 3])
    """

    def __init__(self, features: int, components: int = 3) -> None:
        super().__init__()
        check_whole("the number of components", components, 1, MOST_UNITS)
        self.features, self.components = features, components
        self.linear = nn.Linear(features, 3 * components)
        with torch.no_grad():  # apart from each other, so that each can learn something of its own
            self.linear.bias[components : 2 * components] = torch.linspace(-1, 1, components)

    def forward(self, features: Tensor) -> MixtureParams:
        """Return log-weights, means and standard deviations `[..., K]`."""
        weights, means, scales = self.linear(features).unflatten(-1, (3, self.components)).unbind(dim=-2)
        return MixtureParams(weights.log_softmax(dim=-1), means, positive(scales))

    def nats(self, params: MixtureParams, targets: Tensor) -> Tensor:
        """Return minus the log-density of each target."""
        each = gaussian_nats(params.means, params.scales, targets.unsqueeze(-1))
        return -torch.logsumexp(params.log_weights - each, dim=-1)

    def cdf(self, params: MixtureParams, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater."""
        below: Tensor = normal_cdf((values.unsqueeze(-1) - params.means) / params.scales)
        return (params.log_weights.exp() * below).sum(dim=-1)

    def sample(
        self, params: MixtureParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a number at each place; the temperature bends the weights and multiplies the standard deviations."""
        check_temperature(temperature)
        heights = params.log_weights - params.scales.log()  # of the peaks: the highest is the likeliest number
        uniform = torch.empty_like(params.means).uniform_(generator=generator).clamp(min=1e-20)
        weights = heights if temperature == 0 else params.log_weights / temperature - (-uniform.log()).log()
        chosen = weights.argmax(dim=-1, keepdim=True)
        mean, scale = (part.gather(-1, chosen).squeeze(-1) for part in (params.means, params.scales))
        return mean + temperature * scale * normal_draws(mean, generator)
