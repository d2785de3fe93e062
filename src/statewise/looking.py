"""Looking into a run: how far back its model remembers, beside itself before training and beside other runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from statewise.errors import UsageError
from statewise.insight.memory import LAGS, PROBES, Memory, measure_memory, rows_at_once
from statewise.insight.stretches import windows_from
from statewise.insight.subject import subject_of
from statewise.insight.words import table, warnings
from statewise.model import Model
from statewise.run.directory import RunDirectory
from statewise.task import Data
from statewise.verbs import Trained, load

BEFORE = "before training"


@dataclass(frozen=True)
class Looked:
    """What was found in a run: its memory first, then that of the same network before training, then of other runs."""

    run: Path
    memories: list[Memory]
    warnings: list[str]
    seconds: float
    notice: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        memories = [memory.as_json() for memory in self.memories]
        return {"run": str(self.run), "memories": memories, "warnings": self.warnings, "seconds": self.seconds}

    def table(self) -> str:
        """Return the figures side by side."""
        return table(self.memories)


def inspect_memory(
    run: str | Path,
    *,
    lags: int = LAGS,
    probes: int = PROBES,
    beside: Sequence[str | Path] = (),
    tell: Callable[[str, float], None] | None = None,
) -> Looked:
    """Measure how far back a run's model remembers, on the data that were held out from it.

    It stands beside the same network before training, and beside other runs, each on its own data. `tell` is called
    with what is under way and the share that is done. Nothing is changed.

    Raises `RunError` for a run that cannot be used, `UsageError` for fewer than 2 lags or probes, `DataError` for data
    in which nothing is far back.
    """
    began = time.monotonic()
    trained = load(run)
    if len({Path(one).resolve() for one in [run, *beside]}) < 1 + len(beside):
        raise UsageError("a run was to stand beside itself: give each once")
    say = tell or (lambda what, done: None)
    task, data = trained.task, _data_of(trained)
    torch.manual_seed(task.seed)
    untrained = task.model(trained.codec)
    memories = [
        _measured(model, data, lags, probes, name, say)
        for model, name in ((trained.model, trained.path.name), (untrained, BEFORE))
    ]
    for other in map(load, beside):
        memories.append(_measured(other.model, _data_of(other), lags, probes, other.path.name, say))
    words = warnings(memories[0], task.steps, memories[2:])
    return Looked(Path(run), memories, words, time.monotonic() - began, trained.notice)


def _data_of(trained: Trained) -> Data:
    return trained.task.prepare(RunDirectory(trained.path).cache)


def _measured(
    model: Model[Any], data: Data, lags: int, probes: int, name: str, say: Callable[[str, float], None]
) -> Memory:
    windows, leading = windows_from(data, lags, probes, rows_at_once(subject_of(model), lags, probes))
    return measure_memory(
        model, windows, lags=lags, probes=probes, leading=leading, name=name, tell=lambda done: say(name, done)
    )
