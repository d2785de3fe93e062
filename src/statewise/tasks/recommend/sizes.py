"""The sizes of a recommender where nothing was said: by the events, the items, the minutes and the machine."""

from dataclasses import replace
from typing import Any, NamedTuple

from statewise.tasks.shared.measured_width import measured_width

FEWEST_EVENTS = 500
"Of fewer events no part can be spared for checks."
MANY_EVENTS = 200_000
WIDEST = ((50_000, 64), (500_000, 128))
"A log of fewer events to learn is read by that many units at most, a longer one by 256."
FEWEST_WINDOWS, FEWEST_ROWS = 40, 4
"Rows are so many that an epoch has about this many windows at least."
CHECKS, PATIENCE = 40, 10
LEAST_EPOCHS, MOST_EPOCHS, READ = 5.0, 40.0, 6_000_000
"Without a budget but time a log is read so often, until so many events were read."


class RecommendSizes(NamedTuple):
    """The sizes of a recommender, and of the windows by which it learns."""

    hidden_size: int
    embedding: int
    batch_size: int


PLAIN_SIZES = RecommendSizes(hidden_size=100, embedding=100, batch_size=32)
"Those of a training that is bounded by updates or epochs: it says what it wants."


def usual_validation(events: int) -> float:
    """Return the share of training sessions kept for checks where nothing was said: a tenth, or a twentieth of many.

    >>> [usual_validation(events) for events in (100, 50_000, 1_000_000)]
    [0.0, 0.1, 0.05]
    """
    if events < FEWEST_EVENTS:
        return 0.0
    return 0.1 if events < MANY_EVENTS else 0.05


def usual_epochs(events: int) -> float:
    """Return how often a log is read at most, where time alone is bounded, so that the rate has fallen by then.

    >>> usual_epochs(50_000), usual_epochs(500_000), usual_epochs(10_000_000)
    (40.0, 12.0, 5.0)
    """
    return max(LEAST_EPOCHS, min(MOST_EPOCHS, READ / max(events, 1)))


def usual_sizes(places: int, items: int, steps: int) -> RecommendSizes:
    """Return the sizes for so many places to learn from, of so many items, on a fast machine.

    >>> usual_sizes(4000, 50, 16), usual_sizes(1_000_000, 30_000, 16)
    (RecommendSizes(hidden_size=64, embedding=50, batch_size=6), \
RecommendSizes(hidden_size=256, embedding=128, batch_size=32))
    """
    width = next((width for most, width in WIDEST if places < most), 256)
    rows = min(PLAIN_SIZES.batch_size, max(FEWEST_ROWS, places // (steps * FEWEST_WINDOWS)))
    return RecommendSizes(width, min(width, 128, max(16, items)), rows)


def sized(task: Any, data: Any, minutes: float) -> dict[str, Any]:
    """Return the sizes that were not given, by name; those that were are heeded in the choice of the others.

    `task` is a `Recommend`, `data` its `RecommendData`, whose modules import this one.
    """
    places, steps = len(data.training) // 2, task.sequence_length
    usual = usual_sizes(places, data.codec.trained, steps)._asdict()
    chosen = {name: value for name, value in usual.items() if not getattr(task, name)}
    if "batch_size" in chosen:
        chosen["batch_size"] = max(1, min(chosen["batch_size"], places // steps))
    if "hidden_size" not in chosen:
        return chosen
    narrow = replace(task, **chosen)
    epoch_updates = max(1, places // (narrow.batch_size * steps))
    return {**chosen, "hidden_size": measured_width(narrow, data, chosen["hidden_size"], epoch_updates, minutes)}


def chosen_words(chosen: dict[str, Any]) -> str:
    """Say in a line what was chosen."""
    named = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in chosen.items() if name != "keep")
    return f"chosen by the log, the time and this machine: {named}{', best weights kept' * ('keep' in chosen)}"
