"""A head that also minds where an attention looked: over a whole sequence every place should get its share."""

from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.heads.head import Head, Loss, Over, Term

COVERAGE = "coverage"
"The name of the term of the loss that draws attention to all places."


class Attended(NamedTuple):
    """What the head within says, and how much was read of each place, `[..., S]`."""

    params: Any
    read: Tensor


@final
class DoublyStochastic(Head[Attended]):
    r"""Another head over features whose last `places` numbers say how much an attention read of each place.

        loss = loss of the head within        coverage = 1/S sum_s (1 - sum_t a_ts)^2

    The shares of one step add up to one; the term, by rows, draws those of one place over all scored steps to one, too.
    As the former cannot change, it comes to the same for any number in the place of that one: attention that is spread
    evenly over a sequence costs least. The term is there in training alone. Shapes: features `[T, B, H + S]`. Raises
    `UsageError` for no places. Source: Xu et al. 2015, section 4.2.1.

    >>> from statewise.heads import Categorical
    >>> head = DoublyStochastic(Categorical(4, 3), places=2)
    >>> loss = head.loss(head(torch.ones(7, 1, 6)), torch.zeros(7, 1, dtype=torch.long))
    >>> float(loss.terms["coverage"].mean)
    36.0
    """

    over: ClassVar[Over] = ""

    def __init__(self, head: Head[Any], places: int) -> None:
        super().__init__()
        if places < 1:
            raise UsageError(f"a head that minds {places} places minds none: give 1 or more")
        self.features, self.choices, self.is_likelihood = head.features + places, head.choices, head.is_likelihood
        self.head, self.places = head, places

    def forward(self, features: Tensor) -> Attended:
        """Return what the head within says, and the shares."""
        inner, read = torch.split_with_sizes(features, [self.head.features, self.places], dim=-1)
        return Attended(self.head(inner), read)

    def loss(self, params: Attended, targets: Any, mask: Tensor | None = None) -> Loss:
        """Return the loss of the head within, and in training the coverage of each row that has a scored step."""
        loss = self.head.loss(params.params, targets, mask)
        if not self.training or params.read.dim() != 3:
            return loss
        read = params.read if mask is None else params.read * mask.unsqueeze(-1)
        uneven = (1 - read.sum(dim=0)).square().mean(dim=-1)
        rows = torch.ones_like(uneven, dtype=torch.bool) if mask is None else mask.any(dim=0)
        return loss._replace(terms=MappingProxyType({**loss.terms, COVERAGE: Term((uneven * rows).sum(), rows.sum())}))

    def nats(self, params: Attended, targets: Any) -> Tensor:
        """Return minus the log-likelihood of each target."""
        return self.head.nats(params.params, targets)

    def sample(self, params: Attended, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one target at each place, as the head within does."""
        return self.head.sample(params.params, temperature=temperature, generator=generator)

    def logits(self, params: Attended) -> Tensor:
        """Return the log-odds of every choice, as the head within has them."""
        return self.head.logits(params.params)
