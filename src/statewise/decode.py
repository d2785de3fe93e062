"""Sequences out of a stream: the likeliest at each step, a draw from the model's odds, or the best of many."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.heads import Head
from statewise.state import select_rows
from statewise.stream import Stream


def narrow(
    logits: Tensor, *, top_k: int | None = None, top_p: float | None = None, never: Sequence[int] = ()
) -> Tensor:
    """Rule out choices: all but the `top_k` likeliest, all beyond the first `top_p` of probability, and `never`.

    Shapes: `logits` `[..., V]`. What is ruled out becomes minus infinity. The likeliest choice always stays.
    Raises `UsageError` for a `top_k` below 1 or a `top_p` outside of (0, 1].

    >>> narrow(torch.tensor([1.0, 3.0, 2.0]), top_k=2)
    tensor([-inf, 3., 2.])
    """
    if top_k is not None and top_k < 1:
        raise UsageError(f"top-k {top_k} leaves no choice: give 1 or more")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top-p {top_p:g} is no share: give more than 0 and at most 1")
    if never:
        logits = logits.index_fill(-1, torch.tensor(list(never), device=logits.device), -torch.inf)
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        ruled_out = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= top_p)
        logits = logits.masked_fill(ruled_out, -torch.inf)
    return logits


def sample(
    stream: Stream[Tensor],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    never: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Iterator[int]:
    """Yield choices without end, each pushed back into the stream before the next; temperature 0 is greedy.

    The odds are shaped by `temperature` after `top_k` and `top_p` have ruled choices out.
    Raises `UsageError` for settings that leave nothing to choose from.
    """
    head: Head[Tensor] = stream.model.head
    while True:
        logits = narrow(stream.params, top_k=top_k, top_p=top_p, never=never)
        choice = int(head.sample(logits.unsqueeze(0), temperature=temperature, generator=generator))
        stream.push(choice)
        yield choice


class Beam(NamedTuple):
    """A continuation and its log-probability in nats."""

    codes: list[int]
    log_probability: float


def beam(stream: Stream[Tensor], length: int, width: int, *, never: Sequence[int] = ()) -> list[Beam]:
    """Return the best continuations of `length` choices that a search `width` wide finds, the likeliest first.

    The stream itself stays where it is. Raises `UsageError` for a width or length below 1.
    """
    if width < 1 or length < 1:
        raise UsageError(f"a beam {width} wide and {length} long finds nothing: give 1 or more of each")
    model, state = stream.model, stream.state
    scores = narrow(stream.params, never=never).log_softmax(dim=-1).unsqueeze(0)
    codes: list[list[int]] = [[]]
    best = scores.flatten()[:0]
    for step in range(length):
        best, flat = scores.flatten().topk(min(width, scores.numel()))
        rows, choices = flat // scores.shape[-1], flat % scores.shape[-1]
        codes = [[*codes[row], choice] for row, choice in zip(rows.tolist(), choices.tolist(), strict=True)]
        if step < length - 1:
            with torch.no_grad():
                logits, state = model.step(choices, select_rows(state, rows))
            scores = best.unsqueeze(-1) + narrow(logits, never=never).log_softmax(dim=-1)
    return [Beam(path, score) for path, score in zip(codes, best.tolist(), strict=True)]
