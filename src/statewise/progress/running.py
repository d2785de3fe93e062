"""What Python calls to train and to score: the verbs, with a bar in a terminal or a notebook while they are at work."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from statewise.errors import RunError
from statewise.learning.events import Event, Finished
from statewise.progress.notebook import in_notebook, notebook_view
from statewise.progress.view import Show, draws, view
from statewise.report import Report
from statewise.run.directory import RunDirectory
from statewise.task import Task
from statewise.underway import returned, told
from statewise.verbs import Run, Source, evaluating, resuming, task_of, training


def train(
    task: Task, *, run: str | Path | None = None, begin_from: str | Path | None = None, quiet: bool = False
) -> Run:
    """Train, score the model and the baselines, and return the run; raises what `training` does.

    In a terminal and in a notebook a bar shows how far it is, unless `quiet`.
    """
    return _followed(training(task, run=run, begin_from=begin_from), task, quiet)


def resume(run: str | Path, *, quiet: bool = False) -> Run:
    """Go on with a run where its last checkpoint is, and return it when done, shown as by `train`.

    Raises what `resuming` does.
    """
    return _followed(resuming(run), task_of(RunDirectory(Path(run)).read_config()), quiet)


def evaluate(run: str | Path, source: Source | None = None, *, quiet: bool = False, **how: Any) -> Report:
    """Score a run on its held-out part, or on another source, with the baselines, shown as by `train`.

    `how` is what the `score` of the run's task takes; see `evaluating`, which says more and what it raises.
    """
    scoring = evaluating(run, source, **how)
    with _watched(task_of(RunDirectory.of(run).read_config()), quiet) as show:
        return returned(told(scoring, show))


def _followed(events: Generator[Event, None, None], task: Task, quiet: bool) -> Run:
    with _watched(task, quiet) as show:
        for event in events:
            show(event)
            if isinstance(event, Finished):
                return Run(Path(event.report["run"]), Report(**event.report))
    raise RunError("the run ended before it was finished: resume it")


@contextmanager
def _watched(task: Task, quiet: bool) -> Iterator[Show]:
    """Show what happens where a person looks on; of several processes the first one shows it."""
    if quiet or os.environ.get("RANK", "0") != "0":
        yield lambda event: None
    elif in_notebook():
        with notebook_view(task) as show:
            yield show
    else:
        with view(task, quiet=not draws()) as show:
            yield show
