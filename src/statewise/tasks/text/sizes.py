"""The sizes of a network where nothing was said: by the amount of text, its alphabet, the minutes and the machine."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

from statewise.tasks.shared.measured_width import measured_width

WIDEST = ((40_000, 128), (150_000, 192), (1_000_000, 256))
"A text of fewer characters than the first is read by that many units at most, a longer one by 384."
ROWS = ((60_000, 8), (250_000, 16))
"A text of fewer characters is read in so many rows, a longer one in 32."


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


def sized(task: Any, data: Any, minutes: float) -> dict[str, Any]:
    """Return the sizes that were not given, by name; those that were are heeded in the choice of the others.

    `task` is a `Text`, `data` its `TextData`, whose modules import this one.
    """
    training = len(data.text.training)
    usual = usual_sizes(training, data.codec.choices)._asdict()
    chosen = {name: value for name, value in usual.items() if not getattr(task, name)}
    if "batch_size" in chosen:
        steps = task.sequence_length or chosen["sequence_length"]
        chosen["batch_size"] = max(1, min(chosen["batch_size"], (training - 1) // steps))
    if "hidden_size" not in chosen:
        return chosen
    narrow = replace(task, **chosen)
    epoch_updates = max(1, training // (narrow.batch_size * narrow.sequence_length))
    return {**chosen, "hidden_size": measured_width(narrow, data, chosen["hidden_size"], epoch_updates, minutes)}
