"""Many trials over several processes, each kept as a line once it is done: a suite that was stopped goes on."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from statewise.errors import MissingExtra, TrainingError, UsageError
from statewise.run.directory import RunDirectory
from statewise.run.files import make_folder, saving
from statewise_lab.classics.experiment import Experiment

Record = dict[str, Any]
TRIAL = "trial"
"What a finished trial is called as an event."


class Job(NamedTuple):
    """One trial to be made."""

    experiment: str
    contender: str
    seed: int


@dataclass(frozen=True)
class Suite:
    """The trials of some experiments from so many seeds, and the folder in which finished ones are kept.

    Without `seeds` each experiment has its own number of them. A line that was made with other settings does not count.
    Raises `UsageError` for no seeds, and where the folder cannot be made or holds something else.
    """

    experiments: Sequence[Experiment]
    folder: Path
    seeds: int | None = None

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise UsageError(f"seeds {self.seeds} tries nothing: give 1 or more")
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder} is a file: give a folder with --out")
        taken = self.folder.exists() and any(self.folder.iterdir())
        if taken and not self.kept.events.exists():
            raise UsageError(f"{self.folder} holds something else: give another folder with --out")

    @property
    def kept(self) -> RunDirectory:
        """Where finished trials lie, one a line of `events.jsonl`."""
        return RunDirectory(self.folder)

    def jobs(self) -> list[Job]:
        """Return every trial, those of an experiment together."""
        return [
            Job(experiment.name, contender.label, seed)
            for experiment in self.experiments
            for contender in experiment.contenders
            for seed in range(self.seeds or experiment.seeds)
        ]

    def finished(self) -> dict[Job, Record]:
        """Return what is done already."""
        wanted, found = set(self.jobs()), {}
        settings = {(e.name, c.label): c.as_json() for e in self.experiments for c in e.contenders}
        for record in self.kept.read_lines():
            job = _job_of(record)
            if job is not None and job in wanted and record.get("settings") == settings[job.experiment, job.contender]:
                found[job] = {name: value for name, value in record.items() if name != "event"}
        return found

    def run(self, workers: int) -> Iterator[Record]:
        """Make the trials that are missing, in so many processes at once, and yield each as it is done.

        Leaving the loop ends the processes; what they had not finished is lost. Raises `MissingExtra` and
        `TrainingError` as a trial does.
        """
        with saving(str(self.folder), "give another folder with --out"):
            make_folder(self.folder)
            self.kept.events.touch()
        with self.kept.locked():
            done = self.finished()
            for record in _made([job for job in self.jobs() if job not in done], workers):
                self.kept.append_event({"event": TRIAL, **record})
                yield record


def _job_of(record: Record) -> Job | None:
    """Return which trial a line of the events is of, if any."""
    told = [record.get(name) for name in Job._fields]
    is_one = record["event"] == TRIAL and [type(part) for part in told] == [str, str, int]
    return Job(*cast("tuple[str, str, int]", tuple(told))) if is_one else None


def _made(jobs: list[Job], workers: int) -> Iterator[Record]:
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    done: queue.SimpleQueue[Record | Exception] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    processes = [_start() for _ in range(min(workers, len(jobs)))]
    try:
        for process in processes:
            threading.Thread(target=_feed, args=(process, waiting, done), daemon=True).start()
        for _ in jobs:
            came = done.get()
            if isinstance(came, Exception):
                raise came
            yield came
    finally:
        for process in processes:
            _end(process)


def _start() -> "subprocess.Popen[str]":
    # a terminal's Ctrl-C and its end come to all of them, and are answered by this process; its Ctrl-Z stops them all
    deaf = "import signal; [signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGHUP)]"
    command = [sys.executable, "-c", f"{deaf}; from statewise_lab.classics.worker import main; main()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was not read any more
            cast("IO[str]", pipe).close()


def _feed(
    process: "subprocess.Popen[str]",
    waiting: "queue.SimpleQueue[Job]",
    done: "queue.SimpleQueue[Record | Exception]",
) -> None:
    """Give a process one trial after another, until there are none left or it has failed."""
    asked, told = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    while True:
        try:
            job = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            asked.write(json.dumps(job) + "\n")
            asked.flush()
            record = json.loads(told.readline())
        except (OSError, ValueError):
            words = f"the process that tried {job.contender} on {job.experiment} ended early"
            done.put(TrainingError(f"{words}: what is finished is kept, so give the same command again"))
            return
        if "missing" in record:
            done.put(MissingExtra(record["missing"]))
            return
        done.put(record)
