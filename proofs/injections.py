"""NaN, infinity and 1e38 are put into a training 60 times; each is named, undone, and the run goes back and on.

    python proofs/injections.py [--cells 5] [--save FILE]

Three values, into an input, a loss, a gradient and a weight, of five recurrences. Each comes once, in the sixth update
of a run whose last checkpoint is of the fourth. The run must say which of the four it was, where (a step and row, or a
name), hold after going back the bits of that checkpoint, go on with half the rate, and end with finite numbers.
Exit code 1 where one does not.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runs
import torch
from outcomes import arguments, conclude, counted

from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.heads.head import Loss
from statewise.learning.checkpoint import load_checkpoint
from statewise.learning.events import Finished, RolledBack, Updated
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.directory import create_run
from statewise.session import TrainingSession
from statewise.task import stacked_core
from statewise.tasks.text.data import TextData
from statewise.tasks.text.task import Text

CLAIM = "NaN, infinity or 1e38 in input, loss, gradient or weight is named and undone, and the run goes back and on"
CELLS = ["lstm", "gru", "elman", "min_gru", "layer_norm_lstm"]
VALUES = [math.nan, math.inf, 1e38]
STEP, ROW, AFTER, KEPT = 7, 2, 5, 4
SETTINGS: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 6,
    "embedding": 5,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 1,
    "updates": 9,
}
SETTINGS |= {"threads": 1, "save_updates": 4, "sample_seconds": 0, "schedule": "constant", "warmup": 0}


@dataclass(frozen=True, kw_only=True)
class Numbers(Text):
    """A text whose characters are read as floating-point numbers, into which others can be put."""

    def model(self, codec: Any) -> Model[Any]:
        """Return a model that reads numbers."""
        core = stacked_core(self.cell, self.embedding, self.hidden_size, self.layers)
        return Model(torch.nn.Linear(codec.choices, self.embedding), core, Categorical(self.hidden_size, codec.choices))


class AsNumbers(Sequence[Window]):
    """Windows of codes with a 1 for each code; one window may be spoiled."""

    def __init__(self, windows: Sequence[Window], choices: int) -> None:
        self.windows, self.choices = windows, choices
        self.spoil: Callable[[Window], Window] = lambda window: window

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: Any) -> Any:
        window = self.windows[index]
        inputs = torch.nn.functional.one_hot(window.inputs, self.choices).float()
        return self.spoil(window._replace(inputs=inputs)) if index == AFTER else window._replace(inputs=inputs)


@dataclass(frozen=True)
class NumbersData(TextData):
    """The data of such a text."""

    def windows(self, part: Any, **how: Any) -> Any:
        """Return the windows as numbers."""
        return AsNumbers(super().windows(part, **how), self.codec.choices)


def main() -> None:
    """Inject, follow the run, and write what came of it."""
    asked = arguments(__doc__, "injections", cells=(len(CELLS), "recurrences, with 12 injections each"))
    save = asked.save.resolve()
    with tempfile.TemporaryDirectory() as folder:
        runs.begin_in(Path(folder, "here"))
        outcomes = list(injected(CELLS[: asked.cells]))
        os.chdir("/")
    result = counted(CLAIM, outcomes, {"named and rolled back"})
    conclude({**result, "cells": CELLS[: asked.cells], "into": list(SPOILERS), "values": list(map(str, VALUES))}, save)


def injected(cells: Sequence[str]) -> Iterator[str]:
    """Yield what came of every value in every place of these recurrences."""
    for cell in cells:
        for kind, spoil in SPOILERS.items():
            for value in VALUES:
                yield outcome_of(cell, kind, spoil, value)


def outcome_of(cell: str, kind: str, spoil: "Spoiler", value: float) -> str:
    """Train with one injection and say whether all was as promised."""
    session = make_session(cell, f"{cell}-{kind}-{value}")
    where, heal, back = f"{value} as {kind} of {cell}", lambda: None, None
    for event in session.events():
        if isinstance(event, Updated) and event.update == AFTER and back is None:
            expected, heal = spoil(session.learner, value)
        if isinstance(event, RolledBack):
            heal()
            if back is not None:
                return f"{where}: went back twice"
            back = event
            if not event.reason.startswith(f"update {AFTER + 1} was undone: {expected}"):
                return f"{where}: was called '{event.reason}'"
            if failure := not_back_at_the_checkpoint(session, event):
                return f"{where}: {failure}"
        if isinstance(event, Finished) and back is None:
            return f"{where}: went unnoticed"
    weights = session.learner.model.parameters()
    if session.learner.update_number != SETTINGS["updates"] or not all(bool(w.isfinite().all()) for w in weights):
        return f"{where}: did not end well"
    return "named and rolled back"


def not_back_at_the_checkpoint(session: TrainingSession, event: RolledBack) -> str:
    """Say what is wrong with where a run went back to, or nothing."""
    files, now = load_checkpoint(session.directory.checkpoints).files, session.learner.snapshot()
    if event.update != KEPT or event.scale != session.task.retry_factor:
        return f"went back to update {event.update} with the rate times {event.scale}"
    others = {name for name in files if name != "place.json" and files[name] != now[name]}
    return f"{min(others)} is not that of the checkpoint" if others else ""


def make_session(cell: str, name: str) -> TrainingSession:
    """Return a training of that recurrence on numbers."""
    task = Numbers(cell=cell, **SETTINGS)
    text = task.prepare(Path("cache"))
    data = NumbersData(task, text.text, text.scored, text.cache)
    torch.manual_seed(0)
    learner = Learner(task.model(data.codec), data.windows("training"), task)
    return TrainingSession(create_run("text", name, Path(name)), task, data, learner)


Spoiler = Callable[[Learner, float], tuple[str, Callable[[], None]]]
"What puts a value in, and returns how it should be called and what takes it out again."


def into_input(learner: Learner, value: float) -> tuple[str, Callable[[], None]]:
    """Put a value into one number of one step and row of the next window."""
    windows: Any = learner.windows

    def spoil(window: Window) -> Window:
        window.inputs[STEP, ROW, 3] = value
        return window

    windows.spoil = spoil
    return f"input is {value:g} at step {STEP} of row {ROW}", lambda: setattr(windows, "spoil", lambda window: window)


def into_loss(learner: Learner, value: float) -> tuple[str, Callable[[], None]]:
    """Add a value to the loss of one step and row of the next window: the target there is one that never comes else."""
    windows, head = learner.windows, learner.model.head
    loss = type(head).loss

    def spoil(window: Window) -> Window:
        window.targets[STEP, ROW] = 0
        return window._replace(targets=window.targets)

    def spoiled(params: Any, targets: Any, mask: Any = None) -> Loss:
        is_met = (targets == 0) if mask is None else (targets == 0) & mask
        found = loss(head, params, targets, mask)
        return found._replace(nats=found.nats + value) if bool(is_met.any()) else found

    def heal() -> None:
        windows.spoil = lambda window: window
        del head.loss

    windows.spoil, head.loss = lambda window: spoil(window._replace(targets=window.targets.clone())), spoiled
    return f"loss is {value:g} at step {STEP} of row {ROW}", heal


def into_gradient(learner: Learner, value: float) -> tuple[str, Callable[[], None]]:
    """Add a value to the gradient of one weight."""
    name, weight = next(iter(learner.model.core.named_parameters()))
    hook = weight.register_hook(lambda gradient: gradient + value)
    return f"gradient 'core.{name}' is {value:g}", hook.remove


def into_weight(learner: Learner, value: float) -> tuple[str, Callable[[], None]]:
    """Put a value into one number of one weight."""
    name, weight = list(learner.model.core.named_parameters())[-1]
    with torch.no_grad():
        weight.view(-1)[1] = value
    return f"weight 'core.{name}' is {value:g}", lambda: None


SPOILERS: dict[str, Spoiler] = {
    "input": into_input,
    "loss": into_loss,
    "gradient": into_gradient,
    "weight": into_weight,
}


if __name__ == "__main__":
    main()
