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
NUMBERS = 4
"So many random numbers stand for a movement and what the pen does."
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


class PenRule(NamedTuple):
    """How a pen is drawn from its distribution.

    The `temperature` multiplies variances and divides the log-odds of components and pen; with `softened` those are
    divided by half of it and a half, so that a cold pen still lifts. A `bias` b multiplies the log-weights by 1 + b and
    divides the deviations by exp(b), as in Graves 2013: the larger, the neater.
    """

    temperature: float = 1.0
    bias: float = 0.0
    softened: bool = False

    @property
    def warmth(self) -> float:
        """By what log-odds are divided; 0: the likeliest is taken."""
        return 0.5 + 0.5 * self.temperature if self.softened else self.temperature

    def check(self) -> None:
        """Raise `UsageError` for a temperature or a bias below 0."""
        check_temperature(self.temperature)
        if not isinstance(self.bias, Real) or not 0 <= self.bias <= LARGEST_BIAS:
            raise UsageError(
                f"bias {shown(self.bias)} is not in range: give a number from 0, as learned, to {LARGEST_BIAS:g}"
            )


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
        """Draw a movement and a pen at each place, `[..., 5]` or `[..., 3]`: `choose` by random numbers.

        Raises `UsageError` for a temperature or a bias below 0.
        """
        rule = PenRule(temperature, bias, softened)
        rule.check()
        shape = (*params.pen.shape[:-1], NUMBERS)
        numbers = torch.rand(shape, dtype=torch.float64, device=params.pen.device, generator=generator)
        return self.choose(params, numbers, rule)

    def choose(self, params: StrokeParams, numbers: Tensor, rule: "PenRule") -> Tensor:
        """Return the movement and pen, `[..., 5]` or `[..., 3]`, that four numbers `[..., 4]` from 0 to 1 stand for.

        They choose the component, place the movement in it (Box & Muller 1958), and choose the pen's state. Native code
        draws by the same numbers, so a drawing is the same wherever it is drawn, but for rounding.
        """
        log_weights, means, log_scales, correlations, pen = (part.double() for part in params)
        scales, warmth = log_scales - rule.bias, rule.warmth
        heights = log_weights * (1 + rule.bias)
        if warmth == 0:  # of the peaks: the highest is the likeliest movement
            heights = heights - scales.sum(dim=-1) - 0.5 * torch.log1p(-correlations.square())
        chosen = _chosen(heights, warmth, numbers[..., 0]).unsqueeze(-1)
        rho = correlations.gather(-1, chosen).squeeze(-1)
        mean, scale = (
            part.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, 2)).squeeze(-2) for part in (means, scales.exp())
        )
        far, turn = (-2 * torch.log1p(-numbers[..., 1])).sqrt(), 2 * math.pi * numbers[..., 2]
        one, other = far * turn.cos(), far * turn.sin()
        normal = torch.stack([one, rho * one + (1 - rho.square()).sqrt() * other], dim=-1)
        moved = mean + math.sqrt(rule.temperature) * scale * normal
        odds = pen if self.pen == "three_states" else torch.cat([torch.zeros_like(pen), pen], dim=-1)
        state = _chosen(odds, warmth, numbers[..., 3])
        one_hot = torch.nn.functional.one_hot(state, 3) if self.pen == "three_states" else state.unsqueeze(-1)
        return torch.cat([moved, one_hot.to(moved.dtype)], dim=-1).to(params.pen.dtype)

    def _densities(self, params: StrokeParams, movement: Tensor) -> Tensor:
        """Return the log-density of a movement `[..., 1, 2]` under each component, `[..., K]`."""
        x, y = ((movement - params.means) * (-params.log_scales).exp()).unbind(dim=-1)
        rho = params.correlations
        free = 1 - rho.square()
        distance = (x.square() + y.square() - 2 * rho * x * y) / free
        return -0.5 * (distance + free.log()) - params.log_scales.sum(dim=-1) - math.log(2 * math.pi)


def _chosen(log_odds: Tensor, temperature: float, numbers: Tensor) -> Tensor:
    """Return the first of the last axis whose share, added to those before, is beyond a number; at 0 the likeliest."""
    if temperature == 0:
        return log_odds.argmax(dim=-1)
    shares = ((log_odds - log_odds.amax(dim=-1, keepdim=True)) / temperature).exp()
    reached = shares.cumsum(dim=-1)
    found = (reached <= numbers.unsqueeze(-1) * reached[..., -1:]).sum(dim=-1)
    last = (shares > 0).long().mul(torch.arange(1, shares.shape[-1] + 1, device=shares.device)).amax(dim=-1) - 1
    return torch.minimum(found, last.clamp(min=0))
