"""Sequences with an end of their own, drawn from the odds of a model, many rows at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from statewise.decode.beam_search import Barring, Hypothesis, Limits, check_rows_of
from statewise.errors import UsageError
from statewise.model import Model
from statewise.sampling import SamplingRule, check_writing, uniform
from statewise.state import select_rows


def draw(
    model: Model[Tensor],
    state: Any,
    first: Sequence[int],
    end: int,
    limits: Sequence[Limits],
    rule: SamplingRule,
    seeds: Sequence[int],
    barring: Barring | None = None,
) -> list[Hypothesis]:
    """Return for each row what is drawn after the code `first` until its end, or until as many as its limit.

    Choice n of a row is drawn by number n of its own seed, so a row is the same whatever the others are. `barring` says
    which choices may not follow those of a row. A log-probability is that of the model's own odds, whatever the rule;
    the score is its mean. Raises `UsageError` for limits below 1, and for other numbers of rows, codes, limits, seeds.
    """
    check_rows_of(state, first, limits)
    if len(seeds) != len(first):
        raise UsageError(f"{len(first)} rows were given {len(seeds)} seeds: give as many")
    for seed in seeds:
        check_writing(0, seed, 0)
    drawn = [_Drawn([], seed, limit) for seed, limit in zip(seeds, limits, strict=True)]
    rows, x = drawn, torch.tensor(list(first), dtype=torch.long)
    device = next(model.parameters()).device
    while rows:
        with torch.no_grad():
            params, state = model.step(x.to(device), state)
        logits = model.head.logits(params).float().cpu()
        goes_on = [row.choose(one, end, rule, barring) for row, one in zip(rows, logits, strict=True)]
        if not all(goes_on):
            state = select_rows(state, torch.tensor(goes_on).nonzero().flatten())
            rows = [row for row, goes in zip(rows, goes_on, strict=True) if goes]
        x = torch.tensor([row.codes[-1] for row in rows], dtype=torch.long)
    return [row.hypothesis() for row in drawn]


@dataclass
class _Drawn:
    """What was drawn of a row so far."""

    codes: list[int]
    seed: int
    limits: Limits
    log_probability: float = 0.0
    is_finished: bool = False

    def choose(self, logits: Tensor, end: int, rule: SamplingRule, barring: Barring | None) -> bool:
        """Draw one choice more out of logits `[V]`; return whether the row goes on."""
        odds, allowed = logits.log_softmax(dim=-1), logits.clone()
        barred = [*(barring(self.codes) if barring else ()), *([end] if len(self.codes) < self.limits.least else ())]
        allowed[[*barred, *rule.never]] = -torch.inf
        if bool(allowed.isinf().all()):
            return False
        code = rule.choose(allowed, uniform(self.seed, len(self.codes)))
        if code == end:
            self.log_probability, self.is_finished = self.log_probability + float(odds[code]), True
        elif len(self.codes) < self.limits.most:
            self.log_probability += float(odds[code])
            self.codes.append(code)
            return True
        return False

    def hypothesis(self) -> Hypothesis:
        """Return what was drawn in all."""
        steps = max(1, len(self.codes) + self.is_finished)
        return Hypothesis(self.codes, self.log_probability, self.log_probability / steps, self.is_finished)
