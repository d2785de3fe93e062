"""A report on a run: how far back its model remembers, compared with the untrained network and with other runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from statewise.errors import UsageError
from statewise.insight.memory import LAGS, PROBES, Memory, measure_memory, rows_at_once
from statewise.insight.memory_summary import gate_table, table, warnings
from statewise.insight.neurons import PREDICATES, Match, Predicate, Units, read_units, search
from statewise.insight.page import drawings, drawn, page
from statewise.insight.probed_network import probed_network
from statewise.insight.probes import windows_from
from statewise.insight.training_health import TrainingHealth, history_of
from statewise.model import Model
from statewise.report import aligned
from statewise.run.files import saving, write_whole
from statewise.run.history import RunHistory
from statewise.run.run_names import folder_of
from statewise.task import Data
from statewise.verbs import Trained, load

BEFORE = "before training"
BYTE = "\\x"
"How a byte that is part of a character is shown, by its number; anything else of several letters is not text."
STEPS_READ, FEWEST_READ = 6000, 100
"Over how many steps units are searched, and with how few it is not worth while."


@dataclass(frozen=True)
class MemoryReport:
    """What was found in a run: its memory first, then that of the same network before training, then of other runs."""

    run: Path
    memories: list[Memory]
    warnings: list[str]
    history: TrainingHealth
    units: Units | None
    matches: list[Match]
    seconds: float
    notice: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        memories = [memory.as_json() for memory in self.memories]
        found = {"run": str(self.run), "memories": memories, "warnings": self.warnings}
        units = [{**match._asdict(), "is_real": match.is_real} for match in self.matches]
        return {**found, "health": self.history.as_json(), "units": units, "seconds": self.seconds}

    def table(self) -> str:
        """Return the figures side by side."""
        return table(self.memories)

    def words(self) -> str:
        """Return all that is said of it: figures, gates and units, what they follow, and what to do."""
        own = self.memories[0]
        said = [self.table(), f"\ngates and units of {own.name}, on held-out data", gate_table(own)]
        if self.matches:
            said.append("\nunits that follow something, chosen on one half of a text and measured on the other")
            rows = [(m.predicate, m.unit, f"{m.r:.2f}", f"{m.chance:.2f}") for m in self.matches]
            said.append(aligned([("", "unit", "correlation", "by chance"), *rows]))
        return "\n".join([*said, "\nin words", *(f"- {words}" for words in self.warnings)])

    def write(self, command: str = "") -> Path:
        """Draw all of it into `report/` of the run, and return the page there that shows it; `command` made it.

        Raises `MissingExtra` where matplotlib is not installed.
        """
        pictures = drawings(self.memories, self.history, self.units, self.matches)
        pngs = drawn(pictures)
        title = f"How far back {self.run} remembers"
        text = page(title, self.memories, self.warnings, pngs, self.units, self.matches, command)
        folder = self.run / "report"
        with saving(str(folder), "free some space and look again"):
            folder.mkdir(exist_ok=True)
            for name, content in pngs.items():
                write_whole(folder / name, content)
            write_whole(folder / "report.html", text.encode())
        return folder / "report.html"


def inspect_memory(
    run: str | Path,
    *,
    lags: int = LAGS,
    probes: int = PROBES,
    compare: Sequence[str | Path] = (),
    predicates: Mapping[str, Predicate] = PREDICATES,
    tell: Callable[[str, float], None] | None = None,
) -> MemoryReport:
    """Measure how far back a run's model remembers, on the data that were held out from it.

    It is compared with the same network before training, and with the runs of `compare`, each on its own data. Units
    are searched for those that follow one of the `predicates`. `tell` is called with what is under way and the share
    that is done. Nothing is changed.

    Raises `RunError` for a run that cannot be used, `UsageError` for fewer than 2 lags or probes, `DataError` for data
    in which nothing is far back.
    """
    began = time.monotonic()
    trained = load(run)
    if len({folder_of(one).resolve() for one in [run, *compare]}) < 1 + len(compare):
        raise UsageError("a run cannot be compared with itself: give each run once")
    say = tell or (lambda what, done: None)
    task, data = trained.task, _data_of(trained)
    torch.manual_seed(task.seed)
    untrained = task.model(trained.codec)
    memories = [
        _measured(model, data, lags, probes, name, say)
        for model, name in ((trained.model, trained.path.name), (untrained, BEFORE))
    ]
    for other in map(load, compare):
        memories.append(_measured(other.model, _data_of(other), lags, probes, other.path.name, say))
    words = warnings(memories[0], task.sequence_length, memories[2:])
    units, matches = _units_of(trained, data, predicates)
    history = history_of(RunHistory.of(trained.path))
    seconds = time.monotonic() - began
    return MemoryReport(trained.path, memories, words, history, units, matches, seconds, trained.notice)


def _data_of(trained: Trained) -> Data:
    return trained.data("bring them back, or look into a new run")


def _units_of(trained: Trained, data: Data, predicates: Mapping[str, Predicate]) -> tuple[Units | None, list[Match]]:
    """Read a stretch of the held-out part as one row, and search the units over it; none where a context is needed."""
    window = data.windows("held_out", rows=1, steps=STEPS_READ)[0]
    if window.context is not None or window.steps < FEWEST_READ:
        return None, []
    units = read_units(trained.model, window.inputs[:STEPS_READ, 0], trained.codec)
    is_text = units.inputs is None and all(len(one) == 1 or one.startswith(BYTE) for one in units.shown)
    return units, search(units, predicates) if is_text or predicates is not PREDICATES else []


def _measured(
    model: Model[Any], data: Data, lags: int, probes: int, name: str, say: Callable[[str, float], None]
) -> Memory:
    windows, leading = windows_from(data, lags, probes, rows_at_once(probed_network(model), lags, probes))
    return measure_memory(
        model, windows, lags=lags, probes=probes, leading=leading, name=name, tell=lambda done: say(name, done)
    )
