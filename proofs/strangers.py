"""Runs of strangers, damaged or made with bad intentions, are given to every verb: each is refused in one line.

    python proofs/strangers.py [--runs 2000] [--save FILE]

A small run of each task, finished or broken off, is copied, and something in it is changed: bits, a cut, or an
insertion in any file; a value in `run.yaml`, `codec.json`, an event or a place that becomes another type, another size,
or goes; an alias that stands for any amount; a pipe, a device, a link or 20 GiB of nothing in place of a file; a folder
of an odd name (`spoiling.py`). Digests are often computed again, as by an attacker. Three of the verbs that
read a run then have to answer in one line with exit code 2 (1 where a training or a scoring failed), or to do what the
run says; within half a minute, and within a gigabyte beyond what a verb takes. They start no program, unpickle nothing,
and what they print moves no cursor. Exit code 1 for any other end.
"""

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from spoiling import SPOILS
from strangers_verbs import MAY_FAIL, VERBS, make_runs

from statewise import registry
from statewise.shown import HARMFUL

CLAIM = "a stranger's run, damaged or meant to do harm, is refused in one line by every verb, or used as it says"
MEMORY_CLAIM = "no verb takes more than a gigabyte for it"
GOOD = {"refused", "used"}
SLOW, SELDOM = "inspect --memory", 0.02
"What takes long where a run is right, and how often it is tried."
MEGABYTES, SECONDS, BATCH, TRIED = 1024, 30, 50, 3
NOT_OFFERED = {(task, "export onnx") for task in registry.names("tasks") if task != "text"}
"What a task does not offer, and says so."
STARTING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pickle.find_class")


class TooLong(BaseException):
    """A verb took longer than it may."""


class Hearing:
    """What Python says that it is about to start, or to unpickle, while a verb is at work."""

    def __init__(self) -> None:
        self.is_on, self.heard = False, list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, what: tuple[Any, ...]) -> None:
        """Note what would run something else."""
        if self.is_on and event.startswith(STARTING):
            self.heard.append(f"{event} {what!r:.100}")


HEARING = Hearing()


def main() -> None:
    """Make runs, spoil copies of them, give them to verbs, judge and write."""
    asked = arguments(__doc__, "strangers", runs=(2000, "spoiled runs"))
    save = asked.save.resolve()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        results = proved(asked.runs, Path(folder))
        os.chdir("/")
    conclude(results, save)


def proved(runs: int, folder: Path) -> list[dict[str, Any]]:
    """Return what came of so many spoiled runs, and how much memory they took."""
    os.chdir(folder)
    made = make_runs()
    used_once(made)
    outcomes, grown = [], [0.0]
    for begin in range(0, runs, BATCH):
        batch = range(begin, min(runs, begin + BATCH))
        for told in in_a_process(lambda batch=batch: judged(made, batch), len(batch)):  # type: ignore[misc]
            if "megabytes" in told:
                grown.append(told["megabytes"])
            else:
                outcomes.append(told["outcome"])
        print(f"{len(outcomes)} of {runs}", file=sys.stderr, flush=True)
    memory = ["within" if most <= MEGABYTES else f"{most:.0f} MB" for most in grown[1:]]
    results = [counted(CLAIM, outcomes, GOOD), counted(MEMORY_CLAIM, memory, {"within"}, is_sample=False)]
    results[1] |= {"most_megabytes": round(max(grown)), "runs_at_a_time": BATCH}
    return results


def used_once(made: dict[str, Path]) -> None:
    """Give each right run to each verb, so that late imports are done. Raises where one of them cannot be used."""
    for name, verb in product(made, VERBS):
        if name in registry.names("tasks"):
            outcome = outcome_of(verb, made[name])
            if outcome != "used" and (name, verb) not in NOT_OFFERED:
                raise AssertionError(f"{verb} of a right run of {name}: {outcome}")
            shutil.rmtree("made", ignore_errors=True)


def in_a_process(work: Callable[[], Iterator[dict[str, Any]]], expected: int) -> Iterator[dict[str, Any]]:
    """Do some work in a process of its own that may take so much memory, and yield what it says, a line each."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _limit_memory()
        with os.fdopen(writing, "w") as out:
            for told in work():
                out.write(json.dumps(told) + "\n")
                out.flush()
        os._exit(0)
    os.close(writing)
    said = 0
    with os.fdopen(reading) as lines:
        for line in lines:
            said += "outcome" in (told := json.loads(line))
            yield told
    os.waitpid(process, 0)
    for _ in range(said, expected):
        yield {"outcome": "the process died"}


def _limit_memory() -> None:
    with Path("/proc/self/status").open() as lines:
        data = next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    most = (data << 10) + (2 * MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def judged(made: dict[str, Path], batch: range) -> Iterator[dict[str, Any]]:
    """Spoil some runs and yield what verbs made of them; then how much memory that took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in batch:
        draw = random.Random(number)
        name = draw.choice(sorted(made))
        folder = Path(f"case-{number}")
        shutil.copytree(made[name], folder / "run", symlinks=True)
        shutil.copytree(made[name].parent / ".data", folder / ".data")
        kind = draw.choice(sorted(SPOILS))
        what = SPOILS[kind](folder / "run", draw)
        verbs = draw.sample(sorted(set(VERBS) - {SLOW}), TRIED) if draw.random() > SELDOM else [SLOW]
        outcomes = {verb: outcome_of(verb, folder / "run") for verb in verbs}
        odd = [f"{verb}: {outcome}" for verb, outcome in outcomes.items() if outcome not in GOOD]
        found = "used" if set(outcomes.values()) == {"used"} else "refused"
        yield {"outcome": f"{number}, {name}, {kind} ({what}), {odd[0]}" if odd else found}
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree("made", ignore_errors=True)
    yield {"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def outcome_of(verb: str, run: Path) -> str:
    """Return what a verb makes of a run."""
    out, err = io.StringIO(), io.StringIO()

    def late(number: int, frame: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    HEARING.is_on, HEARING.heard = True, []
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = VERBS[verb](run)
    except TooLong:
        return "took too long"
    except MemoryError:
        return "took too much memory"
    except BaseException as error:
        return f"traceback ({type(error).__name__}: {error} at {_place(error)})"
    finally:
        signal.alarm(0)
        HEARING.is_on = False
        torch.set_num_threads(1)
    return verdict(verb, code, out.getvalue(), err.getvalue())


def verdict(verb: str, code: int, out: str, err: str) -> str:
    """Judge what a verb said, and with which code it ended."""
    if HEARING.heard:
        return f"started something: {HEARING.heard[0]}"
    if harmful := HARMFUL.search(out + err):
        return f"printed what is harmful: {harmful}"
    told = err.splitlines()
    lines = [line for line in told if line.startswith("statewise: ")]
    if "Traceback" in out + err or code not in ((0, 1, 2) if verb in MAY_FAIL else (0, 2)):
        return f"exit code {code}: {(out + err)[-200:]}"
    if code and (len(lines) != 1 or told[-1] != lines[0]):
        return f"exit code {code} and {len(lines)} lines: {err[-200:]}"
    return "refused" if code else "used"


def _place(error: BaseException) -> str:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "statewise" in frame.filename]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "elsewhere"


if __name__ == "__main__":
    main()
