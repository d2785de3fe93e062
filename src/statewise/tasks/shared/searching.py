"""The best targets of many sources at once, each the same whatever the others are."""

from collections.abc import Sequence
from typing import Any

import torch

from statewise.data.pairs.subwords import END, START
from statewise.decode import Barring, Hypothesis, Limits, SearchRule, draw, search
from statewise.model import Model, evaluating
from statewise.sampling import SamplingRule
from statewise.state import select_rows
from statewise.tasks.shared.reader_writer import opened

ROWS = 32
"How many sources are searched at once: those of like lengths, so that little is read in vain."


def search_all(
    model: Model[Any],
    sources: Sequence[Sequence[int]],
    limits: Sequence[Limits],
    rule: SearchRule,
    barring: Barring | None = None,
) -> list[list[Hypothesis]]:
    """Return the best targets of each source, which are codes, in the order of the sources."""
    order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
    found: dict[int, list[Hypothesis]] = {}
    with evaluating(model), torch.no_grad():
        for begin in range(0, len(order), ROWS):
            numbers = order[begin : begin + ROWS]
            state = opened(model, [sources[number] for number in numbers])
            some = [limits[number] for number in numbers]
            best = search(model, state, [START] * len(numbers), END, some, rule, barring)
            found |= zip(numbers, best, strict=True)
    return [found[number] for number in range(len(sources))]


def draw_all(
    model: Model[Any],
    sources: Sequence[Sequence[int]],
    limit: Limits,
    rule: SamplingRule,
    seeds: Sequence[int],
    barring: Barring | None = None,
) -> list[list[Hypothesis]]:
    """Return for each source as many targets as there are seeds, drawn by these."""
    found: list[list[Hypothesis]] = []
    many = len(seeds)
    with evaluating(model), torch.no_grad():
        for source in sources:
            state = select_rows(opened(model, [source]), torch.zeros(many, dtype=torch.long))
            found.append(draw(model, state, [START] * many, END, [limit] * many, rule, seeds, barring))
    return found
