"""Labels without times: a row's labels, in order, somewhere among its steps."""

from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss


@final
class CTC(Head[Tensor]):
    r"""Connectionist temporal classification: at each step a label or a blank, summed over all ways to spell a row.

        p(labels | x) = sum over paths that collapse to the labels of  prod_t softmax(W s_t + b)[path_t]

    A path collapses as equal neighbours become one, and then blanks are left out. Its parameters are logits
    `[..., choices]`, the blank among the choices. Targets are the labels of whole rows, a `Padded` `[B, S]`; a loss is
    over as many places as there are labels, of a row without a label one. Where `mask` is false a step is not there.

    Raises `UsageError`, before anything is computed, for a label that is no choice or is the blank, and where a row has
    fewer steps than its labels need. Source: Graves et al. 2006.

    >>> head = CTC(features=4, choices=3)
    >>> logits = head(torch.zeros(7, 2, 4))
    >>> head.loss(logits, Padded.of([torch.tensor([1, 2, 2]), torch.tensor([2])])).places
    tensor(4)
    """

    def __init__(self, features: int, choices: int, blank: int = 0) -> None:
        super().__init__()
        if not 0 <= blank < choices:
            raise UsageError(f"blank {blank} is not among the {choices} choices: give one from 0 to {choices - 1}")
        self.features, self.choices, self.blank = features, choices, blank
        self.odds = Categorical(features, choices)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits `[..., choices]`."""
        logits: Tensor = self.odds(features)
        return logits

    def loss(self, params: Tensor, targets: Any, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the labels, over the rows of which some step is there."""
        nats, awake = self._nats(params, targets, mask)
        places = targets.lengths.clamp(min=1)[awake].sum()
        return Loss(nats.sum(), places)

    def nats(self, params: Tensor, targets: Any) -> Tensor:
        """Return minus the log-probability of each row's labels `[B]`, given logits `[T, B, choices]`."""
        return self._nats(params, targets, None)[0]

    def row_nats(self, params: Tensor, targets: Padded, mask: Tensor | None) -> Tensor:
        """Return minus the log-probability of each row's labels `[B]`: nought for a row of which no step is there."""
        nats, awake = self._nats(params, targets, mask)
        return nats.new_zeros(len(awake)).masked_scatter(awake, nats)

    def _nats(self, params: Tensor, targets: Any, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the nats of the rows that have a step, and which rows these are."""
        params, steps = _gathered(params, mask)
        labels, lengths = self._checked(targets, params, steps)
        awake = steps > 0
        if not bool(awake.any()):
            return params.sum(dim=(0, 2))[awake], awake
        chances = params.log_softmax(dim=-1)[:, awake]
        labels, lengths, steps = labels[awake], lengths[awake], steps[awake]
        found = functional.ctc_loss(chances, labels, steps, lengths, blank=self.blank, reduction="none")
        return found, awake

    def _checked(self, targets: Any, params: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labels of each row and how many there are, all of which fit."""
        if not isinstance(targets, Padded) or len(targets.values) != params.shape[1]:
            raise UsageError(f"labels are wanted for each of {params.shape[1]} rows: give them as a Padded [B, S]")
        values, mask = targets
        is_known = (values >= 0) & (values < self.choices) & (values != self.blank)
        wrong = (mask & ~is_known & (steps > 0).unsqueeze(1)).nonzero()
        if len(wrong):
            row, place = wrong[0].tolist()
            told = f"label {int(values[row, place])} of row {row}"
            raise UsageError(
                f"{told} is the blank or beyond the {self.choices} choices: give one from 0 but {self.blank}"
            )
        repeats = ((values[:, 1:] == values[:, :-1]) & mask[:, 1:]).sum(dim=1)
        short = ((targets.lengths + repeats > steps) & (steps > 0)).nonzero()
        if len(short):
            row = int(short[0])
            need, has = int(targets.lengths[row] + repeats[row]), int(steps[row])
            raise UsageError(f"the labels of row {row} need {need} steps and it has {has}: leave it out, or stack less")
        return values.masked_fill(~mask, 1 if self.blank == 0 else 0), targets.lengths

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a label or the blank at each step: a path; temperature 0 gives the likeliest."""
        return self.odds.sample(params, temperature=temperature, generator=generator)


def _gathered(params: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the steps of each row that are there, those first, and how many there are."""
    if mask is None:
        return params, torch.full((params.shape[1],), len(params), dtype=torch.long)
    steps = mask.sum(dim=0).cpu()
    if bool((mask[1:] > mask[:-1]).any()):  # a row sleeps in between
        order = (~mask).to(torch.uint8).argsort(dim=0, stable=True)
        params = params.gather(0, order.unsqueeze(-1).expand_as(params))
    # what lies at the end of a row is read by nothing; a number there that is none would still spoil the gradient
    beyond = torch.arange(len(params), device=params.device).unsqueeze(1) >= steps.to(params.device)
    return params.masked_fill(beyond.unsqueeze(-1), 0.0), steps


def collapsed(path: list[int], blank: int = 0) -> list[int]:
    """Return the labels that a path spells.

    >>> collapsed([0, 3, 3, 0, 3, 1])
    [3, 3, 1]
    """
    return [label for n, label in enumerate(path) if label != blank and (not n or path[n - 1] != label)]
