"""A training is resumed at every one of its updates; each must read the windows of the undisturbed one, and end as it.

    python proofs/resumes.py [--epochs 3] [--ways 8] [--save FILE]

Every way to train (order, lengths, accumulation, averages, dropout, number formats) goes over three epochs, saving at
every update. Then a new learner, in a run directory that holds only that one checkpoint, goes on from each: the
windows that it reads, its updates and its end are compared bit for bit; in two processes, the windows of each.
Exit code 1 where any differs.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import runs
import torch
from outcomes import arguments, conclude, counted
from torch import distributed

import statewise
from statewise.cells import GRU, LSTM, Chain, VariationalDropout, Zoneout
from statewise.learning import learner
from statewise.learning.events import Saved, Updated
from statewise.registry import register

CLAIM = "a run resumed at any update of any epoch reads the same windows and ends in the same bits"
COMMON: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 6,
    "embedding": 5,
    "batch_size": 4,
    "sequence_length": 170,
    "orders": 1,
}
COMMON |= {"threads": 1, "save_updates": 1, "sample_seconds": 0, "warmup": 3}
WAYS: dict[str, dict[str, Any]] = {
    "in order": {},
    "shuffled, of varied lengths, three at a time": {"shuffle": 2, "vary": 9.0, "accumulate": 3},
    "two at a time, where an epoch has an odd number": {"accumulate": 2, "optimizer": "adamw", "learning_rate": 0.02},
    "the best and the mean of the weights kept": {"average": 0.9, "average_from": 0.3, "checks": 5, "keep": "best"},
    "dropout and zoneout, gradients through two windows, in segments": {"cell": "noisy", "stride": 85, "segment": 13},
    "a falling rate, averaged descent": {
        "schedule": "plateau",
        "patience": 1,
        "checks": 9,
        "optimizer": "averaged_sgd",
    },
    "half precision with its loss scale": {"precision": "16-mixed", "cell": "gru"},
    "bfloat16, two layers, shuffled": {"precision": "bf16-mixed", "layers": 2, "shuffle": 1, "optimizer": "rmsprop"},
}
IN_TWO: dict[str, dict[str, Any]] = {
    "two processes, in order": {},
    "two processes, shuffled, of varied lengths, two at a time": {"shuffle": 2, "vary": 9.0, "accumulate": 2},
}


def noisy(features: int, units: int) -> Chain:
    """Return cells whose every window depends on random numbers, and whose state on those before."""
    return Chain(VariationalDropout(LSTM(features, units), 0.2), Zoneout(GRU(units, units), 0.3))


class Read(NamedTuple):
    """What a training did: the windows that it read, by update, its updates, and what it ended in."""

    windows: dict[int, Any]
    updates: dict[int, Any]
    end: dict[str, Any]


def main() -> None:
    """Resume everywhere, compare, and write what came of it."""
    asked = arguments(
        __doc__,
        "resumes",
        epochs=(3, "passes over the data"),
        ways=(len(WAYS), "ways to train in one process"),
        in_two=(len(IN_TWO), "ways to train in two"),
    )
    ways = [*((way, trained) for way in list(WAYS)[: asked.ways])]
    ways += [*((way, trained_in_two) for way in list(IN_TWO)[: asked.in_two])]
    save = asked.save.resolve()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [
            outcome
            for number, (way, train) in enumerate(ways)
            for outcome in resumed_everywhere(Path(folder, str(number)), way, train, asked.epochs)
        ]
        os.chdir("/")
    result = counted(CLAIM, outcomes, {"the same"}, is_sample=False)
    conclude({**result, "epochs": asked.epochs, "ways": [way for way, _ in ways]}, save)


def resumed_everywhere(
    folder: Path, way: str, train: Callable[[dict[str, Any] | None], Read], epochs: int
) -> Iterator[str]:
    """Yield what came of going on from every update of one way to train."""
    register("cells", "noisy", noisy)
    runs.begin_in(folder)
    whole = train({**COMMON, **WAYS.get(way, {}), **IN_TWO.get(way, {}), "epochs": epochs})
    for kept in sorted(Path("kept").iterdir()):
        shutil.copytree("run", "resumed", ignore=shutil.ignore_patterns("checkpoints", "events.jsonl"))
        shutil.copytree(kept, Path("resumed", "checkpoints", kept.name))
        again = train(None)
        yield outcome_of(whole, again, f"{way}: at update {int(kept.name)}", int(kept.name))
        shutil.rmtree("resumed")


def trained(settings: dict[str, Any] | None) -> Read:
    """Train to the end with such settings, or where there are none resume; return what was read and what came of it."""
    windows, updates = followed(settings)
    return Read(windows, updates, runs.end_of(Path("run" if settings else "resumed")))


def trained_in_two(settings: dict[str, Any] | None) -> Read:
    """Do the same in two processes that share the rows."""
    store = tempfile.mkdtemp(dir=".")
    children = [_fork(rank, settings, Path(store)) for rank in range(2)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        raise RuntimeError(f"two processes that nothing disturbs left with exit codes {codes}")
    told = [json.loads(Path(store, str(rank)).read_text()) for rank in range(2)]
    windows = {int(update): [of[0][update] for of in told] for update in told[0][0]}
    updates = {int(update): [of[1][update] for of in told] for update in told[0][1]}
    return Read(windows, updates, runs.end_of(Path("run" if settings else "resumed")))


def _fork(rank: int, settings: dict[str, Any] | None, store: Path) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        meeting = distributed.FileStore(str(store / "store"), 2)
        distributed.init_process_group("gloo", store=meeting, rank=rank, world_size=2)
        (store / str(rank)).write_text(json.dumps(followed(settings, keeps=rank == 0)))
        code = 0
    finally:
        os._exit(code)


def followed(
    settings: dict[str, Any] | None, *, keeps: bool = True
) -> tuple[dict[int, list[str]], dict[int, tuple[Any, ...]]]:
    """Train or resume, keeping every checkpoint of the first training aside; return windows and updates."""
    windows, updates = dict[int, list[str]](), dict[int, tuple[Any, ...]]()
    task = statewise.Text(**settings) if settings else None
    with windows_read() as digests:
        for event in statewise.training(task, run="run") if task else statewise.resuming("resumed"):
            if isinstance(event, Updated):
                windows[event.update], digests[:] = list(digests), []
                updates[event.update] = event._replace(seconds=0.0)
            if isinstance(event, Saved) and settings and keeps:
                shutil.copytree(event.checkpoint, f"kept/{event.update:06d}", dirs_exist_ok=True)
    return windows, updates


@contextmanager
def windows_read() -> Iterator[list[str]]:
    """Note a digest of every window that a learner reads."""
    digests: list[str] = []
    read = learner.read_in_segments

    def noting(model: Any, window: Any, state: Any, segment: int) -> Any:
        content = b"".join(part.numpy().tobytes() for part in window if isinstance(part, torch.Tensor))
        digests.append(hashlib.sha256(content).hexdigest())
        return read(model, window, state, segment)

    with mock.patch.object(learner, "read_in_segments", noting):
        yield digests


def outcome_of(whole: Read, again: Read, where: str, update: int) -> str:
    """Say whether all after an update was the same, and what was not."""
    later = {number for number in whole.windows if number > update}
    if again.windows != {number: whole.windows[number] for number in later}:
        return f"{where}: other windows"
    if again.updates != {number: whole.updates[number] for number in later}:
        return f"{where}: other updates"
    return "the same" if again.end == whole.end else f"{where}: another end"


if __name__ == "__main__":
    main()
