"""What users do with a run, each as a verb that answers with an exit code: `VERBS`; and small runs of each task."""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

import statewise
from statewise.cli.main import run as command_line
from statewise.errors import StatewiseError
from statewise.server import process as server_process
from statewise.verbs import training

sys.path.append(str(Path(__file__).parents[1] / "tests" / "tasks"))
from small_tasks import TASKS  # they lie with the tests

ASKED: dict[str, list[str]] = {
    "text": ["--length", "9"],
    "recommend": ["--session", "1,2", "--k", "2"],
    "sketch": ["--endings", "2"],
    "handwriting": ["ab"],
    "translate": ["the cat"],
    "answer": ["Mary went home. Where is Mary?"],
    "chat": ["hello"],
    "language": ["the", "--length", "5"],
    "game": ["--episodes", "1"],
    "gesture": ["moved/asked.csv"],
    "dialogue": ["a large pizza", "--now", "2026-11-30T09:00"],
    "speech": ["said/high_voice0_0.wav"],
    "caption": ["shown/00.png"],
    "sound": ["seen/clip0.mp4"],
}
"What is asked of a run of each task, after its name; else nothing."
BEGUN: dict[str, list[str]] = {
    "recommend": ["--k", "2"],
    "handwriting": ["--text", "ab"],
    "translate": ["--text", "the cat"],
    "dialogue": ["--now", "2026-11-30T09:00"],
}
"With what a stream of each task begins."
HEARD: dict[str, Any] = {}
"What a stream of each task reads, once `make_runs` has asked."
MADE: dict[str, Any] = {}
"The settings of the runs, once they are made."
BROKEN_OFF = 4
OF_EACH: dict[str, Any] = {"updates": 6, "checks": 2, "save_updates": 2}
OF_ONE: dict[str, dict[str, Any]] = {"text": {"average": 0.9, "keep": "best"}}


def make_runs() -> dict[str, Path]:
    """Train a small run of each task, and one that is broken off."""
    made: dict[str, Path] = {}
    for kind, make in TASKS.items():
        task: Any = make(Path())
        if task.name != kind:
            continue  # the same task with other settings
        MADE[kind] = replace(task, **OF_EACH, **OF_ONE.get(kind, {}))
        for name, length in ((kind, None), (f"{kind}, broken off", BROKEN_OFF)):
            made[name] = Path("runs", name)
            for event in (events := training(MADE[kind], run=made[name])):
                if length is not None and getattr(event, "update", 0) >= length:
                    events.close()
                    break
        live = {"text": "the cat" if kind == "translate" else "ab"} if kind in ("translate", "handwriting") else {}
        HEARD[kind] = statewise.load(made[kind]).live(**live).inputs.example
    return made


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
    task = task_of(run)
    heard = HEARD.get(task, "2")
    line = heard if isinstance(heard, str) else json.dumps(heard)
    return by_command("stream", "RUN", *BEGUN.get(task, []), given=f"{line}\n")(run)


def begin_from(run: Path) -> int:
    """Begin another training with the run's weights."""
    task = replace(MADE.get(task_of(run), MADE["text"]), updates=1)

    def work() -> None:
        for _ in training(task, run="made/run", begin_from=run):
            pass

    return by_python(work)


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
