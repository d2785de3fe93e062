"""What a sentence asks for, and which of its words say the details: an intent and slots, together."""

from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.crf import CRF
from statewise.heads.head import Head, Loss


class Voices(NamedTuple):
    """What each step says: emissions of labels `[..., L]`, odds of intents `[..., I]`, and how much it counts."""

    emissions: Tensor
    intents: Tensor
    weights: Tensor


@final
class IntentAndSlots(Head[Voices]):
    r"""One of some intents for a whole row, and a label of a slot for each of its steps.

        p(i, y | x) = softmax(sum_t c_t (W s_t + b))[i]  p_CRF(y | s)        c = softmax over the row of v . s_t

    Every step says which intent it speaks for and how much it counts, so that a row is judged as it is read: the sum
    over the steps so far. Targets are a `Padded` `[B, T, 2]`: of each step its label, as `CRF` has them, and the intent
    of the row, which is read at the first step that is there. A loss is over rows.

    Raises `UsageError` for an intent that is none, and what `CRF` does. Source: joint training as in Liu & Lane 2016.

    >>> head = IntentAndSlots(features=4, intents=3, slots=2)
    >>> targets = Padded.of([torch.tensor([[0, 2], [1, 2], [2, 2]]), torch.tensor([[3, 0]])])
    >>> head.loss(head(torch.zeros(3, 2, 4)), targets).places
    tensor(2)
    """

    labels_each_step: ClassVar[bool] = True

    def __init__(self, features: int, intents: int, slots: int) -> None:
        super().__init__()
        if intents < 1:
            raise UsageError("there is no intent to tell: give one or more")
        self.features, self.intents, self.slots = features, intents, slots
        self.labels = CRF(features, slots)
        self.choices = self.labels.choices
        self.votes = Categorical(features, intents)
        self.counts = nn.Linear(features, 1)

    def forward(self, features: Tensor) -> Voices:
        """Return what each step says."""
        return Voices(self.labels(features), self.votes(features), self.counts(features).squeeze(-1))

    def logits(self, params: Voices) -> Tensor:
        """Return the log-odds `[..., L]` of the labels as each step is read, from its emissions alone."""
        return params.emissions

    def intent_odds(self, params: Voices, mask: Tensor | None = None) -> Tensor:
        """Return the log-odds `[B, I]` of the intents of whole rows, given what steps `[T, B]` say."""
        weights = params.weights
        if mask is not None:
            weights = weights.masked_fill(~mask, torch.finfo(weights.dtype).min)
        shares = weights.softmax(dim=0)
        shares = shares if mask is None else shares * mask
        said = params.intents if mask is None else params.intents.masked_fill(~mask.unsqueeze(-1), 0.0)
        return (shares.unsqueeze(-1) * said).sum(dim=0)

    def loss(self, params: Voices, targets: Any, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of intents and labels, over the rows of which some step is there."""
        nats, awake = self._nats(params, targets, mask)
        return Loss(nats.sum(), awake.sum())

    def nats(self, params: Voices, targets: Any) -> Tensor:
        """Return minus the log-probability of each row's intent and labels `[B]`."""
        return self._nats(params, targets, None)[0]

    def row_nats(self, params: Voices, targets: Padded, mask: Tensor | None) -> Tensor:
        """Return minus the log-probability of each row `[B]`: nought for a row of which no step is there."""
        return self._nats(params, targets, mask)[0]

    def _nats(self, params: Voices, targets: Any, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        if not isinstance(targets, Padded) or targets.values.dim() != 3 or targets.values.shape[-1] != 2:
            raise UsageError("a label and an intent are wanted for each step: give them as a Padded [B, T, 2]")
        labels = self.labels.row_nats(params.emissions, Padded(targets.values[..., 0], targets.mask), mask)
        there = targets.mask.T if mask is None else mask & targets.mask.T
        awake = there.any(dim=0)
        step = there.to(torch.uint8).argmax(dim=0)
        intents = targets.values[torch.arange(len(step), device=step.device), step, 1].masked_fill(~awake, 0)
        if bool(((intents < 0) | (intents >= self.intents)).any()):
            wrong = int(intents[(intents < 0) | (intents >= self.intents)][0])
            raise UsageError(f"intent {wrong} is not one of the {self.intents}: give one from 0 to {self.intents - 1}")
        odds = self.intent_odds(params, there).log_softmax(dim=-1)
        return (labels - odds.gather(1, intents.unsqueeze(1)).squeeze(1)) * awake, awake

    def sample(self, params: Voices, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a label at each step by what was read there alone; temperature 0 gives the likeliest."""
        return self.labels.sample(params.emissions, temperature=temperature, generator=generator)
