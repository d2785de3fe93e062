"""What a policy says: how likely each action is and what is to come; and by what it learns from what it played."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.heads import Head, Loss, Term
from statewise.heads.head import check_targets, check_temperature

VALUE, ENTROPY, KL, CLIPPED, RETURN = "value", "entropy", "kl", "clipped", "episode_return"
"The terms of the loss; the last three are watched, and not learned from."
LEAST_UNIFORM = 1e-30
FORBIDDEN = -1e9
"The logit of an action that is not legal: its probability is exactly 0, and so is its share of the entropy."
HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class PolicyParams(NamedTuple):
    """Logits `[..., V]` of the choices, or means and logarithms of deviations `[..., 2 K]`; and the value `[...]`."""

    action: Tensor
    value: Tensor


class Played(NamedTuple):
    """What was done at each step `[T, B]`, how likely it was then, and what came of it.

    `advantages` are by how much it was better than was expected, `returns` what the value is to become, `values` what
    it was; `episode_return` is the mean return of the last episodes, the same everywhere.
    """

    actions: Tensor
    log_probabilities: Tensor
    advantages: Tensor
    returns: Tensor
    values: Tensor
    episode_return: Tensor


@final
class Policy(Head[PolicyParams]):
    r"""Choices or numbers, and the value of the state: actor and critic, each with a layer of its own.

        actor = W_a tanh(U_a h)        value = w_c tanh(U_c h)

    Several choices are independent of each other. Numbers are normal with means of their own and deviations that do not
    depend on the state. Where the last `legal` features say which choices are legal, others have probability 0; where
    they say that none is, all are. With `apart` the actor reads the first half of the other features, the critic the
    second.

    Targets are actions, and the loss is minus their log-likelihood, as to imitate a player. Or they are `Played`, and
    it is the clipped objective of PPO, with `r` how much likelier the action is than when it was played:

        loss = -min(r A, clip(r, 1 - e, 1 + e) A)

    with terms for the value, (V - R)^2 / 2, whose change may be clipped, too, and for the entropy. Shapes: features
    `[..., H]`, actions `[...]`, or `[..., K]` where there are several or numbers. Source: Schulman et al. 2017, eq. 7.

    >>> head = Policy(features=4, choices=(3,))
    >>> params = head(torch.zeros(7, 2, 4))
    >>> params.action.shape, params.value.shape
    (torch.Size([7, 2, 3]), torch.Size([7, 2]))
    """

    def __init__(
        self,
        features: int,
        choices: Sequence[int] = (),
        numbers: int = 0,
        *,
        is_single: bool = True,
        legal: int = 0,
        apart: bool = False,
        width: int | None = None,
        clip_ratio: float = 0.2,
        clip_value: float = 0.0,
        first_deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.features, self.legal, self.apart = features, legal, apart
        self.each, self.numbers, self.is_single = tuple(choices), numbers, is_single and len(choices) == 1
        self.choices = self.each[0] if self.is_single else 0
        self.clip_ratio, self.clip_value = clip_ratio, clip_value
        read = (features - legal) // (2 if apart else 1)
        width = width or read
        self.actor, self.critic = nn.Linear(read, width), nn.Linear(read, width)
        self.chosen, self.worth = nn.Linear(width, numbers or sum(self.each)), nn.Linear(width, 1)
        for layer, gain in ((self.actor, 2**0.5), (self.critic, 2**0.5), (self.chosen, 0.01), (self.worth, 1.0)):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
        self.log_deviation = nn.Parameter(torch.full((numbers,), math.log(first_deviation))) if numbers else None

    def forward(self, features: Tensor) -> PolicyParams:
        """Return what each action is worth choosing, and the value."""
        read = features.shape[-1] - self.legal
        seen = features[..., :read]
        half = read // 2
        own, other = (seen[..., :half], seen[..., half:]) if self.apart else (seen, seen)
        action = self.said(self.chosen(torch.tanh(self.actor(own))), features)
        return PolicyParams(action, self.worth(torch.tanh(self.critic(other))).squeeze(-1))

    def said(self, action: Tensor, features: Tensor) -> Tensor:
        """Return the outputs of the actor with what does not come from them: deviations, or what is not legal."""
        if self.log_deviation is not None:
            return torch.cat([action, self.log_deviation.expand_as(action)], dim=-1)
        if self.legal:
            return torch.where(_legal(features[..., -self.legal :], self.each), action, FORBIDDEN)
        return action

    def loss(self, params: PolicyParams, targets: Tensor | Played, mask: Tensor | None = None) -> Loss:
        """Return minus the log-likelihood of actions; or of what was `Played`, the objective of PPO and its terms."""
        actions = targets.actions if isinstance(targets, Played) else targets
        places = actions.shape if self.is_single else actions.shape[:-1]
        check_targets(params.value.shape, actions if self.is_single else actions[..., 0], mask)
        count = torch.tensor(math.prod(places)) if mask is None else mask.sum()

        def total(of: Tensor) -> Tensor:
            return of.sum() if mask is None else torch.where(mask, of, 0).sum()

        likely = self.log_probability(params, actions)
        if not isinstance(targets, Played):
            return Loss(-total(likely), count)
        change = likely - targets.log_probabilities
        if mask is not None:
            change = torch.where(mask, change, 0)
        ratio = change.exp()
        bounded = ratio.clamp(1 - self.clip_ratio, 1 + self.clip_ratio)
        gain = torch.minimum(ratio * targets.advantages, bounded * targets.advantages)
        terms = {VALUE: self._value_loss(params.value, targets), ENTROPY: self.entropy(params)}
        with torch.no_grad():
            terms[KL] = ratio - 1 - change
            terms[CLIPPED] = (ratio != bounded).to(ratio.dtype)
            terms[RETURN] = targets.episode_return
        return Loss(-total(gain), count, {name: Term(total(term), count) for name, term in terms.items()})

    def _value_loss(self, value: Tensor, targets: Played) -> Tensor:
        loss = (value - targets.returns).square()
        if self.clip_value:
            near = targets.values + (value - targets.values).clamp(-self.clip_value, self.clip_value)
            loss = torch.maximum(loss, (near - targets.returns).square())
        return loss / 2

    def log_probability(self, params: PolicyParams, actions: Tensor) -> Tensor:
        """Return the log-probability, or log-density, of actions `[...]`."""
        if self.numbers:
            mean, log_deviation = params.action.chunk(2, dim=-1)
            away = (actions - mean) * torch.exp(-log_deviation)
            return -(away.square() / 2 + log_deviation + HALF_LOG_TAU).sum(dim=-1)
        if self.is_single:
            return params.action.log_softmax(dim=-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        parts = zip(parted(params.action, self.each), actions.unsqueeze(-2).unbind(dim=-1), strict=True)
        return torch.cat([part.log_softmax(dim=-1).gather(-1, own) for part, own in parts], dim=-1).sum(dim=-1)

    def entropy(self, params: PolicyParams) -> Tensor:
        """Return the entropy of the action in nats `[...]`; of numbers, before they are squashed."""
        if self.numbers:
            return (params.action.chunk(2, dim=-1)[1] + HALF_LOG_TAU + 0.5).sum(dim=-1)
        logs = [part.log_softmax(dim=-1) for part in parted(params.action, self.each)]
        return -torch.stack([(own.exp() * own).sum(dim=-1) for own in logs]).sum(dim=0)

    def noise(self, *places: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw what `choose` decides by, `[*places, V]`: Gumbel's for every choice, normal for numbers."""
        if self.numbers:
            return torch.randn(*places, self.numbers, generator=generator)
        return -torch.rand(*places, sum(self.each), generator=generator).clamp(min=LEAST_UNIFORM).log().neg().log()

    def choose(self, params: PolicyParams, noise: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return the actions that some noise stands for. One that is not legal is never chosen.

        A choice is the largest of log-odds and noise, which has just its odds. Source: Gumbel 1954.
        """
        check_temperature(temperature)
        if self.numbers:
            mean, log_deviation = params.action.chunk(2, dim=-1)
            return mean + temperature * log_deviation.exp() * noise.to(mean.dtype)
        odds = params.action if temperature == 0 else params.action / temperature + noise.to(params.action.dtype)
        found = [part.argmax(dim=-1) for part in parted(odds, self.each)]
        return found[0] if self.is_single else torch.stack(found, dim=-1)

    def sample(
        self, params: PolicyParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw an action at each place; temperature 0 gives the likeliest."""
        return self.choose(params, self.noise(*params.value.shape, generator=generator), temperature=temperature)

    def logits(self, params: PolicyParams) -> Tensor:
        """Return the log-odds of the choices. Raises `UsageError` where an action is not one choice."""
        return super().logits(params.action)  # type: ignore[arg-type]  # only whether there are choices is asked


def parted(of: Any, each: Sequence[int]) -> Sequence[Tensor]:
    """Return the parts of a last axis `[..., V]` that belong to each of several choices."""
    parts: Sequence[Tensor] = of.split(list(each), dim=-1)
    return parts


def _legal(told: Tensor, each: Sequence[int]) -> Tensor:
    """Return which choices are legal `[..., V]`; of a choice of which none is, all are."""
    legal = told > 0.5
    parts = [part | ~part.any(dim=-1, keepdim=True) for part in parted(legal, each)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def as_policy(model: Any) -> Policy:
    """Return the head of a model, which is a policy."""
    head = model.head
    assert isinstance(head, Policy)
    return head
