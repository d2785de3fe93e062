"""How well a model predicts: its loss over windows it does not learn from, or only after it predicted them."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.data.window import Window
from statewise.heads import Loss
from statewise.learning.optimizers import clip_norm
from statewise.learning.sparse_gradients import settle
from statewise.model import Model, evaluating
from statewise.program import compile as compile_program
from statewise.state import detach, map_leaves, where_rows

DYNAMIC_RATE = 0.1
DYNAMIC_CLIP = 1.0


def score(model: Model[Any], windows: Sequence[Window]) -> Iterator[tuple[float, Loss]]:
    """Yield, window by window, how much is done and the loss so far; the model and the random numbers do not change."""
    with evaluating(model):
        total, state = Loss.nothing(), model.begin(windows[0].rows)
        for number, window in enumerate(windows, start=1):
            with torch.no_grad():
                loss, state = model.loss(_on(model, window), state)
            total = total.plus(loss.detached())
            yield number / len(windows), total


def score_dynamically(
    model: Model[Any], windows: Sequence[Window], rate: float = DYNAMIC_RATE
) -> Iterator[tuple[float, Loss]]:
    """Yield as `score` does, while a copy of the model goes on learning from each window once it has predicted it."""
    total = Loss.nothing()
    for number, seen in enumerate(foresee(model, windows, rate), start=1):
        with torch.no_grad():
            loss = seen.model.head.loss(seen.params, seen.window.targets, seen.window.places)
        total = total.plus(loss.detached())
        yield number / len(windows), total


class Foreseen(NamedTuple):
    """A window, what was predicted at each of its steps, and the model that did, as it was then."""

    model: Model[Any]
    window: Window
    params: Any


def foresee(model: Model[Any], windows: Sequence[Window], rate: float = 0.0) -> Iterator[Foreseen]:
    """Yield each window with what was predicted before it was seen; the state is carried from one to the next.

    With a `rate`, a copy of the model goes on learning from each window once it is predicted. The step is plain
    gradient descent on the mean loss of a model in evaluation, its norm clipped to 1. Neither the model nor the random
    numbers change. Source: Graves 2013, section 3.1.
    """
    seeing = copy.deepcopy(model) if rate else model
    with evaluating(seeing):
        optimizer = torch.optim.SGD(seeing.parameters(), rate or 1.0)
        state = seeing.begin(windows[0].rows)
        for each in windows:
            window = _on(seeing, each)
            with torch.set_grad_enabled(rate > 0):
                params, state = seeing.scan(window, state)
            state = detach(state)
            yield Foreseen(seeing, window, map_leaves(Tensor.detach, params))
            if rate:
                optimizer.zero_grad()
                seeing.head.loss(params, window.targets, window.places).mean.backward()  # type: ignore[no-untyped-call]
                settle(seeing.parameters())
                clip_norm(seeing.parameters(), DYNAMIC_CLIP)
                optimizer.step()


def score_compiled(model: Model[Any], windows: Sequence[Window], storage: str) -> Iterator[tuple[float, Loss]]:
    """Yield as `score` does, step by step as a program whose weights are kept as `storage`: what smaller ones cost.

    Raises `UsageError` for a model that is not a step program.
    """
    compiled = compile_program(model.eval(), storage)
    rows = windows[0].rows
    total, state, fresh = Loss.nothing(), detach(model.begin(rows)), detach(model.begin(rows))
    for number, window in enumerate(windows, start=1):
        steps = []
        for t, x in enumerate(window.inputs):
            begun = state if window.reset is None else where_rows(window.reset[t], fresh, state)
            params, after = compiled.step(x, begun)
            state = after if window.mask is None else where_rows(window.mask[t], after, state)
            steps.append(params)
        total = total.plus(model.head.loss(torch.stack(steps), window.targets, window.places).detached())
        yield number / len(windows), total


def _on(model: Model[Any], window: Window) -> Window:
    return window.like(next(model.parameters()))
