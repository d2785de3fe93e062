"""How a choice is sampled from logits, in Python and in native code alike, and the random numbers for it.

Choices that are not allowed are removed and the logits are divided by the temperature. Then the choice is the first one
whose cumulative probability is larger than a random number between 0 and 1. Number n of a seed is computed from the
seed and n alone, so it does not depend on earlier draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.bounds import check_whole, shown
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.heads.head import check_temperature

GOLDEN, FIRST, SECOND, WORD = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 2**64 - 1
MOST_CHOICES = 2**31 - 1
MOST_AT_ONCE = 2**24
"So many choices can be made in one call."


def uniform(seed: int, n: int) -> float:
    """Return number `n` of the stream of a seed, at least 0 and below 1.

    It is the upper 53 bits of SplitMix64 (Steele, Lea & Flood 2014) of `seed + (n + 1) * 0x9e3779b97f4a7c15`.

    >>> uniform(seed=1, n=0)
    0.5665615751722809
    """
    bits = (seed + (n + 1) * GOLDEN) & WORD
    bits = ((bits ^ (bits >> 30)) * FIRST) & WORD
    bits = ((bits ^ (bits >> 27)) * SECOND) & WORD
    return float(((bits ^ (bits >> 31)) >> 11) * 2.0**-53)


def new_seed() -> int:
    """Return a new random seed."""
    return torch.Generator().seed()


@dataclass(frozen=True)
class SamplingRule:
    """How a choice is sampled: temperature, top-k, top-p and choices that are never made.

    `top_k` and `top_p` apply before `temperature`. Temperature 0 takes the most likely choice, and the first of equal
    ones. Raises `UsageError` for settings that leave nothing to choose from.

    >>> SamplingRule(temperature=0).choose(torch.tensor([1.0, 3.0, 2.0]), 0.9)
    1
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    never: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        check_narrowing(self.top_k, self.top_p)
        for choice in self.never:
            check_whole("a choice that is never made,", choice, 0, MOST_CHOICES)

    def choose(self, logits: Tensor, number: float) -> int:
        """Return the choice out of logits `[V]` that a number between 0 and 1 stands for."""
        logits = narrow(logits, top_k=self.top_k, top_p=self.top_p, never=self.never)
        return int(Categorical.choose(logits, torch.tensor(number, dtype=torch.double), temperature=self.temperature))


class NextDraw(NamedTuple):
    """The choice that a stream makes next if it goes on writing: its rule, its seed, and the number of the draw."""

    rule: SamplingRule
    seed: int
    first: int


class DrawnAhead(NamedTuple):
    """A draw that was made in advance in a batch: the choice, the row of the batch, and the state and odds after it.

    `by` are the weights that made it: a stream uses it only while it has the same ones.
    """

    draw: NextDraw
    choice: int
    row: int
    state: Any
    params: Any
    by: object


def check_writing(steps: int, seed: int, first: int) -> None:
    """Raise `UsageError` where so many choices cannot be made from a number of a seed's stream on."""
    are_whole = type(steps) is type(seed) is type(first) is int
    if are_whole and 0 <= steps <= MOST_AT_ONCE and 0 <= seed <= WORD and 0 <= first <= WORD - MOST_AT_ONCE:
        return  # the common case, in a third of the time
    check_whole("a number of choices,", steps, 0, MOST_AT_ONCE)
    check_whole("--seed", seed, -(2**63), WORD)
    check_whole("the first number of a seed's stream,", first, 0, WORD - MOST_AT_ONCE)


def check_narrowing(top_k: int | None, top_p: float | None) -> None:
    """Raise `UsageError` for a `top_k` below 1 or a `top_p` outside of (0, 1]."""
    if top_k is not None:
        if isinstance(top_k, int) and not isinstance(top_k, bool) and top_k < 1:
            raise UsageError(f"top-k {shown(top_k)} leaves no choice: give 1 or more")
        check_whole("--top-k", top_k, 1, MOST_CHOICES)
    if top_p is not None and (not isinstance(top_p, Real) or isinstance(top_p, bool) or not 0 < top_p <= 1):
        raise UsageError(f"top-p {shown(top_p)} is not a share: give more than 0 and at most 1")


def check_never(never: Sequence[int], choices: int) -> None:
    """Raise `UsageError` where what is never to be chosen is none of so many choices."""
    if never and not 0 <= min(never) <= max(never) < choices:
        raise UsageError(
            f"what is never chosen is not one of the {choices} choices: give numbers from 0 to {choices - 1}"
        )


def narrow(
    logits: Tensor, *, top_k: int | None = None, top_p: float | None = None, never: Sequence[int] = ()
) -> Tensor:
    """Rule out choices: all but the `top_k` likeliest, all beyond the first `top_p` of probability, and `never`.

    Shapes: `logits` `[..., V]`. What is ruled out becomes minus infinity. The likeliest choice always stays, and so do
    those as likely as the last of the `top_k`. Raises `UsageError` for a `top_k` below 1, a `top_p` outside of (0, 1].

    >>> narrow(torch.tensor([1.0, 3.0, 2.0]), top_k=2)
    tensor([-inf, 3., 2.])
    """
    check_narrowing(top_k, top_p)
    if never:
        check_never(never, logits.shape[-1])
        logits = logits.index_fill(-1, torch.tensor(list(never), device=logits.device), -torch.inf)
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.double().softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        ruled_out = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= top_p)
        logits = logits.masked_fill(ruled_out, -torch.inf)
    return logits
