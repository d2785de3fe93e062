"""What the events of a run tell, once what was undone is left out: the one reader of `events.jsonl`."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from statewise.run.directory import RunDirectory

GOING_BACK = ("started", "rolledback")
"Events that discard everything after their update: it is computed again."
NUMBERS = ("seconds", "fraction", "nats", "norm", "rate", "clipped", "places")


class Updates:
    """The updates of a training, in order, a column for each number; an update that was made again counts once."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.columns = {name: array("d") for name in NUMBERS}
        self.layers: dict[int, Mapping[str, Sequence[float]]] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, name: str) -> "array[float]":
        return self.columns[name]

    def add(self, event: Mapping[str, Any]) -> None:
        """Add one; those from its number on were made before it, and are made again."""
        number = event["update"]
        self.go_back(number - 1)
        self.numbers.append(number)
        for name, column in self.columns.items():
            column.append(float(event.get(name, 0.0)))
        if event.get("layers"):
            self.layers[number] = event["layers"]

    def go_back(self, update: int) -> None:
        """Leave out those after an update."""
        if not self.numbers or self.numbers[-1] <= update:
            return
        end = bisect_right(self.numbers, update)
        del self.numbers[end:]
        for column in self.columns.values():
            del column[end:]
        self.layers = {number: layers for number, layers in self.layers.items() if number <= update}

    @property
    def last(self) -> int:
        """The number of the last one; 0 before the first."""
        return self.numbers[-1] if self.numbers else 0

    def of_last(self) -> dict[str, Any] | None:
        """Return which the last one was, how far training then was, and its loss."""
        if not self.numbers:
            return None
        return {"update": self.last, **{name: self.columns[name][-1] for name in ("fraction", "seconds", "nats")}}


class RunHistory:
    """A training as its events tell it: the loss of each update, checks, samples, stretches and, at its end, a report.

    Where training went back, to a checkpoint after a loss that was not a number or after a kill, what came after that
    checkpoint was undone and counts no more. `checked` and `sampled` go by update. `stretches` are the times that
    training began or went on: after which update, and under which numerics.

    >>> history = RunHistory()
    >>> for event in ({"event": "updated", "update": 1, "nats": 2.0}, {"event": "rolledback", "update": 0}):
    ...     history.tell(event)
    >>> len(history.updates)
    0
    """

    def __init__(self) -> None:
        self.updates = Updates()
        self.checked: dict[int, dict[str, Any]] = {}
        self.sampled: dict[int, str] = {}
        self.stretches: list[dict[str, Any]] = []
        self.report: dict[str, Any] | None = None
        self._finished_at = 0

    @classmethod
    def of(cls, run: Path) -> Self:
        """Read the events of a run, none where it has none. Raises `RunError` where they are damaged."""
        return cls.from_events(RunDirectory.of(run).read_events())

    @classmethod
    def from_events(cls, events: Iterable[Mapping[str, Any]]) -> Self:
        """Return what some events tell."""
        history = cls()
        for event in events:
            history.tell(event)
        return history

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take one more event into account, as a line of `events.jsonl` has it."""
        match event["event"]:
            case "started" | "rolledback":
                self._go_back(event["update"])
                if event.get("numerics"):
                    self.stretches.append({"update": event["update"], "numerics": event["numerics"]})
            case "updated":
                self.updates.add(event)
            case "checked":
                self.checked[event["update"]] = dict(event)
            case "sampled":
                self.sampled[event["update"]] = event["sample"]
            case "finished":
                self.report, self._finished_at = event["report"], event["update"]

    def _go_back(self, update: int) -> None:
        self.updates.go_back(update)
        self.checked = {number: event for number, event in self.checked.items() if number <= update}
        self.sampled = {number: sample for number, sample in self.sampled.items() if number <= update}
        if self.report and update < self._finished_at:
            self.report = None

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return self.updates["seconds"][-1] if len(self.updates) else 0.0

    @property
    def best_check(self) -> dict[str, Any] | None:
        """The best of its checks so far; None before the first."""
        return min(self.checked.values(), key=lambda event: float(event["judged"]), default=None)

    def choice_words(self) -> str:
        """Say which check was the best, and what the last one scored. There is at least one."""
        best, last = self.best_check or {}, self.checked[max(self.checked)]
        return (
            f"The weights are those of update {best['update']:,}, the best of {len(self.checked)} checks "
            f"({metric_words(best['metrics'])}): no later one was better, the last had {metric_words(last['metrics'])}"
        )

    @property
    def metrics(self) -> dict[str, float]:
        """What it scores at the end, or at its best check so far; nothing before the first."""
        if self.report:
            return dict(self.report["metrics"])
        return dict(self.best_check["metrics"]) if self.best_check else {}

    @property
    def divergence(self) -> str | None:
        """A warning where the score or the last loss is no finite number, as after a training that diverged."""
        found: dict[str, Any] = {**self.metrics, **dict(zip(["loss"], self.updates["nats"][-1:], strict=False))}
        for name, value in found.items():
            if isinstance(value, float) and not math.isfinite(value):
                words = f"its {name.replace('_', ' ')} is {value}"
                return f"this run diverged ({words}): train it again with a lower --learning-rate"
        return None

    @property
    def baselines(self) -> dict[str, dict[str, float]]:
        """What simple methods score, once it is finished."""
        return dict(self.report["baselines"]) if self.report else {}


def metric_words(metrics: Mapping[str, float]) -> str:
    """Return the metric that matters most, the first, in words.

    >>> metric_words({"bits_per_word": 6.5, "words": 300})
    '6.500 bits per word'
    """
    name, value = next(iter(metrics.items()))
    return f"{value:.3f} {name.replace('_', ' ')}"


def lasting(directory: RunDirectory) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the events of a run that nothing undid later, each with its number among all, in order.

    They are read twice, so that not all of them have to be in memory.
    """
    events = enumerate(directory.read_events())
    backs = [(number, event["update"]) for number, event in events if event["event"] in GOING_BACK]
    least = [math.inf]  # of the updates that any later one goes back to
    for _, update in reversed(backs):
        least.append(min(least[-1], update))
    passed = 0
    for number, event in enumerate(directory.read_events()):
        while passed < len(backs) and backs[passed][0] <= number:
            passed += 1
        update = event.get("update")
        if not isinstance(update, int) or update <= least[len(backs) - passed]:
            yield number, event
