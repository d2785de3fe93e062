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
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from outcomes import arguments, conclude, counted
from spoiling import SPOILS

import statewise
from statewise.cli.main import run as command_line
from statewise.errors import StatewiseError
from statewise.server import process as server_process
from statewise.shown import HARMFUL
from statewise.verbs import training

CLAIM = "a stranger's run, damaged or meant to do harm, is refused in one line by every verb, or used as it says"
MEMORY_CLAIM = "no verb takes more than a gigabyte for it"
GOOD = {"refused", "used"}
SLOW, SELDOM = "inspect --memory", 0.02
"What takes long where a run is right, and how often it is tried."
MEGABYTES, SECONDS, BATCH, TRIED = 1024, 30, 50, 3
STARTING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pickle.find_class")
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 30
TINY: dict[str, Any] = {"hidden_size": 4, "batch_size": 3, "threads": 1, "updates": 6, "checks": 2, "save_updates": 2}
BROKEN_OFF = 4


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


def make_runs() -> dict[str, Path]:
    """Train a small run of each task, and one that is broken off; use each once, so that late imports are done."""
    Path("book.txt").write_text(TEXT)
    rows = [f"u{user},{(user * n) % 9},{5000 * user + n}" for user in range(30) for n in range(1, 7)]
    Path("log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    hours = [f"2026-11-{1 + t // 24:02d}T{t % 24:02d}:00:00,{(7 * t) % 24},{t % 5}" for t in range(200)]
    Path("cars.csv").write_text("\n".join(["time,cars,rain", *hours]) + "\n")
    tasks: list[Any] = [
        statewise.Text(
            source="book.txt", sequence_length=8, embedding=3, orders=2, gap=10, average=0.9, keep="best", **TINY
        ),
        statewise.Recommend(source="log.csv", min_support=1, k=2, sequence_length=4, embedding=3, **TINY),
        statewise.Forecast(source="cars.csv", target="cars", known="rain", horizon="6h", context="24h", **TINY),
    ]
    made: dict[str, Path] = {}
    for task in tasks:
        for name, length in ((task.name, None), (f"{task.name}, broken off", BROKEN_OFF)):
            made[name] = Path("runs", name)
            for event in (events := training(task, run=made[name])):
                if length is not None and getattr(event, "update", 0) >= length:
                    events.close()
                    break
        for verb in VERBS:
            outcome_of(verb, made[task.name])
            shutil.rmtree("made", ignore_errors=True)
    return made


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


def by_command(*words: str, given: str = "") -> Callable[[Path], int]:
    """Return a verb as a command line, in which RUN stands for the run, with something on standard input."""

    def use(run: Path) -> int:
        before, sys.stdin = sys.stdin, io.StringIO(given)
        try:
            return command_line([word.replace("RUN", str(run)) for word in words])
        finally:
            sys.stdin = before

    return use


def task_of(run: Path) -> str:
    """Return of which task a run says that it is, as far as that can be read."""
    with contextlib.suppress(Exception):
        return str(yaml.safe_load((run / "run.yaml").read_text())["task"])
    return "text"


def answer_something(run: Path) -> int:
    """Predict, as the run's task does."""
    return command_line(["predict", str(run), *ASKED.get(task_of(run), [])])


def hear_something(run: Path) -> int:
    """Read a line, as the run's task does."""
    return by_command("stream", "RUN", *(["--k", "2"] if task_of(run) == "recommend" else []), given="2\n")(run)


def begin_from(run: Path) -> int:
    """Begin another training with the run's weights."""
    task = task_of(run) if task_of(run) in SOURCES else "text"
    source = SOURCES[task]
    how = ["--run", "made/run", "--updates", "1", "--hidden-size", "4", "--batch-size", "3", *source[1:], "--quiet"]
    return command_line(["train", task, source[0], "--from", str(run), *how])


def resume_for_a_while(run: Path) -> int:
    """Resume, but no further than a few events: how long a training takes is the run's own affair."""

    def work() -> None:
        events = statewise.resuming(run)
        for _ in islice(events, 5):
            pass
        events.close()

    return by_python(work)


def show_in_a_notebook(run: Path) -> int:
    """Show a run as a notebook does."""
    return by_python(lambda: print(statewise.load(run)._repr_html_()))


def by_python(work: Callable[[], None]) -> int:
    """Do some work and answer as the command line does."""
    try:
        work()
    except StatewiseError as error:
        print(f"statewise: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def start_a_server(run: Path) -> int:
    """Start a server of the run, down to the moment in which it would wait for requests."""

    def stop_at_once(application: Any, listening: Any, ready: Callable[[], None]) -> None:
        with listening:
            ready()

    before, server_process.serve = server_process.serve, stop_at_once
    try:
        return command_line(["serve", str(run), "--port", "0"])
    finally:
        server_process.serve = before


SOURCES = {
    "text": ["book.txt", "--embedding", "3", "--sequence-length", "8"],
    "recommend": ["log.csv", "--min-support", "1", "--k", "2", "--sequence-length", "4", "--embedding", "3"],
    "forecast": [
        "cars.csv",
        "--target",
        "cars",
        "--known",
        "rain",
        "--horizon",
        "6h",
        "--context",
        "24h",
        "--checks",
        "2",
    ],
}
ASKED = {"text": ["--length", "9"], "recommend": ["--session", "1,2", "--k", "2"], "forecast": ["--hold-known"]}
VERBS: dict[str, Callable[[Path], int]] = {
    "inspect": by_command("inspect", "RUN"),
    "inspect --json": by_command("inspect", "RUN", "--json"),
    "inspect --memory": by_command("inspect", "RUN", "--memory", "--lags", "2", "--probes", "8", "--quiet", "--json"),
    "compare": by_command("compare", "RUN", "RUN"),
    "evaluate": by_command("evaluate", "RUN"),
    "predict": answer_something,
    "stream": hear_something,
    "export": by_command("export", "RUN", "--to", "made/folder", "--format", "safetensors"),
    "export onnx": by_command("export", "RUN", "--to", "made/onnx", "--format", "onnx"),
    "tensorboard": by_command("tensorboard", "RUN"),
    "serve": start_a_server,
    "load": show_in_a_notebook,
    "train --from": begin_from,
    "resume": resume_for_a_while,
}
MAY_FAIL = {"resume", "evaluate", "train --from"}
"Where a training or a scoring may fail, with exit code 1."


if __name__ == "__main__":
    main()
