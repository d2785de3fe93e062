"""A model that draws: on from what there is, many endings at once, until the pen ends each drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.data.strokes.prepared import Rows
from statewise.data.window import Window
from statewise.heads.strokes import LIFTS, PenRule
from statewise.model import Model, evaluating
from statewise.program import draw as draw_many
from statewise.state import map_leaves
from statewise.tasks.sketch.data import as_steps
from statewise.tasks.sketch.opener import Given


@dataclass(frozen=True)
class Ending:
    """What was drawn: rows of `dx, dy, lift` in units of the scale, their nats, and whether the pen ended it itself."""

    rows: Rows
    nats: float
    has_ended: bool

    @property
    def places(self) -> int:
        """How many points were foreseen, the end among them."""
        return len(self.rows) + self.has_ended


def begun(rows: Rows) -> Tensor:
    """Return the steps of what was drawn so far, from the pen on the paper on, `[n + 1, 5]`."""
    return as_steps(np.concatenate([np.zeros((1, 3), np.float32), rows]))


def draw(
    model: Model[Any],
    rows: Rows,
    count: int,
    context: Given | None,
    *,
    most: int,
    temperature: float,
    generator: torch.Generator,
) -> list[Ending]:
    """Return `count` ways in which a drawing goes on after some rows, each of at most `most` rows.

    What was drawn is read once, its state copied; where each ending begins from a context of its own, it is read for
    each. All endings are drawn in one call, each from its own seed, until its pen ends it.
    """
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        steps = begun(rows).to(weights)
        read_for = 1 if context is None else count
        xs = steps.unsqueeze(1).expand(-1, read_for, -1)
        state = model.begin(read_for, context)
        params, state = model.scan(Window(xs, xs), state)
        params = map_leaves(lambda leaf: leaf[-1].expand(count, *leaf.shape[2:]), params)
        state = map_leaves(lambda leaf: leaf.expand(count, *leaf.shape[1:]).clone(), state)
        seeds = torch.randint(2**62, (count,), generator=generator)
        drawn = draw_many(model, params, state, seeds, most=most, rule=PenRule(temperature, softened=temperature > 0))
    told = zip(drawn.steps, drawn.lengths.tolist(), drawn.nats.tolist(), drawn.ended.tolist(), strict=True)
    return [
        Ending(steps[:length, [0, 1, LIFTS]].cpu().float().numpy(), nats, ended) for steps, length, nats, ended in told
    ]


def nats_of(model: Model[Any], rows: Rows, context: Given | None) -> np.ndarray[Any, Any]:
    """Return what each point of a drawing costs in nats, its end as the last, `[n + 1]`."""
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        steps = begun(rows).to(weights)
        targets = torch.cat([steps[1:], steps.new_tensor([[0, 0, 0, 0, 1.0]])])
        xs = steps.unsqueeze(1)
        params, _ = model.scan(Window(xs, xs), model.begin(1, context))
        found: np.ndarray[Any, Any] = model.head.nats(params, targets.unsqueeze(1))[:, 0].double().numpy()
        return found


def between(one: Tensor, other: Tensor, count: int) -> Tensor:
    """Return `count` points from one vector to another along the arc between them, both ends included.

    Source: Shoemake 1985.

    >>> between(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)[1]
    tensor([0.7071, 0.7071])
    """
    shares = torch.linspace(0, 1, count).unsqueeze(1).to(one)
    cosine = torch.nn.functional.cosine_similarity(one, other, dim=0).clamp(-1, 1)
    angle = torch.acos(cosine)
    if float(angle.sin()) < 1e-4:
        return one + shares * (other - one)
    return ((1 - shares) * angle).sin() / angle.sin() * one + (shares * angle).sin() / angle.sin() * other


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """Return rows one after another."""
    return np.concatenate([*parts, np.zeros((0, 3), np.float32)])
