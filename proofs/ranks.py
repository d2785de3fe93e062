"""A training in two processes loses one of them again and again; it must end in the bits of one that lost none.

    python proofs/ranks.py [--kills 10] [--fork] [--save FILE]

Behind an update that is drawn, a process of the two, drawn too, is killed with kill -9. The other has to end by itself,
the command with exit code 1 and one line, within ten seconds; the run is resumed, and killed again, so many times.
With `--fork` the processes are forked here instead of started by the command line: quicker, and without its exit code.
Exit code 1 where the run ends in other bits, an update is missing or there twice, or a process lives on.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from outcomes import RESULTS, conclude, counted

CLAIM = "a training in two processes that loses one of them so often ends in the bits of one that lost none"
ENDED = "ended in time, with one line"
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 100
SETTINGS: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "updates": 600,
}
SETTINGS |= {"orders": 2, "threads": 1, "checks": 3, "keep": "best", "save_seconds": 0.1, "sample_seconds": 0.0}
SETTINGS |= {"shuffle": 4, "vary": 2.0}
COUNT = 2
MOST_SECONDS = 10.0
ATTEMPTS, LATEST = 5, 0.8


def main() -> None:
    """Kill, resume, compare, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--updates", type=int, default=600, help="length of the training")
    parser.add_argument("--fork", action="store_true", help="fork the processes here")
    parser.add_argument("--save", type=Path, default=RESULTS / "ranks.json")
    asked = parser.parse_args()
    SETTINGS["updates"] = asked.updates
    save, start = asked.save.resolve(), forked if asked.fork else by_command
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("book.txt").write_text(TEXT)
        began = time.monotonic()
        assert start("train", "whole").wait() == 0, "the undisturbed run failed"
        seconds = time.monotonic() - began
        kills = lose_processes(start, asked.kills, seconds)
        same = end_of("run") == end_of("whole")
        updates = updates_of("run")
        os.chdir("/")
    outcomes = [outcome_of(kill) if same and updates else "other bits in the end" for kill in kills]
    result = counted(CLAIM, outcomes, {ENDED})
    slowest = max(kill["ended_seconds"] for kill in kills)
    conclude({**result, "ended_alone_within_seconds": slowest, "each": kills}, save)


def outcome_of(kill: dict[str, Any]) -> str:
    """Say how the others ended once a process was killed."""
    if kill["ended_seconds"] >= MOST_SECONDS:
        return f"the other lived on for {kill['ended_seconds']:.0f} seconds"
    return ENDED if kill["exit_code"] == 1 else f"exit code {kill['exit_code']}"


class Training:
    """Two processes that train, and what ends with them."""

    def __init__(self, processes: Callable[[], list[psutil.Process]], wait: Callable[[], int]) -> None:
        self.processes, self.wait = processes, wait


def lose_processes(start: Callable[[str, str], Training], count: int, seconds: float) -> list[dict[str, Any]]:
    """Train, killing one of the processes so often, and go on to the end; again where it ends before it is killed."""
    for attempt in range(ATTEMPTS):
        shutil.rmtree("run", ignore_errors=True)
        kills = lose_each(start, random.Random(f"{count} {attempt}"), count, seconds)
        if len(kills) == count:
            break
    else:
        raise SystemExit(f"the training was too quick to lose {count} processes: give more --updates")
    if start("resume", "run").wait() != 0:
        raise SystemExit("the run could not be resumed")
    return kills


def lose_each(
    start: Callable[[str, str], Training], draw: random.Random, count: int, seconds: float
) -> list[dict[str, Any]]:
    """Return what came of each kill, up to one that came too late."""
    updates, kills = int(SETTINGS["updates"]), []
    for behind in sorted(draw.sample(range(1, int(updates * LATEST)), count)):
        training = start("resume" if kills else "train", "run")
        wait_for_update(behind)
        time.sleep(draw.uniform(0, seconds / updates))
        victim, processes = draw.randrange(COUNT), training.processes()
        for process in processes[victim : victim + 1]:
            process.kill()
        killed = time.monotonic()
        code = training.wait()
        psutil.wait_procs(processes, timeout=MOST_SECONDS)
        ended = time.monotonic() - killed
        if code == 0:
            break
        kills.append(
            {"process": victim, "behind_update": last_update("run"), "ended_seconds": ended, "exit_code": code}
        )
    return kills


def wait_for_update(number: int) -> None:
    """Wait until the run has told of that update, for a minute at most."""
    deadline = time.monotonic() + 60
    while last_update("run") < number and time.monotonic() < deadline:
        time.sleep(0.005)


def by_command(verb: str, run: str) -> Training:
    """Begin to train or resume through the command line."""
    flags = [part for name, value in SETTINGS.items() for part in (f"--{name.replace('_', '-')}", str(value))][2:]
    rest = ["text", "book.txt", *flags, "--run", run, "--processes", str(COUNT)] if verb == "train" else [run]
    command = [sys.executable, "-m", "statewise", verb, *rest, "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait() -> int:
        _, said = process.communicate()
        lines = said.splitlines()
        return process.returncode if len(lines) == (process.returncode != 0) else 99

    return Training(lambda: psutil.Process(process.pid).children(), wait)


def forked(verb: str, run: str) -> Training:
    """Begin to train or resume in processes forked from this one."""
    folder = tempfile.mkdtemp(dir=".")
    children = [_fork(rank, verb, run, Path(folder)) for rank in range(COUNT)]

    def wait() -> int:
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        return 1 if sorted(codes) == [-signal.SIGKILL, 1] else max(codes, key=abs)

    return Training(lambda: [psutil.Process(child) for child in children], wait)


def _fork(rank: int, verb: str, run: str, folder: Path) -> int:
    import torch
    from torch import distributed

    import statewise

    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        torch.set_num_threads(1)
        store = distributed.FileStore(str(folder / "store"), COUNT)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=COUNT)
        statewise.train(statewise.Text(**SETTINGS), run=run) if verb == "train" else statewise.resume(run)
        code = 0
    except statewise.errors.TrainingError:
        pass
    finally:
        os._exit(code)


def last_update(run: str) -> int:
    """Return the number of the last update that was told."""
    path = Path(run, "events.jsonl")
    lines = path.read_text().splitlines()[-1:] if path.exists() else []
    return int(json.loads(lines[0]).get("update", 0)) if lines and lines[0].endswith("}") else 0


def updates_of(run: str) -> bool:
    """Say whether what counts in the end was every update once: what was told after a checkpoint is told again."""
    told: dict[int, float] = {}
    for line in Path(run, "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "updated":
            if told.get(event["update"], event["nats"]) != event["nats"]:
                return False
            told[event["update"]] = event["nats"]
    return sorted(told) == list(range(1, SETTINGS["updates"] + 1))


def end_of(run: str) -> dict[str, Any]:
    """Return everything in the last checkpoint but the time it took."""
    last = max(Path(run, "checkpoints").iterdir())
    place = json.loads((last / "place.json").read_text())
    return {path.name: path.read_bytes() for path in last.glob("*.safetensors")} | {"place": {**place, "seconds": 0}}


if __name__ == "__main__":
    main()
