"""What a model asks for after the events of sessions, which lists that makes, and which event moved what."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.interactions.session_rows import Places
from statewise.data.window import Window
from statewise.heads import ItemHead
from statewise.model import Model
from statewise.tasks.recommend.approximate import ApproximateIndex
from statewise.tasks.recommend.lists import Listed, top

ScoredAfter = Callable[[int, int], Tensor]
"From one query to another, to the scores `[n, V]` of all items."

MOST_ROWS = 256
MOST_SCORED = 1 << 23
MOST_READ = 1 << 14


def queries(model: Model[Tensor], places: Places) -> Tensor:
    """Return the query at every place, `[n, D]`, each session read from its beginning; the model is not changed.

    Sessions of about one length are read side by side, so that the short ones do not wait for the long.
    """
    was_training = model.training
    model.eval()
    starts = np.unique(places.begins)
    lengths = np.diff(np.append(starts, len(places.read)))
    found: list[tuple[NDArray[np.int64], Tensor]] = []
    try:
        with torch.no_grad():
            for batch in _batches(lengths):
                window, where = _window(places, starts[batch], lengths[batch])
                asked, _ = model.scan(window, model.begin(len(batch)))
                assert window.mask is not None
                found.append((where, asked[window.mask]))
    finally:
        model.train(was_training)
    asked = torch.cat([part for _, part in found])
    return torch.empty_like(asked).index_copy_(0, torch.from_numpy(np.concatenate([w for w, _ in found])), asked)


def _batches(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield sessions of about one length, as many as fit."""
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        rows = int(np.clip(MOST_READ // lengths[order[start]], 1, MOST_ROWS))
        yield order[start : start + rows]
        start += rows


def _window(places: Places, starts: NDArray[Any], lengths: NDArray[Any]) -> tuple[Window, NDArray[np.int64]]:
    steps = np.arange(lengths.max())[:, None]
    mask = steps < lengths
    where = np.where(mask, starts + steps, 0)
    read, wanted = (torch.from_numpy(np.where(mask, of[where], 0)) for of in (places.read, places.wanted))
    return Window(read, wanted, mask=torch.from_numpy(mask)), where[mask]


def ranking_of(model: Model[Any]) -> ItemHead:
    """Return the head of a recommender."""
    return cast(ItemHead, model.head)


def lists(
    model: Model[Any],
    asked: Tensor,
    k: int,
    seen: Sequence[Sequence[int]] | None = None,
    index: ApproximateIndex | None = None,
    choices: int | None = None,
    scored: ScoredAfter | None = None,
) -> Listed:
    """Return the `k` items of the highest scores for each query `[n, D]`, without those that its session has had.

    They are exact, or with an `index` those that it finds. With more `choices` than the head's own, items that were
    never trained on are among them. With `scored`, scores are what that returns for some of the queries.
    """
    if scored is not None:
        at_once = max(1, MOST_SCORED // ranking_of(model).choices)
        parts = [
            _listed_by(scored(start, min(start + at_once, len(asked))), k, None if seen is None else seen[start:])
            for start in range(0, len(asked), at_once)
        ]
        return Listed(torch.cat([part.items for part in parts]), torch.cat([part.scores for part in parts]))
    if index is not None:
        return index.top(asked, k, seen=None if seen is None else [list(had) for had in seen])
    head = ranking_of(model)
    pairs = None if seen is None else torch.tensor([(row, item) for row, had in enumerate(seen) for item in had])
    with torch.no_grad():
        return top(lambda a, b: head.scores(asked, a, b), choices or head.choices, k, rows=len(asked), seen=pairs)


def _listed_by(scores: Tensor, k: int, seen: Sequence[Sequence[int]] | None) -> Listed:
    rows, choices = scores.shape
    pairs = [] if seen is None else [(row, item) for row, had in enumerate(seen[:rows]) for item in had]
    had = torch.tensor(pairs) if pairs else None
    return top(lambda start, stop: scores[:, start:stop], choices, k, rows=rows, seen=had)


def read_sessions(model: Model[Any], sessions: Sequence[Sequence[int]]) -> Tensor:
    """Return the query after each of some sessions, `[n, D]`."""
    steps = max(map(len, sessions))
    read = torch.zeros(steps, len(sessions), dtype=torch.long)
    awake = torch.zeros(steps, len(sessions), dtype=torch.bool)
    for row, session in enumerate(sessions):  # the ends are aligned: a row sleeps until its session begins
        read[steps - len(session) :, row], awake[steps - len(session) :, row] = torch.tensor(session), True
    with torch.no_grad():
        asked, _ = model.eval().scan(Window(read, read, mask=awake), model.begin(len(sessions)))
    return asked[-1]  # type: ignore[no-any-return]


def moved_by(
    model: Model[Any], session: Sequence[int], items: Sequence[int], scored: Callable[..., Tensor] | None = None
) -> Tensor:
    """Return by how much each event of a session moved each score, `[events, items]`: it, less that without the event.

    The session is read once for each event, side by side, without it. With `scored`, scores are what that returns for
    queries and the sessions that they come after.
    """
    events = len(session)
    without = [[item for n, item in enumerate(session) if n != left] for left in range(events)]
    if events == 1:  # nothing is left: what is asked for then is what is asked for at the beginning
        with torch.no_grad():
            bare = model.head(next(model.core.parameters()).new_zeros(1, model.core.units))
        asked = torch.cat([bare, read_sessions(model, [session])])
    else:
        asked = read_sessions(model, [*without, session])
    with torch.no_grad():
        scores = ranking_of(model).scores(asked, 0, max(items) + 1)
    found = scores if scored is None else scored(asked, [*without, session])
    return found[-1:, items] - found[:-1, items]
