"""What a head is: it turns features into the parameters of a distribution, scores targets and draws samples."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from statewise.bounds import shown
from statewise.errors import UsageError
from statewise.state import leaves, map_leaves

Params = TypeVar("Params")

Over = Literal["choice", "item", "number", "count", ""]
"What a target is: one of a fixed set, an item of a catalogue, a number, how many of something; empty: anything else."

HOTTEST = 1e30
"A temperature at which all odds are equal, and no number has gone beyond its bounds."


class Term(NamedTuple):
    """A named part of what training minimises besides the loss: a sum, and how many rows or places it is over."""

    sum: Tensor
    size: Tensor

    @property
    def mean(self) -> Tensor:
        """The sum per row or place."""
        return self.sum / self.size.clamp(min=1)


class Loss(NamedTuple):
    """A sum of losses in nats and how many places it is over, so that losses of unequal parts add up rightly.

    `terms` are what a model adds by name: the divergence of a latent opening, an entropy, a coverage. They are weighed
    by `Recipe.weighed`, and reported each by itself.
    """

    nats: Tensor
    places: Tensor
    terms: Mapping[str, Term] = MappingProxyType({})

    @classmethod
    def nothing(cls) -> "Loss":
        """Return the loss over no places, to add others to.

        >>> float(Loss.nothing().mean)
        0.0
        """
        return cls(torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.long))

    def plus(self, other: "Loss") -> "Loss":
        """Return the loss of both together.

        >>> one = Loss(torch.tensor(6.0), torch.tensor(3))
        >>> one.plus(one).places
        tensor(6)
        """
        terms = dict(self.terms)
        for name, term in other.terms.items():
            held = terms.get(name)
            terms[name] = term if held is None else Term(held.sum + term.sum, held.size + term.size)
        return Loss(self.nats + other.nats, self.places + other.places, MappingProxyType(terms))

    def detached(self) -> "Loss":
        """Return the numbers alone, with no graph, on the processor and in double precision."""
        terms = {name: Term(term.sum.detach().cpu().double(), term.size.cpu()) for name, term in self.terms.items()}
        return Loss(self.nats.detach().cpu().double(), self.places.cpu(), terms)

    @property
    def mean(self) -> Tensor:
        """Nats per place.

        >>> Loss(torch.tensor(6.0), torch.tensor(3)).mean
        tensor(2.)
        """
        return self.nats / self.places.clamp(min=1)


class Head(nn.Module, ABC, Generic[Params]):
    """A distribution over targets whose parameters come from features `[..., H]`; `features` is their width."""

    features: int
    over: ClassVar[Over] = ""
    "What a target is, by which tasks know the heads that suit them: see `statewise.heads.named`."
    labels_each_step: ClassVar[bool] = False
    "Whether targets are the labels of whole rows, a `Padded`, one for each step that is there."
    choices: int = 0
    "How many choices a target is one of, by numbers from 0; 0 where a target is not a choice."
    is_likelihood: bool = True
    "Whether the loss is minus a log-likelihood, so that losses of several heads can be mixed as probabilities."

    @abstractmethod
    def forward(self, features: Tensor) -> Params:
        """Return the parameters of the distribution at each place."""

    @abstractmethod
    def loss(self, params: Params, targets: Any, mask: Tensor | None = None) -> Loss:
        """Return minus the log-likelihood of the targets in nats, over the places where `mask` is true.

        `targets` are what a `Window` of the task holds: a tensor, or a tuple of them.
        """

    @abstractmethod
    def sample(self, params: Params, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one target at each place; temperature 0 gives the likeliest."""

    def likely(self, params: Params) -> Tensor:
        """Return the likeliest target at each place.

        >>> from statewise.heads import Categorical
        >>> Categorical(4, 3).likely(torch.tensor([0.1, 0.7, 0.2]))
        tensor(1)
        """
        return self.sample(params, temperature=0)

    def nats(self, params: Params, targets: Any) -> Tensor:
        """Return minus the log-likelihood of each row's target; here each row is scored by itself.

        Shapes: parameters and targets with one axis of rows before what one target is.
        """
        rows = []
        for row in range(len(leaves(params)[0])):
            own, wanted = (map_leaves(lambda leaf, at=row: leaf[at : at + 1], part) for part in (params, targets))
            rows.append(self.loss(own, wanted).nats)
        return torch.stack(rows)

    def logits(self, params: Params) -> Tensor:
        """Return the log-odds `[..., V]` of every choice, up to a constant: here the parameters themselves.

        Raises `UsageError` where a target is not a choice.
        """
        if not self.choices:
            raise UsageError(f"a head of the kind {type(self).__name__} has no choices: draw from it with sample")
        return cast(Tensor, params)

    def top(self, params: Params, count: int) -> "Top":
        """Return the `count` likeliest choices at each place, or all where there are fewer, the likeliest first.

        Raises `UsageError` where a target is not a choice.

        >>> from statewise.heads import Categorical
        >>> Categorical(4, 3).top(torch.tensor([0.0, 2.0, 1.0]), 2).choices
        tensor([1, 2])
        """
        odds = self.logits(params)
        likely = odds.double().softmax(dim=-1).topk(min(count, odds.shape[-1]))
        return Top(likely.indices, likely.values)

    def show(self, params: Params) -> Any:
        """Return the parameters of one place as lists and objects of numbers, which JSON can hold.

        >>> from statewise.heads import Gaussian
        >>> Gaussian(4).show(Gaussian(4)(torch.zeros(4))).keys()
        dict_keys(['mean', 'scale'])
        """
        return _plain(params)


class Top(NamedTuple):
    """The likeliest choices and their probabilities, the likeliest first: both `[..., count]`."""

    choices: Tensor
    probabilities: Tensor


def _plain(params: Any) -> Any:
    if isinstance(params, Tensor):
        return params.tolist()
    parts = [_plain(part) for part in params]
    return dict(zip(params._fields, parts, strict=True)) if hasattr(params, "_fields") else parts


def check_targets(places: tuple[int, ...], targets: Tensor, mask: Tensor | None = None) -> None:
    """Raise `UsageError` where targets or mask are not of the places that are scored: they would be stretched to them.

    >>> check_targets((7, 2), torch.zeros(7, 1))
    Traceback (most recent call last):
    statewise.errors.UsageError: targets of shape [7, 1] were given where [7, 2] are scored: give one for each place
    """
    for name, given in (("targets", targets), ("a mask", mask)):
        if given is not None and tuple(given.shape) != tuple(places):
            told = f"{name} of shape {list(given.shape)} were given where {list(places)} are scored"
            raise UsageError(f"{told}: give one for each place")


def check_temperature(temperature: object) -> None:
    """Raise `UsageError` for a temperature below 0, for one that is not a finite number, and beyond 1e30.

    >>> check_temperature(float("inf"))
    Traceback (most recent call last):
    statewise.errors.UsageError: temperature inf is not a finite number: give 0 for the likeliest, or more
    """
    is_number = isinstance(temperature, Real) and not isinstance(temperature, bool)
    if is_number and 0 <= temperature <= HOTTEST:  # type: ignore[operator]
        return
    told = f"temperature {shown(temperature)}"
    if is_number and temperature < 0:  # type: ignore[operator]
        raise UsageError(f"{told} is below 0: give 0 for the likeliest, 1 for the model's own odds")
    if is_number and temperature < math.inf:  # type: ignore[operator]
        raise UsageError(f"{told} makes all odds equal: give at most {HOTTEST:g}")
    raise UsageError(f"{told} is not a finite number: give 0 for the likeliest, or more")
