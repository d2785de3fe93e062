"""The numbers of a training, sent to MLflow or to Weights & Biases while it goes on.

    python examples/tracked.py mlflow book.txt --updates 200
    python examples/tracked.py wandb book.txt --updates 200

A training is an iterator of events, and that is the hook: whatever is done with an event is done between two updates.
What a tracker missed is in the `events.jsonl` of the run: `replay` sends it later.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import statewise
from statewise.learning.events import as_json
from statewise.run.directory import RunDirectory
from statewise.run.history import lasting

Log = Callable[[dict[str, float], int], object]
"What takes numbers by name, and the update that they are of."


def numbers_of(event: dict[str, Any]) -> dict[str, float]:
    """Return what an event measures, by the names that a tracker draws; nothing of one that measures nothing."""
    match event["event"]:
        case "updated":
            return {f"training/{name}": float(event[name]) for name in ("nats", "norm", "rate")}
        case "checked":
            return {f"held_out/{name}": float(value) for name, value in event["metrics"].items()}
        case "finished":
            return {f"final/{name}": float(value) for name, value in event["report"]["metrics"].items()}
    return {}


def tracked(events: Iterable[Any], log: Log) -> Iterator[Any]:
    """Yield the events of a training, after each that measures something has been logged."""
    for event in events:
        told = as_json(event)
        if numbers := numbers_of(told):
            log(numbers, told["update"])
        yield event


def replay(run: Path, log: Log) -> None:
    """Log what a run has kept, but for what was undone: of one that was trained where no tracker was."""
    for _, event in lasting(RunDirectory(run)):
        if numbers := numbers_of(event):
            log(numbers, event["update"])


def to_mlflow(settings: dict[str, Any]) -> Log:
    """Begin a run of MLflow, and return what logs to it."""
    import mlflow

    mlflow.start_run()
    mlflow.log_params(settings)
    return lambda numbers, update: mlflow.log_metrics(numbers, step=update)


def to_wandb(settings: dict[str, Any]) -> Log:
    """Begin a run of Weights & Biases, and return what logs to it."""
    import wandb

    return wandb.init(project="statewise", config=settings).log  # type: ignore[no-any-return]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train on a text, and track it.")
    parser.add_argument("tracker", choices=["mlflow", "wandb"])
    parser.add_argument("source")
    parser.add_argument("--updates", type=int, default=200)
    given = parser.parse_args()
    task = statewise.Text(source=given.source, updates=given.updates)
    log = {"mlflow": to_mlflow, "wandb": to_wandb}[given.tracker]({"source": given.source, "updates": given.updates})
    for event in tracked(statewise.training(task), log):
        print(type(event).__name__, getattr(event, "update", ""))
