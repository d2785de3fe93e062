"""The sizes of a network where nothing was said: by the amount of text, its alphabet, the minutes and the machine."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

LADDER = (512, 384, 256, 192, 128, 96, 64, 48, 32)
WIDEST = ((40_000, 128), (150_000, 192), (1_000_000, 256))
"A text of fewer characters than the first is read by that many units at most, a longer one by 384."
ROWS = ((60_000, 8), (250_000, 16))
"A text of fewer characters is read in so many rows, a longer one in 32."
FEWEST_UPDATES, MOST_UPDATES, EPOCHS = 1200, 4000, 4
"A width fits the time where it leaves about this many passes over the text, within so many updates."
TRAINED = 0.85
"About which share of the time goes into updates; the rest are checks and samples."
MEASURED, LONGEST_MEASURE = 3, 0.03
"One width is measured by so many updates, all of them in at most this share of the minutes, but for the first."


class TextSizes(NamedTuple):
    """The sizes of a network, and of the windows by which it learns."""

    hidden_size: int
    embedding: int
    batch_size: int
    sequence_length: int


PLAIN_SIZES = TextSizes(hidden_size=256, embedding=64, batch_size=32, sequence_length=64)
"Those of a training that is bounded by updates or epochs: it says what it wants."


def usual_sizes(length: int, choices: int) -> TextSizes:
    """Return the sizes for a training part of so many characters, out of so many different ones, on a fast machine.

    >>> usual_sizes(20_000, 60), usual_sizes(5_000_000, 3000)
    (TextSizes(hidden_size=128, embedding=48, batch_size=8, sequence_length=64), \
TextSizes(hidden_size=384, embedding=96, batch_size=32, sequence_length=64))
    """
    width = next((width for most, width in WIDEST if length < most), 384)
    rows = next((rows for most, rows in ROWS if length < most), PLAIN_SIZES.batch_size)
    embedding = min(96, 8 * max(2, round(math.log2(max(choices, 2)))))
    return TextSizes(width, embedding, rows, PLAIN_SIZES.sequence_length)


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


def sized(task: Any, data: Any, minutes: float) -> dict[str, Any]:
    """Return the sizes that were not given, by name; those that were are heeded in the choice of the others.

    The width is measured: at each, a few updates are made on one window and thrown away.
    `task` is a `Text`, `data` its `TextData`, whose modules import this one.
    """
    training = len(data.text.training)
    usual = usual_sizes(training, data.codec.choices)._asdict()
    chosen = {name: value for name, value in usual.items() if not getattr(task, name)}
    if "batch_size" in chosen:
        steps = task.sequence_length or chosen["sequence_length"]
        chosen["batch_size"] = max(1, min(chosen["batch_size"], (training - 1) // steps))
    if "hidden_size" not in chosen or task.device != "cpu":
        return chosen
    narrow = replace(task, **chosen)
    epoch_updates = max(1, training // (narrow.batch_size * narrow.sequence_length))
    seconds, deadline = 60 * minutes, time.monotonic() + LONGEST_MEASURE * 60 * minutes

    def took(width: int) -> float:
        return _update_seconds(replace(narrow, hidden_size=width), data, deadline)

    return {**chosen, "hidden_size": fitting_width(chosen["hidden_size"], epoch_updates, seconds, took)}


def _update_seconds(task: Any, data: Any, deadline: float) -> float:
    """Return about how long one update takes on this machine, the shortest of a few; no random number is used up."""
    windows = replace(data, task=task).windows("training")
    threads, found = torch.get_num_threads(), list[float]()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(task.threads or threads)
        model = task.model(data.codec)
        optimizer = torch.optim.Adam(model.parameters())
        window = windows[0]
        state = model.begin(window.rows)
        while len(found) < MEASURED and (len(found) < 1 or time.monotonic() < deadline):
            began = time.monotonic()
            model.loss(window, state)[0].mean.backward()
            optimizer.step()
            optimizer.zero_grad()
            found.append(time.monotonic() - began)
        torch.set_num_threads(threads)
    return min(found)
