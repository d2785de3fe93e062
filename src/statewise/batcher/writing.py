"""Many streams that write, each by its own rule and dice, stepped together."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.choosing import Foreseen, Wish, narrow, uniform
from statewise.heads import Categorical
from statewise.program import Declined, Program, program_of
from statewise.state import leaves, stack_rows
from statewise.stream import Stream

PIECES = 16
"So many pieces are written of each before others have their turn."


class Writing(NamedTuple):
    """A stream that writes, and what is written, a piece at a time."""

    stream: Stream[Any]
    pieces: Iterator[str]


def write(writings: Sequence[Writing]) -> list[list[str] | Exception]:
    """Return the next pieces of each, or none where it is complete, or what it raised.

    Streams of one model that have begun to write are stepped together, where the model is a step program: what is
    written is the same alone and beside any others.
    """
    for model in {id(writing.stream.model): writing.stream.model for writing in writings}.values():
        foresee([writing.stream for writing in writings if writing.stream.model is model], PIECES)
    return [_next_pieces(writing.pieces) for writing in writings]


def foresee(streams: Sequence[Stream[Any]], steps: int) -> None:
    """Tell streams of one model what each would choose next, so many choices of all of them in so many steps.

    >>> from statewise.cells import LSTM
    >>> from statewise.choosing import Rule
    >>> from statewise.model import Model
    >>> model = Model(torch.nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)).eval()
    >>> one, other = Stream(model), Stream(model)
    >>> alone = one.fork().write(5, Rule(), seed=1)
    >>> begun = one.write(1, Rule(), seed=1), other.write(1, Rule(0.5), seed=2)
    >>> foresee([one, other], steps=4)
    >>> alone == begun[0] + [one.write(1, Rule(), seed=1, first=n)[0] for n in range(1, 5)]
    True
    """
    wishes = [(stream, stream.wish) for stream in streams]
    # a stream of other rows, or whose odds are no numbers, is left to itself: it must not come between the others
    writing = [(stream, wish) for stream, wish in wishes if wish is not None and _is_whole(stream)]
    program = _program(writing[0][0]) if len(writing) > 1 else None
    if program is None:
        return
    state = stack_rows([stream.state for stream, _ in writing])
    params = torch.stack([stream.params for stream, _ in writing])
    foreseen: list[list[Foreseen]] = [[] for _ in writing]
    for step in range(steps):
        if not bool(params.isfinite().all()):
            break  # whose odds these are will find out alone
        now = [wish._replace(first=wish.first + step) for _, wish in writing]
        choices = _choices(params, now)
        try:
            params, state = program.step(choices, state)
        except Declined:  # the model has changed since
            break
        by = program.packed
        for row, (wish, choice) in enumerate(zip(now, choices.tolist(), strict=True)):
            foreseen[row].append(Foreseen(wish, choice, row, state, params, by))
    for (stream, _), seen in zip(writing, foreseen, strict=True):
        stream.foresee(seen)


def _is_whole(stream: Stream[Any]) -> bool:
    is_one_row = all(leaf.shape[0] == 1 for leaf in leaves(stream.state))
    return is_one_row and bool(stream.params.isfinite().all())


def _program(stream: Stream[Any]) -> Program | None:
    program = program_of(stream.model)
    able = program is not None and program.applies() and bool(stream.model.head.choices)
    return program if able and program is not None and 0 < program.outputs <= program.choices else None


def _choices(params: Tensor, wishes: Sequence[Wish]) -> Tensor:
    """Return a choice for each row; rows of one rule are chosen for together."""
    chosen = torch.empty(len(wishes), dtype=torch.int64)
    for rule in dict.fromkeys(wish.rule for wish in wishes):
        rows = [row for row, wish in enumerate(wishes) if wish.rule == rule]
        dice = torch.tensor([uniform(wishes[row].seed, wishes[row].first) for row in rows], dtype=torch.double)
        odds = params if len(rows) == len(wishes) else params[torch.tensor(rows)]
        odds = narrow(odds, top_k=rule.top_k, top_p=rule.top_p, never=rule.never)
        chosen[torch.tensor(rows)] = Categorical.choose(odds, dice, temperature=rule.temperature)
    return chosen


def _next_pieces(pieces: Iterator[str]) -> list[str] | Exception:
    try:
        return list(islice(pieces, PIECES))
    except Exception as error:  # its asker's to know
        return error
