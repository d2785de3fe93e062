"""What a model asks for at each place of some sessions: read side by side, the short ones not waiting for the long."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.session_rows import Places
from statewise.data.window import Window
from statewise.model import Model

MOST_ROWS = 256
MOST_READ = 1 << 14


def queries(model: Model[Tensor], places: Places) -> Tensor:
    """Return the query at every place, `[n, D]`, each session read from its beginning; the model is not changed."""
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
