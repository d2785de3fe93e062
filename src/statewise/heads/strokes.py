"""Where a pen goes next, and whether it is lifted there or the drawing ends: a mixture over movements, and a pen."""

import math
from numbers import Real
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from statewise.bounds import MOST_UNITS, check_whole, shown
from statewise.errors import UsageError
from statewise.heads.head import Head, Loss, check_targets, check_temperature
from statewise.kernels.derivatives import check_limit, clip_derivative

Pen = Literal["three_states", "end_of_stroke"]

LARGEST_LOG = 7.0
"Deviations lie between exp(-7) and exp(7): a density has a bound, and no gradient overflows."
LARGEST_CORRELATION = 0.999
LARGEST_BIAS = 100.0
DRAWS, LIFTS, ENDS = 2, 3, 4
"Where the pen's states stand in a target of three states, after dx and dy."


class StrokeParams(NamedTuple):
    """Log-weights `[..., K]`, means and log-deviations `[..., K, 2]`, correlations `[..., K]`, log-odds of the pen.

    Those are `[..., 3]`: it draws on, is lifted, or the drawing ends; or `[..., 1]`: it is lifted.
    """

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor
    correlations: Tensor
    pen: Tensor


class StrokeNats(NamedTuple):
    """What a movement cost and what the pen did, in nats, each `[...]`."""

    position: Tensor
    pen: Tensor


@final
class Strokes(Head[StrokeParams]):
    """A mixture of `components` bivariate normal distributions over `dx, dy`, and a categorical or Bernoulli pen.

        q, m, s, r, e = W h + b        w = softmax(q)        log sigma = 7 tanh(s / 7)        rho = 0.999 tanh(r)
        p(dx, dy) = sum_k w_k N(dx, dy; m_k, sigma_k, rho_k)
        p(pen) = softmax(e)   or   p(lift) = sigmoid(e)

    A target is `dx, dy` and what the pen does there. With `three_states` that is one-hot, `[..., 5]`: it draws on, is
    lifted, or the drawing has ended (where it is then does not matter and is not scored). With `end_of_stroke` it is 1
    where the pen is lifted, `[..., 3]`. The mixture is summed as logarithms, and its deviations and correlations are
    bounded, so that no loss is without end. With a `derivative_limit` no number of what the weights give is pulled
    harder than that (`statewise.cells.clip_derivative`, Graves 2013).

    Source: Graves 2013 (the mixture, the bias), Ha & Eck 2017 (the pen, the temperature). Shapes: features `[..., H]`.

    >>> head = Strokes(features=4, components=3)
    >>> params = head(torch.zeros(7, 2, 4))
    >>> params.means.shape, head.sample(params, temperature=0.5).shape
    (torch.Size([7, 2, 3, 2]), torch.Size([7, 2, 5]))
    """

    def __init__(
        self,
        features: int,
        components: int = 20,
        pen: Pen = "three_states",
        *,
        derivative_limit: float | None = None,
    ) -> None:
        super().__init__()
        if pen not in ("three_states", "end_of_stroke"):
            raise UsageError(f"pen {shown(pen)} is not known: give three_states or end_of_stroke")
        check_whole("the number of components", components, 1, MOST_UNITS)
        self.features, self.components, self.pen = features, components, pen
        self.states = 3 if pen == "three_states" else 1
        self.derivative_limit = None if derivative_limit is None else check_limit("Strokes", derivative_limit)
        self.linear = nn.Linear(features, 6 * components + self.states)
        with torch.no_grad():  # apart from each other, on a circle, so that each can learn something of its own
            angles = torch.arange(components) * (2 * math.pi / components)
            self.linear.bias[components : 3 * components] = torch.stack([angles.cos(), angles.sin()], 1).flatten() / 2

    def forward(self, features: Tensor) -> StrokeParams:
        """Return the parameters of the mixture and the pen."""
        k = self.components
        raw = self.linear(features)
        raw = raw if self.derivative_limit is None else clip_derivative(raw, self.derivative_limit)
        weights, means, scales, turns, pen = raw.split([k, 2 * k, 2 * k, k, self.states], dim=-1)
        return StrokeParams(
            weights.log_softmax(dim=-1),
            means.unflatten(-1, (k, 2)),
            LARGEST_LOG * (scales / LARGEST_LOG).tanh().unflatten(-1, (k, 2)),
            LARGEST_CORRELATION * turns.tanh(),
            pen,
        )

    def parts(self, params: StrokeParams, targets: Tensor) -> StrokeNats:
        """Return minus the log-density of each movement, 0 where the drawing has ended, and of what the pen did."""
        width = 2 + self.states
        if targets.shape[-1:] != (width,):
            raise UsageError(
                f"targets of shape {list(targets.shape)} are not those of a pen with {self.pen}: give [..., {width}]"
            )
        check_targets(params.pen.shape[:-1], targets[..., 0])
        position = -torch.logsumexp(params.log_weights + self._densities(params, targets[..., None, :2]), dim=-1)
        if self.pen == "end_of_stroke":
            pen = binary_cross_entropy_with_logits(params.pen[..., 0], targets[..., 2], reduction="none")
            return StrokeNats(position, pen)
        pen = -(targets[..., 2:] * params.pen.log_softmax(dim=-1)).sum(dim=-1)
        return StrokeNats(position.masked_fill(targets[..., ENDS] > 0, 0.0), pen)

    def nats(self, params: StrokeParams, targets: Tensor) -> Tensor:
        """Return what each movement and pen cost together."""
        position, pen = self.parts(params, targets)
        return position + pen

    def loss(self, params: StrokeParams, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the sum of `nats` over the places where `mask` is true; elsewhere a target may be NaN."""
        if mask is None:
            nats = self.nats(params, targets)
            return Loss(nats.sum(), torch.tensor(nats.numel()))
        check_targets(targets.shape[:-1], targets[..., 0], mask)
        nats = self.nats(params, targets.masked_fill(~mask.unsqueeze(-1), 0.0))
        return Loss(nats.masked_fill(~mask, 0.0).sum(), mask.sum())

    def sample(
        self,
        params: StrokeParams,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bias: float = 0.0,
        softened: bool = False,
    ) -> Tensor:
        """Draw a movement and a pen at each place, `[..., 5]` or `[..., 3]`.

        The `temperature` multiplies variances and divides the log-odds of components and pen; with `softened` those are
        divided by half of it and a half, so that a cold pen still lifts. A `bias` b multiplies the log-weights by
        1 + b and divides the deviations by exp(b), as in Graves 2013: the larger, the neater. Raises `UsageError` for a
        temperature or a bias below 0.
        """
        check_temperature(temperature)
        if not isinstance(bias, Real) or not 0 <= bias <= LARGEST_BIAS:
            raise UsageError(
                f"bias {shown(bias)} is not in range: give a number from 0, as the model learned, to {LARGEST_BIAS:g}"
            )
        scales, warmth = params.log_scales - bias, 0.5 + 0.5 * temperature if softened else temperature
        heights = params.log_weights * (1 + bias)
        if warmth == 0:  # of the peaks: the highest is the likeliest movement
            heights = heights - scales.sum(dim=-1) - 0.5 * torch.log1p(-params.correlations.square())
        chosen = _drawn(heights, warmth, generator)[..., None]
        rho = params.correlations.gather(-1, chosen).squeeze(-1)
        mean, scale = (
            part.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, 2)).squeeze(-2)
            for part in (params.means, scales.exp())
        )
        one, other = torch.empty_like(mean).normal_(generator=generator).unbind(dim=-1)
        normal = torch.stack([one, rho * one + (1 - rho.square()).sqrt() * other], dim=-1)
        moved = mean + math.sqrt(temperature) * scale * normal
        if self.pen == "three_states":
            state = _drawn(params.pen, warmth, generator)
            pen = torch.nn.functional.one_hot(state, 3).to(moved.dtype)
        else:
            both = torch.cat([torch.zeros_like(params.pen), params.pen], dim=-1)
            pen = _drawn(both, warmth, generator).unsqueeze(-1).to(moved.dtype)
        return torch.cat([moved, pen], dim=-1)

    def _densities(self, params: StrokeParams, movement: Tensor) -> Tensor:
        """Return the log-density of a movement `[..., 1, 2]` under each component, `[..., K]`."""
        x, y = ((movement - params.means) * (-params.log_scales).exp()).unbind(dim=-1)
        rho = params.correlations
        free = 1 - rho.square()
        distance = (x.square() + y.square() - 2 * rho * x * y) / free
        return -0.5 * (distance + free.log()) - params.log_scales.sum(dim=-1) - math.log(2 * math.pi)


def _drawn(log_odds: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Draw one of the last axis at each place, or take the likeliest where the temperature is 0."""
    uniform = torch.empty_like(log_odds).uniform_(generator=generator).clamp(min=1e-20)
    noise = -(-uniform.log()).clamp(min=1e-20).log()
    return (log_odds if temperature == 0 else log_odds / temperature + noise).argmax(dim=-1)
