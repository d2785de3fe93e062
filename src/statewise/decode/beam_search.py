"""A beam search over many rows at once, each with an end of its own."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.bounds import MOST_AT_ONCE, check_whole, shown
from statewise.errors import UsageError
from statewise.model import Model
from statewise.state import leaves, rebuild

MOST_PENALTY = 10.0
Barring = Callable[[Sequence[int]], Sequence[int]]
"Says which choices may not follow those of a hypothesis."


class SearchRule(NamedTuple):
    """How to search: `width` hypotheses of each row at once, of which the `best` are told.

    A hypothesis of log-probability p and n choices, its end among them, scores `p / n ** length_penalty`, finished or
    not; 0 is the plain probability, under which short ones win. `never` are choices that are not made; one of
    `no_repeat` choices in a row does not come twice within a hypothesis, 0 allows any. With a `diversity` above 0, the
    k-th best choice after a hypothesis is taken as if it were `(k - 1) * diversity` nats less likely, so that fewer
    hypotheses have the same beginning; what they score stays as it is. Source: Li, Monroe & Jurafsky 2016.
    """

    width: int = 5
    best: int = 1
    length_penalty: float = 1.0
    never: tuple[int, ...] = ()
    no_repeat: int = 0
    diversity: float = 0.0

    def check(self) -> "SearchRule":
        """Return the rule. Raises `UsageError` where it cannot be followed.

        >>> SearchRule(width=2, best=3).check()
        Traceback (most recent call last):
        statewise.errors.UsageError: best 3 of a beam 2 wide was asked for: give a wider beam
        """
        for what, number, least in (("beam", self.width, 1), ("best", self.best, 1), ("no_repeat", self.no_repeat, 0)):
            check_whole(what, number, least, MOST_AT_ONCE)
        if self.best > self.width:
            raise UsageError(f"best {self.best} of a beam {self.width} wide was asked for: give a wider beam")
        if not 0 <= self.length_penalty <= MOST_PENALTY:
            raise UsageError(
                f"length penalty {shown(self.length_penalty)} is not from 0 to {MOST_PENALTY:g}: give 1 for the mean"
            )
        if not 0 <= self.diversity <= MOST_PENALTY:
            raise UsageError(
                f"diversity {shown(self.diversity)} is not from 0 to {MOST_PENALTY:g} nats: give 0 for none"
            )
        return self


class Limits(NamedTuple):
    """How many choices, the end not counted, a row has at least and at most."""

    least: int
    most: int


class Hypothesis(NamedTuple):
    """What was found for a row: choices without the end, their log-probability with it, and what they score.

    One that `is_finished` came to its end; another one was cut at the most choices that a row may have.
    """

    codes: list[int]
    log_probability: float
    score: float
    is_finished: bool


class _Live(NamedTuple):
    """A hypothesis under way: its log-probability, and its choices as the last one and what was before."""

    log_probability: float
    path: Any


def search(
    model: Model[Tensor],
    state: Any,
    first: Sequence[int],
    end: int,
    limits: Sequence[Limits],
    rule: SearchRule,
    barring: Barring | None = None,
) -> list[list[Hypothesis]]:
    """Return the best hypotheses of each row, the best first: at least one, and finished ones before others.

    `state` is that of B rows before they read the codes `first`. Finished and unfinished hypotheses compete for the
    same `width` places by the same score. A row is done once none that is under way can outdo the `best` finished
    ones, or at its limit. A finished one is never gone on from. A search one wide makes the likeliest choice at each
    step. Each row is searched by itself, whatever the others are. `barring` says which choices, the end among them, may
    not follow those of a hypothesis.

    Raises `UsageError` for limits below 1, and for other numbers of rows, codes and limits.
    """
    rule.check()
    check_rows_of(state, first, limits)
    done: list[list[Hypothesis]] = [[] for _ in first]
    live = [[_Live(0.0, None)] for _ in first]
    rows, x = list(range(len(first))), torch.tensor(list(first), dtype=torch.long)
    device = next(model.parameters()).device
    steps = 0
    while rows:
        steps += 1
        with torch.no_grad():
            params, after = model.step(x.to(device), state)
        odds = model.head.logits(params).float().log_softmax(dim=-1).cpu()
        found = _candidates(odds, rows, live, end, limits, rule, steps, barring)
        parents, chosen, owners = [], [], []
        for row in dict.fromkeys(rows):
            live[row], from_row = _advance(live[row], found[row], done[row], end, limits[row], rule, steps)
            parents += from_row
            chosen += [one.path[0] for one in live[row]]
            owners += [row] * len(live[row])
        state = _of_parents(state, after, parents, is_same=owners == rows)
        rows, x = owners, torch.tensor(chosen, dtype=torch.long)
    return [sorted(each, key=lambda one: (not one.is_finished, -one.score))[: rule.best] for each in done]


def check_rows_of(state: Any, first: Sequence[int], limits: Sequence[Limits]) -> None:
    """Raise `UsageError` for limits below 1, and for other numbers of rows, codes and limits."""
    held = {len(leaf) for leaf in leaves(state)}
    if len(first) != len(limits) or held - {len(first)}:
        raise UsageError(
            f"a search of {len(first)} rows was given {len(limits)} limits and a state of {sorted(held)}: give as many"
        )
    for least, most in limits:
        if not 0 <= least <= most or most < 1:
            raise UsageError(f"a row of at least {least} and at most {most} choices was asked for: give 1 or more")


class _Choice(NamedTuple):
    """One choice more for a hypothesis: which of the state's rows it comes from, and the sum of its log-probability.

    It is taken as if it were less likely by its `penalty`.
    """

    total: float
    code: int
    parent: int
    place: int
    penalty: float


def _candidates(
    odds: Tensor,
    rows: Sequence[int],
    live: Sequence[Sequence[_Live]],
    end: int,
    limits: Sequence[Limits],
    rule: SearchRule,
    steps: int,
    barring: Barring | None,
) -> dict[int, list[_Choice]]:
    """Return the best choices of each row, of all its hypotheses together, the best first."""
    if rule.never:
        odds[:, list(rule.never)] = -torch.inf
    if early := [place for place, row in enumerate(rows) if steps <= limits[row].least]:
        odds[early, end] = -torch.inf
    hypotheses = [one for row in dict.fromkeys(rows) for one in live[row]]
    if rule.no_repeat or barring:
        for place, one in enumerate(hypotheses):
            path = _codes_of(one.path)
            odds[place, _repeating(path, rule.no_repeat) if rule.no_repeat else []] = -torch.inf
            odds[place, list(barring(path)) if barring else []] = -torch.inf
    best, codes = odds.topk(min(rule.width, odds.shape[-1]), dim=-1)
    found: dict[int, list[_Choice]] = {row: [] for row in rows}
    places: dict[int, int] = {}
    for parent, (row, one, gains, chosen) in enumerate(
        zip(rows, hypotheses, best.tolist(), codes.tolist(), strict=True)
    ):
        place = places[row] = places.get(row, -1) + 1
        found[row] += [
            _Choice(one.log_probability + gain, code, parent, place, rank * rule.diversity)
            for rank, (gain, code) in enumerate(zip(gains, chosen, strict=True))
            if gain > -torch.inf
        ]
    return {row: sorted(each, key=lambda one: one.penalty - one.total)[: rule.width] for row, each in found.items()}


def _advance(
    live: Sequence[_Live],
    found: Sequence[_Choice],
    done: list[Hypothesis],
    end: int,
    limits: Limits,
    rule: SearchRule,
    steps: int,
) -> tuple[list[_Live], list[int]]:
    """Let the choices of a row compete with what is finished; return what goes on, and which rows that comes from."""
    scale = steps**rule.length_penalty
    entries: list[tuple[float, Hypothesis | _Choice]] = [(one.score, one) for one in done]
    entries += [(one.total / scale, one) for one in found]
    kept = sorted(entries, key=lambda entry: -entry[0])[: rule.width]
    done[:] = [one for _, one in kept if isinstance(one, Hypothesis)]
    after, parents = [], []
    for score, one in kept:
        if isinstance(one, Hypothesis):
            continue
        if one.code == end:
            done.append(Hypothesis(_codes_of(live[one.place].path), one.total, score, True))
        else:
            after.append(_Live(one.total, (one.code, live[one.place].path)))
            parents.append(one.parent)
    if after and steps <= limits.most and not _is_decided(done, after, limits, rule):
        return after, parents
    if not done or (after and len(done) < rule.best):  # cut at the limit, or nothing may be chosen any more
        told = [one.codes for one in done]
        scale = max(1, steps - 1) ** rule.length_penalty
        cut = [(_codes_of(one.path), one.log_probability) for one in live]
        done += [Hypothesis(codes, odds, odds / scale, False) for codes, odds in cut if codes not in told]
    return [], []


def _is_decided(done: Sequence[Hypothesis], live: Sequence[_Live], limits: Limits, rule: SearchRule) -> bool:
    """Tell whether no hypothesis under way can come to score more than those that will be told."""
    if len(done) < rule.best:
        return False
    worst = sorted((one.score for one in done), reverse=True)[rule.best - 1]
    longest = (limits.most + 1) ** rule.length_penalty
    # a log-probability only falls, and divides by at most this
    return all(one.log_probability / longest <= worst for one in live)


def _of_parents(before: Any, after: Any, parents: Sequence[int], *, is_same: bool) -> Any:
    """Return the state of the hypotheses that go on.

    What a step did not change, as a memory that is read, is alike in all hypotheses of a row, and need not be moved
    where each row has as many of them as before.
    """
    at = torch.tensor(parents, dtype=torch.long)
    pairs = zip(leaves(before), leaves(after), strict=True)
    return rebuild(after, [new if is_same and old is new else new[at.to(new.device)] for old, new in pairs])


def _codes_of(path: Any) -> list[int]:
    codes: list[int] = []
    while path is not None:
        code, path = path
        codes.append(code)
    return codes[::-1]


def _repeating(codes: Sequence[int], length: int) -> list[int]:
    """Return what would make the last choices, so many in a row, stand a second time.

    >>> _repeating([5, 6, 7, 5, 6], 3)
    [7]
    """
    if len(codes) < length:
        return []
    last = list(codes[len(codes) - length + 1 :])
    return [
        codes[at + length - 1] for at in range(len(codes) - length + 1) if list(codes[at : at + length - 1]) == last
    ]
