"""Many streams that write, each by its own rule and dice, stepped together."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.heads import Categorical
from statewise.program import Declined, Program, program_of
from statewise.sampling import DrawnAhead, NextDraw, narrow, uniform
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
    written is the same alone and in a batch with any others.
    """
    for model in {id(writing.stream.model): writing.stream.model for writing in writings}.values():
        draw_ahead([writing.stream for writing in writings if writing.stream.model is model], PIECES)
    return [_next_pieces(writing.pieces) for writing in writings]


def draw_ahead(streams: Sequence[Stream[Any]], steps: int) -> None:
    """Draw the next `steps` choices of many streams of one model together, and give each stream its own.

    >>> from statewise.cells import LSTM
    >>> from statewise.sampling import SamplingRule
    >>> from statewise.model import Model
    >>> model = Model(torch.nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)).eval()
    >>> one, other = Stream(model), Stream(model)
    >>> alone = one.fork().write(5, SamplingRule(), seed=1)
    >>> begun = one.write(1, SamplingRule(), seed=1), other.write(1, SamplingRule(0.5), seed=2)
    >>> draw_ahead([one, other], steps=4)
    >>> alone == begun[0] + [one.write(1, SamplingRule(), seed=1, first=n)[0] for n in range(1, 5)]
    True
    """
    draws = [(stream, stream.next_draw) for stream in streams]
    # a stream of other rows, or whose odds are not numbers, is left to itself: it must not come between the others
    writing = [(stream, draw) for stream, draw in draws if draw is not None and _is_whole(stream)]
    program = _program(writing[0][0]) if len(writing) > 1 else None
    if program is None:
        return
    state = stack_rows([stream.state for stream, _ in writing])
    params = torch.stack([stream.params for stream, _ in writing])
    ahead: list[list[DrawnAhead]] = [[] for _ in writing]
    for step in range(steps):
        if not bool(params.isfinite().all()):
            break  # whose odds these are will find out alone
        now = [draw._replace(first=draw.first + step) for _, draw in writing]
        choices = _choices(params, now)
        try:
            params, state = program.step(choices, state)
        except Declined:  # the model has changed since
            break
        by = program.packed
        for row, (draw, choice) in enumerate(zip(now, choices.tolist(), strict=True)):
            ahead[row].append(DrawnAhead(draw, choice, row, state, params, by))
    for (stream, _), seen in zip(writing, ahead, strict=True):
        stream.take_ahead(seen)


def _is_whole(stream: Stream[Any]) -> bool:
    is_one_row = all(leaf.shape[0] == 1 for leaf in leaves(stream.state))
    return is_one_row and bool(stream.params.isfinite().all())


def _program(stream: Stream[Any]) -> Program | None:
    program = program_of(stream.model)
    able = program is not None and program.applies() and bool(stream.model.head.choices)
    return program if able and program is not None and 0 < program.outputs <= program.choices else None


def _choices(params: Tensor, draws: Sequence[NextDraw]) -> Tensor:
    """Return a choice for each row; rows of one rule are chosen for together."""
    chosen = torch.empty(len(draws), dtype=torch.int64)
    for rule in dict.fromkeys(draw.rule for draw in draws):
        rows = [row for row, draw in enumerate(draws) if draw.rule == rule]
        dice = torch.tensor([uniform(draws[row].seed, draws[row].first) for row in rows], dtype=torch.double)
        odds = params if len(rows) == len(draws) else params[torch.tensor(rows)]
        odds = narrow(odds, top_k=rule.top_k, top_p=rule.top_p, never=rule.never)
        chosen[torch.tensor(rows)] = Categorical.choose(odds, dice, temperature=rule.temperature)
    return chosen


def _next_pieces(pieces: Iterator[str]) -> list[str] | Exception:
    try:
        return list(islice(pieces, PIECES))
    except Exception as error:  # its asker's to know
        return error
