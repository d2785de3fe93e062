"""A model that writes texts, many side by side, until its window has come to the end of each."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.strokes.drawing import MOST_STROKES
from statewise.data.strokes.prepared import Rows
from statewise.data.window import Padded, Window
from statewise.errors import UsageError
from statewise.heads.strokes import ENDS, LIFTS, NUMBERS, PenRule
from statewise.model import Model, evaluating
from statewise.program import Declined, TextLimits, Writings
from statewise.program.pen import NO_ODDS
from statewise.program.writing import writing_program_of
from statewise.sampling import uniform
from statewise.state import map_leaves, select_rows
from statewise.tasks.handwriting.pen import PenStep, pen_step
from statewise.tasks.sketch.drawing_on import begun

NEVER, SURELY = -1e9, 1e9
MOST_TOGETHER = 2**24
"So many numbers are told of the windows of texts that are written at once."
PATIENCE = 1.5
"At the end of a text a pen may go on for so many letters, as to set a dot; then it is taken away where it is lifted."


class Wrote(NamedTuple):
    """What was written: rows of `dx, dy, lift` in units of the scale, and whether the window ended it.

    `costs` `[n + 1]` are the nats of each point and the end, without the end where it was cut. `heights` `[n + 1, S]`
    are how much of each letter of the text the window read before each of them.
    """

    rows: Rows
    costs: NDArray[np.float64]
    has_ended: bool
    heights: NDArray[np.float32]

    @property
    def points(self) -> int:
        """How many points were foreseen, the end among them."""
        return len(self.costs)

    @property
    def nats(self) -> float:
        """What all of them cost."""
        return float(self.costs.sum())

    def after(self, letters: int) -> "Wrote":
        """Return it without the strokes with which it first finished some letters that were given."""
        starts = [0, *(np.flatnonzero(self.rows[:, 2] > 0) + 1).tolist()]
        is_before = self.heights.argmax(axis=1) < letters
        first = next((a for a, b in pairwise(starts) if 2 * int(is_before[a:b].sum()) <= b - a), starts[-1])
        return Wrote(self.rows[first:], self.costs[first:], self.has_ended, self.heights[first:, letters:])


class Read(NamedTuple):
    """What was read of a line: nats of each point, the letter that the window is at, and how likely the end is."""

    nats: NDArray[np.float64]
    letter: int
    end: float


def read(model: Model[Any], text: NDArray[np.int64], rows: Rows) -> Read:
    """Return what each point of a line costs, and where the window is after the last."""
    with evaluating(model), torch.no_grad():
        letters = Padded.of([torch.from_numpy(text)])
        steps = begun(rows).to(next(model.parameters())).unsqueeze(1)
        state = model.begin(1, letters)
        params, state = model.scan(Window(steps[:-1], steps[:-1]), state)
        nats: NDArray[np.float64] = model.head.nats(params, steps[1:])[:, 0].double().numpy()
        step = pen_step(model, steps[-1], state)
        end = step.params.pen.softmax(dim=-1)[0, ENDS - 2]
        return Read(nats, int(step.heights.argmax()), float(end))


def limit_of(letters: int, points_per_letter: float) -> int:
    """Return how many points a text may take: twice what its letters take on average, and some more.

    >>> limit_of(10, 12.5)
    300
    """
    return int(2 * points_per_letter * (letters + 2))


def write(
    model: Model[Any],
    texts: Sequence[NDArray[np.int64]],
    given: Rows,
    given_letters: int,
    *,
    points_per_letter: float,
    bias: float,
    temperature: float,
    generator: torch.Generator,
    strokes: int | None = None,
) -> list[Wrote]:
    """Return one writing of each text, all side by side; with `strokes` of so many strokes at most.

    `given` are rows that were written before, of the first `given_letters` letters of every text: they are read once,
    and neither they are in what is returned, nor strokes with which those letters were finished.
    """
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        letters = Padded.of([torch.from_numpy(text) for text in texts])
        state = model.begin(len(texts), letters)
        steps = begun(given).to(weights).unsqueeze(1).expand(-1, len(texts), -1)
        if len(steps) > 1:
            _, state = model.scan(Window(steps[:-1], steps[:-1]), state)
        lasts = letters.lengths - 1
        limits = [limit_of(int(last) - given_letters, points_per_letter) for last in lasts]
        patience = max(1, int(PATIENCE * points_per_letter))
        how = TextLimits(torch.tensor(limits), patience, strokes or MOST_STROKES)
        rule = PenRule(temperature, bias, softened=True)
        rule.check()
        seeds = torch.randint(2**62, (len(texts),), generator=generator)
        found = _natively(model, steps[-1], state, lasts, how, seeds, rule)
        found = found or write_step_by_step(model, steps[-1], state, lasts, how, seeds, rule)
        ends = [len(text) for text in texts]
        whole = [one._replace(heights=one.heights[:, :end]) for one, end in zip(found, ends, strict=True)]
        return [one.after(given_letters) for one in whole] if given_letters else whole


class _Line:
    """A line while it is written."""

    def __init__(self, limit: int, strokes: int) -> None:
        self.limit, self.strokes, self.has_ended = limit, strokes, False
        self.rows: list[list[float]] = []
        self.costs: list[float] = []
        self.heights: list[NDArray[np.float32]] = []

    def take(self, x: list[float], cost: float, heights: NDArray[np.float32]) -> bool:
        """Take what was drawn, and tell whether more may come: not beyond the limit, so nothing is scribbled on."""
        self.has_ended = x[ENDS] > 0
        if len(self.rows) == self.limit and not self.has_ended:
            return False
        self.costs.append(cost)
        self.heights.append(heights)
        if not self.has_ended:
            self.rows.append([*x[:2], x[LIFTS]])
            self.strokes -= x[LIFTS] > 0
        return not self.has_ended and self.strokes > 0

    def wrote(self) -> Wrote:
        """Return what was written."""
        rows = np.array(self.rows, np.float32).reshape(-1, 3)
        return Wrote(rows, np.array(self.costs), self.has_ended, np.stack(self.heights))


def _natively(
    model: Model[Any], x: Tensor, state: Any, lasts: Tensor, until: TextLimits, seeds: Tensor, rule: PenRule
) -> list[Wrote] | None:
    """Write in native code, some rows at a time, so that memory is bounded; None where it does not know the model."""
    program = writing_program_of(model)
    if program is None:
        return None
    together = max(1, MOST_TOGETHER // ((int(until.limits.max()) + 1) * (int(lasts.max()) + 1)))
    found: list[Wrote] = []
    try:
        for start in range(0, len(seeds), together):
            some = slice(start, start + together)
            these = until._replace(limits=until.limits[some])
            part = program.write(
                x[some], map_leaves(lambda leaf, some=some: leaf[some], state), seeds[some], these, rule
            )
            found += _wrote(part)
    except Declined:
        return None
    return found


def _wrote(found: Writings) -> list[Wrote]:
    counts = zip(found.lengths.tolist(), found.costs.tolist(), found.ended.tolist(), strict=True)
    return [
        Wrote(
            found.points[row, :length, [0, 1, LIFTS]].numpy(),
            found.nats[row, :costs].numpy().copy(),
            ended,
            found.heights[row, :costs].numpy().copy(),
        )
        for row, (length, costs, ended) in enumerate(counts)
    ]


def write_step_by_step(
    model: Model[Any], x: Tensor, state: Any, lasts: Tensor, until: TextLimits, seeds: Tensor, rule: PenRule
) -> list[Wrote]:
    """Write as `WritingProgram.write` does, with a step of the model for all rows: what it is held to."""
    head: Any = model.head
    lines = [_Line(limit, until.strokes) for limit in until.limits.tolist()]
    going = list(zip(lines, seeds.tolist(), strict=True))  # those that are still written: others leave the batch
    waited = torch.zeros(len(lines), dtype=torch.long)
    while going:
        step = pen_step(model, x, state)
        at_end = step.heights.argmax(dim=1) == lasts
        waited = torch.where(at_end, waited + 1, 0)
        must_end = (x[:, LIFTS] > 0) & (step.is_behind | (waited > until.patience))
        allowed = _allowed(step, at_end | step.is_behind, must_end)
        numbers = [[uniform(seed, NUMBERS * len(line.rows) + i) for i in range(NUMBERS)] for line, seed in going]
        x = head.choose(allowed, torch.tensor(numbers, dtype=torch.float64, device=x.device), rule)
        if not all(bool(part.isfinite().all()) for part in (x, step.params.log_weights, step.params.pen)):
            raise UsageError(NO_ODDS)
        costs, heights = head.nats(step.params, x).double().tolist(), step.heights.float().cpu().numpy()
        drawn = zip(going, x.tolist(), costs, heights, strict=True)
        stays = [place for place, ((line, _), *point) in enumerate(drawn) if line.take(*point)]
        state = step.state
        if len(stays) < len(going):
            going, kept = [going[place] for place in stays], torch.tensor(stays, dtype=torch.long)
            state = select_rows(state, kept)
            x, lasts, waited = x[kept], lasts[kept], waited[kept]
    return [line.wrote() for line in lines]


def _allowed(step: PenStep, may_end: Tensor, must_end: Tensor) -> Any:
    """Return the parameters of a point with a pen that ends only where the window is at the end of the text."""
    pen = step.params.pen.clone()
    pen[:, ENDS - 2] = torch.where(may_end, pen[:, ENDS - 2], NEVER)
    pen[:, ENDS - 2] = torch.where(must_end, SURELY, pen[:, ENDS - 2])
    return step.params._replace(pen=pen)
