"""Labels of the steps of a row that depend on each other: which words are which slot."""

from typing import Any, ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss

NEVER = -1e4
"The score of a label that may not come after another: less likely than anything a network says."
OUTSIDE = 0


def begins(slot: int) -> int:
    """Return the label of the first step of a slot, by its number from 0."""
    return 2 * slot + 1


def goes_on(slot: int) -> int:
    """Return the label of the further steps of a slot."""
    return 2 * slot + 2


class RowLabels(NamedTuple):
    """The steps of each row that are there, those first: emissions `[T, B, L]`, labels `[T, B]`, counts `[B]`."""

    emissions: Tensor
    labels: Tensor
    steps: Tensor

    @property
    def there(self) -> Tensor:
        """Which steps are there, `[T, B]`."""
        places = torch.arange(len(self.emissions), device=self.steps.device).unsqueeze(1)
        return places < self.steps


@final
class CRF(Head[Tensor]):
    r"""A conditional random field over the labels of the steps of a row: outside, beginning or inside of some slots.

        p(y | x) = exp(b_(y_1) + sum_t e_t[y_t] + sum_t a[y_(t-1), y_t]) / Z        e_t = W s_t + w

    Label 0 is outside, `2 k + 1` begins slot k, `2 k + 2` goes on with it, and nothing but slot k itself may come
    before that. Z is the sum over all rows of labels, found by the forward algorithm. Its parameters are the emissions
    `[..., L]`. Targets are a `Padded` `[B, T]`, one label for each step that is there, at which a loss has its places;
    a step without a label is not there.

    `best` is the likeliest whole row (Viterbi), `marginals` how likely each label is. `sample` and `likely` say a label
    as each step is read, from its emissions alone; `read_on` is the label of a step from all that was read so far. Both
    may differ from `best`, which knows what comes after.

    Raises `UsageError` for labels that are none, that are in an order which may not be, or too few of them.
    Source: Lafferty, McCallum & Pereira 2001; over a network as in Huang, Xu & Yu 2015.

    >>> head = CRF(features=4, slots=2)
    >>> head.loss(head(torch.zeros(3, 2, 4)), Padded.of([torch.tensor([0, 1, 2]), torch.tensor([3])])).places
    tensor(4)
    """

    labels_each_step: ClassVar[bool] = True
    forbidden: Tensor
    never_first: Tensor

    def __init__(self, features: int, slots: int) -> None:
        super().__init__()
        if slots < 0:
            raise UsageError(f"{slots} slots are fewer than none: give 0 or more")
        self.features, self.slots, self.choices = features, slots, 2 * slots + 1
        self.odds = Categorical(features, self.choices)
        self.transitions = nn.Parameter(torch.zeros(self.choices, self.choices))
        self.first = nn.Parameter(torch.zeros(self.choices))
        forbidden = torch.zeros(self.choices, self.choices, dtype=torch.bool)
        for slot in range(slots):
            forbidden[:, goes_on(slot)] = True
            forbidden[[begins(slot), goes_on(slot)], goes_on(slot)] = False
        self.register_buffer("forbidden", forbidden, persistent=False)
        never_first = torch.zeros(self.choices, dtype=torch.bool)
        never_first[2::2] = True
        self.register_buffer("never_first", never_first, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return emissions `[..., L]`."""
        emissions: Tensor = self.odds(features)
        return emissions

    @property
    def scores(self) -> tuple[Tensor, Tensor]:
        """The scores of each first label `[L]`, and of each label after each other `[L, L]`."""
        return self.first.masked_fill(self.never_first, NEVER), self.transitions.masked_fill(self.forbidden, NEVER)

    def loss(self, params: Tensor, targets: Any, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the labels of each row, over the steps that are there."""
        row = self._rows(params, targets, mask)
        return Loss(self._row_nats(row).sum(), row.steps.sum())

    def nats(self, params: Tensor, targets: Any) -> Tensor:
        """Return minus the log-probability of each row's labels `[B]`, given emissions `[T, B, L]`."""
        return self._row_nats(self._rows(params, targets, None))

    def row_nats(self, params: Tensor, targets: Padded, mask: Tensor | None) -> Tensor:
        """Return minus the log-probability of each row's labels `[B]`: nought for a row of which no step is there."""
        return self._row_nats(self._rows(params, targets, mask))

    def _row_nats(self, row: RowLabels) -> Tensor:
        there = row.there
        first, after = self.scores
        own = row.emissions.gather(-1, row.labels.unsqueeze(-1)).squeeze(-1)
        steps = torch.cat([first[row.labels[:1]], after[row.labels[:-1], row.labels[1:]]])
        total = ((own + steps) * there).sum(dim=0)
        return (self._log_sum(row, first, after) - total) * (row.steps > 0)

    def _log_sum(self, row: RowLabels, first: Tensor, after: Tensor) -> Tensor:
        """Return log Z of each row `[B]`."""
        alpha = first + row.emissions[0]
        odds, tiny = after.exp(), torch.finfo(after.dtype).tiny
        for emission, is_there in zip(row.emissions[1:], row.there[1:], strict=True):
            highest = alpha.amax(dim=-1, keepdim=True).detach()
            summed = (alpha - highest).exp() @ odds
            further = summed.clamp(min=tiny).log() + highest + emission
            alpha = torch.where(is_there.unsqueeze(-1), further, alpha)
        return alpha.logsumexp(dim=-1)

    def best(self, params: Tensor, mask: Tensor | None = None) -> Padded:
        """Return the likeliest labels of whole rows, given emissions `[T, B, L]`: a `Padded` `[B, T]`.

        >>> head = CRF(4, 1)
        >>> head.best(torch.tensor([[[0.0, 0.0, 9.0]], [[0.0, 1.0, 2.0]]])).values
        tensor([[1, 2]])
        """
        emissions, steps = _gathered_steps(params, mask)
        first, after = self.scores
        score, came = first + emissions[0], list[Tensor]()
        for t in range(1, len(emissions)):
            ways = (score.unsqueeze(-1) + after).max(dim=1)
            score = torch.where((t < steps).unsqueeze(-1), ways.values + emissions[t], score)
            came.append(ways.indices)
        label = score.argmax(dim=-1)
        found = [label]
        for t in range(len(emissions) - 1, 0, -1):
            label = torch.where(t < steps, came[t - 1].gather(1, label.unsqueeze(1)).squeeze(1), label)
            found.append(label)
        there = torch.arange(len(emissions), device=steps.device) < steps.unsqueeze(1)
        return Padded(torch.stack(found[::-1], dim=1) * there, there)

    def marginals(self, params: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return how likely each label is at each step that is there, `[B, T, L]`; zeros elsewhere."""
        with torch.enable_grad():
            emissions, steps = _gathered_steps(params.detach(), mask)
            emissions = emissions.requires_grad_()
            labels = torch.zeros(emissions.shape[:2], dtype=torch.long, device=params.device)
            first, after = (score.detach() for score in self.scores)
            total = self._log_sum(RowLabels(emissions, labels, steps), first, after)
            (found,) = torch.autograd.grad((total * (steps > 0)).sum(), emissions)
        return found.transpose(0, 1)

    def read_on(self, params: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the last label of the likeliest row so far `[B]`, and what the next step needs, `[B, L]`.

        Given the emissions of one step `[B, L]`, and what was returned at the step before; None at the first.
        """
        first, after = self.scores
        score = first + params if before is None else (before.unsqueeze(-1) + after).amax(dim=1) + params
        return score.argmax(dim=-1), score

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a label at each step by what was read there alone; temperature 0 gives the likeliest."""
        return self.odds.sample(params, temperature=temperature, generator=generator)

    def _rows(self, params: Tensor, targets: Any, mask: Tensor | None) -> RowLabels:
        """Return the steps of each row that are there, with labels which may be."""
        if not isinstance(targets, Padded) or params.dim() != 3 or len(targets.values) != params.shape[1]:
            rows = params.shape[1] if params.dim() > 1 else 0
            raise UsageError(f"labels are wanted for each step of {rows} rows: give them as a Padded [B, T]")
        if targets.values.dim() != 2 or targets.values.shape[1] != len(params):
            raise UsageError(
                f"labels of shape {list(targets.values.shape)} were given where {list(params.shape[1::-1])} are scored"
            )
        mask = targets.mask.T if mask is None else mask & targets.mask.T
        emissions, steps = _gathered_steps(params, mask)
        labels, _ = _gathered_steps(targets.values.T.unsqueeze(-1), mask)
        row = RowLabels(emissions, labels.squeeze(-1), steps)
        self._check(row)
        return row

    def _check(self, row: RowLabels) -> None:
        there, labels = row.there, row.labels
        wrong = (there & ((labels < 0) | (labels >= self.choices))).nonzero()
        if len(wrong):
            step, place = wrong[0].tolist()
            raise UsageError(
                f"label {int(labels[step, place])} of row {place} is not one of the {self.choices}: give one from 0"
            )
        odd = self.never_first[labels[:1]]
        odd = torch.cat([odd, self.forbidden[labels[:-1], labels[1:]]]) & there
        if bool(odd.any()):
            step, place = odd.nonzero()[0].tolist()
            raise UsageError(
                f"label {int(labels[step, place])} of row {place} goes on with a slot that has not begun: "
                f"give {int(labels[step, place]) - 1} before it"
            )


def _gathered_steps(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return `[T, B, ...]` with the steps of each row that are there first, then zeros, and how many there are."""
    if mask is None:
        return values, torch.full((values.shape[1],), len(values), dtype=torch.long, device=values.device)
    steps = mask.sum(dim=0)
    if bool((mask[1:] > mask[:-1]).any()):  # a row sleeps in between
        order = (~mask).to(torch.uint8).argsort(dim=0, stable=True)
        values = values.gather(0, order.unsqueeze(-1).expand_as(values))
    beyond = torch.arange(len(values), device=values.device).unsqueeze(1) >= steps
    return values.masked_fill(beyond.unsqueeze(-1), 0), steps
