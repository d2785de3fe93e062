"""How wide a network can be on this machine in the time that there is: widths are tried, each by a few updates."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

LADDER = (512, 384, 256, 192, 128, 96, 64, 48, 32)
FEWEST_UPDATES, MOST_UPDATES, EPOCHS = 1200, 4000, 4
"A width fits the time where it leaves about this many passes over the data, within so many updates."
TRAINED = 0.85
"About which share of the time goes into updates; the rest are checks and samples."
MEASURED, LONGEST_MEASURE = 3, 0.03
"One width is measured by so many updates, all of them in at most this share of the minutes, but for the first."


def fitting_width(widest: int, epoch_updates: int, seconds: float, took: Callable[[int], float]) -> int:
    """Return the largest width, up to the widest, at which the seconds are enough; `took` says what an update takes.

    >>> fitting_width(256, 10, 100.0, lambda width: width / 1000), fitting_width(256, 10, 1e9, lambda width: 1.0)
    (64, 256)
    """
    wanted = min(MOST_UPDATES, max(FEWEST_UPDATES, EPOCHS * epoch_updates))
    narrower = [width for width in LADDER if width <= widest] or [widest]
    for width in narrower:
        if took(width) * wanted <= seconds * TRAINED:
            return width
    return narrower[-1]


def measured_width(task: Any, data: Any, widest: int, epoch_updates: int, minutes: float) -> int:
    """Return the width for a task whose other sizes are known; what is tried is thrown away.

    `task` is a task with a `hidden_size`, and `data` its data, a dataclass that holds the `task` as well.
    """
    if task.device != "cpu":
        return widest
    deadline = time.monotonic() + LONGEST_MEASURE * 60 * minutes

    def took(width: int) -> float:
        return _update_seconds(replace(task, hidden_size=width), data, deadline)

    return fitting_width(widest, epoch_updates, 60 * minutes, took)


def _update_seconds(task: Any, data: Any, deadline: float) -> float:
    """Return about how long one update takes, the shortest of a few; no random number is used up."""
    window = replace(data, task=task).windows("training")[0]
    threads, found = torch.get_num_threads(), list[float]()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(task.threads or threads)
        model = task.model(data.codec)
        state = model.begin(window.rows)
        while len(found) < MEASURED and (len(found) < 1 or time.monotonic() < deadline):
            began = time.monotonic()
            model.loss(window, state)[0].mean.backward()
            model.zero_grad()
            found.append(time.monotonic() - began)
        torch.set_num_threads(threads)
    return min(found)
