"""Training and searching over Ray, on this machine or on the cluster that it is connected to."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from statewise.bounds import MOST_PROCESSES, check_whole
from statewise.distributed import join
from statewise.errors import MissingExtra, TrainingError
from statewise.learning.events import Checked, Finished
from statewise.report import Report
from statewise.run.config import plain
from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory
from statewise.task import Task
from statewise.tuning.search import Search
from statewise.verbs import Run, resuming, task_of, training

RETRIES = 3


def train(task: Task, *, run: str | Path, workers: int = 2, retries: int = RETRIES, storage: Path | None = None) -> Run:
    """Train with Ray Train in so many workers, each with its own rows, and return the run when it is done.

    Where a worker is lost, Ray starts all of them again, at most `retries` times, and the run goes on from its last
    checkpoint. What checks and the end score is reported through Ray, whose own records lie in `storage`.
    The folder of the run has to be seen by every machine. Raises `UsageError` for fewer than 1 or more than
    1024 workers, `MissingExtra` without Ray, `TrainingError` where it failed more often.
    """
    check_whole("workers", workers, 1, MOST_PROCESSES)
    ray = start()
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    where = Path(run).resolve()
    asked = {"task": task.name, "settings": plain(task), "run": str(where)}
    trainer = TorchTrainer(
        work,
        train_loop_config=asked,
        scaling_config=ScalingConfig(num_workers=workers),
        torch_config=TorchConfig(backend="gloo"),
        run_config=RunConfig(
            name=where.name,
            storage_path=str((storage or where.parent / ".ray").resolve()),
            failure_config=FailureConfig(max_failures=retries),
        ),
    )
    try:
        trainer.fit()
    except (ray.exceptions.RayError, RuntimeError) as error:
        raise TrainingError(f"training over Ray failed: {_last_line(error)}") from error
    report = RunHistory.of(where).report
    if report is None:
        raise TrainingError(f"training over Ray ended before {where} was finished: resume it")
    return Run(where, Report(**report))


def work(asked: Mapping[str, Any]) -> None:
    """Train in one of Ray's workers, or go on where the run stands, and report scores through Ray."""
    from ray import train as ray_train

    task = task_of(dict(asked))
    directory = RunDirectory(Path(asked["run"]))
    told = join(task.device).hand_round(lambda: {"there": b"1" if directory.config.exists() else b""})
    events = resuming(directory.path) if told["there"] else training(task, run=directory.path)
    for event in events:
        if isinstance(event, Checked):
            ray_train.report({**event.metrics, "update": event.update})
        elif isinstance(event, Finished):
            ray_train.report({**event.report["metrics"], "update": event.update, "finished": True})


def search(found: Search, trials: Iterable[int], at_once: int) -> Iterator[int]:
    """Make trials of a search as tasks of Ray, so many at once, and yield the number of each that is done.

    The folder of the search has to be seen by every machine. Raises `MissingExtra` without Ray.
    """
    ray = start()
    remote = ray.remote(max_retries=RETRIES)(one_trial)
    waiting, running = list(trials), dict[Any, int]()
    while waiting or running:
        while waiting and len(running) < at_once:
            number = waiting.pop(0)
            found.ask(number)  # here, so that no two of them take the same one
            running[remote.remote(str(found.folder.resolve()), number)] = number
        done, _ = ray.wait(list(running), num_returns=1)
        for one in done:
            running.pop(one)
            yield int(ray.get(one))


def one_trial(folder: str, number: int) -> int:
    """Make one trial of the search in a folder, and return which it was."""
    return Search.read(Path(folder)).trial(number)


def start() -> Any:
    """Connect to Ray, or start it on this machine, on the loopback device and without its telemetry; return it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("this needs Ray: pip install 'statewise[ray]'") from error
    if not ray.is_initialized():
        ray.init(
            include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1"
        )
    return ray


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
