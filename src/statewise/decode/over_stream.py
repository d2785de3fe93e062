"""Sequences out of a stream: the likeliest at each step, a draw from the model's odds, or the best of many."""

from collections.abc import Iterator, Sequence
from itertools import chain, count
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.bounds import check_whole
from statewise.sampling import MOST_AT_ONCE, SamplingRule, check_writing, narrow, new_seed
from statewise.state import select_rows
from statewise.stream import Stream

__all__ = ["Beam", "beam", "narrow", "sample"]


def sample(
    stream: Stream[Tensor],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    never: Sequence[int] = (),
    seed: int | None = None,
    ahead: int = 1,
) -> Iterator[int]:
    """Return choices without end, each pushed back into the stream before the next; temperature 0 is greedy.

    The odds are shaped by `temperature` after `top_k` and `top_p` have ruled choices out; a `seed` repeats itself, on
    every kernel (`statewise.sampling`). The stream may be up to `ahead - 1` choices past the one that was yielded,
    which lets native code make so many in one call. Raises `UsageError` for settings that leave nothing to choose from.
    """
    rule = SamplingRule(temperature, top_k, top_p, tuple(never))
    check_whole("ahead", ahead, 1, MOST_AT_ONCE)
    seed = new_seed() if seed is None else seed
    check_writing(ahead, seed, 0)
    return chain.from_iterable(stream.write(ahead, rule, seed, first) for first in count(step=ahead))


class Beam(NamedTuple):
    """A continuation and its log-probability in nats."""

    codes: list[int]
    log_probability: float


def beam(stream: Stream[Tensor], length: int, width: int, *, never: Sequence[int] = ()) -> list[Beam]:
    """Return the best continuations of `length` choices that a search `width` wide finds, the likeliest first.

    The stream itself stays where it is. Raises `UsageError` for a width or length below 1.
    """
    for what, number in (("a beam's width", width), ("a beam's length", length)):
        check_whole(what, number, 1, MOST_AT_ONCE)
    model, state = stream.model, stream.state
    scores = narrow(stream.model.head.logits(stream.params), never=never).log_softmax(dim=-1).unsqueeze(0)
    codes: list[list[int]] = [[]]
    best = scores.flatten()[:0]
    for step in range(length):
        best, flat = scores.flatten().topk(min(width, scores.numel()))
        rows, choices = flat // scores.shape[-1], flat % scores.shape[-1]
        codes = [[*codes[row], choice] for row, choice in zip(rows.tolist(), choices.tolist(), strict=True)]
        if step < length - 1:
            with torch.no_grad():
                params, state = model.step(choices, select_rows(state, rows))
            scores = best.unsqueeze(-1) + narrow(model.head.logits(params), never=never).log_softmax(dim=-1)
    return [Beam(path, score) for path, score in zip(codes, best.tolist(), strict=True)]
