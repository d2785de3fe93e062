"""`statewise evaluate`, `predict` and `stream`: a trained run at work, with the arguments that its task takes."""

import json as json_format
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from annotated_doc import Doc

from statewise import registry
from statewise.cli.flags import Parameter, argument, flag, flags_of_methods, given_of, parameter, with_parameters
from statewise.cli.options import Run
from statewise.progress.terminal import exact, width
from statewise.shown import in_json
from statewise.underway import returned, told

if TYPE_CHECKING:
    from statewise.task import Answer, Task
    from statewise.verbs import Trained

COMMON = [
    parameter("json", Annotated[bool, typer.Option("--json", help="print one JSON object")], False),
    parameter("quiet", Annotated[bool, typer.Option("--quiet", help="print nothing but the result")], False),
]
LINE_SECONDS = 5.0
"An answer that takes long says no more often than this how much is done."
SAVE_SECONDS = 1.0
"A state is put away no more often than this, while lines come."


def run_among(arguments: Sequence[str]) -> Path | None:
    """Return which of the words on a command line is the run: the first that is one, or else the first of all."""
    words = [word for word in arguments if not word.startswith("-")]
    return next((Path(word) for word in words if _is_run(word)), Path(words[0]) if words else None)


def _is_run(word: str) -> bool:
    from statewise.run.run_names import is_named, is_zip

    return is_named(word) or is_zip(word) or Path(word, "run.yaml").is_file()


def command_at(run: Path, verb: str) -> Any:
    """Return a command on a run, as its task takes it. Raises `RunError` where there is no run."""
    from statewise.run.directory import RunDirectory

    kind = cast("type[Task]", registry.find("tasks", str(RunDirectory.of(run).read_config()["task"])))
    words, does, extra, methods = VERBS[verb]

    def use(run: Path, json: bool, quiet: bool, **given: Any) -> None:
        does(run, given_of(given), json=json, quiet=quiet)

    own = flags_of_methods([getattr(kind, method) for method in methods])
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    taken = [parameter("run", Run, Parameter.empty), *extra, *own, *COMMON]
    app.command(name=verb, help=words)(with_parameters(use, taken))
    command = typer.main.get_command(app)
    command.name = verb
    return command


def evaluate_run(run: Path, how: dict[str, Any], *, json: bool, quiet: bool) -> None:
    """Score a run and print its table."""
    if not quiet:
        print(f"scoring {run}" + (" and learning on" if how.get("dynamic") else ""), file=sys.stderr)
    from statewise.progress.view import view
    from statewise.run.directory import RunDirectory
    from statewise.verbs import evaluating, task_of

    scoring = evaluating(run, **how)
    with view(task_of(RunDirectory.of(run).read_config()), quiet=quiet) as show:
        report = returned(told(scoring, show))
    if report.notice and not quiet:
        print(report.notice, file=sys.stderr)
    print(json_format.dumps(report.as_json()) if json else report.shown(width()))


def predict_run(run: Path, how: dict[str, Any], *, json: bool, quiet: bool) -> None:
    """Print what the task of a run answers."""
    began = time.monotonic()
    trained = _load(run, quiet)
    answer = trained.answer(**how)
    if not quiet:
        print("".join(f"{notice}\n" for notice in answer.notices), end="", file=sys.stderr)
    if json:
        said = {"task": trained.task.name, "run": str(run), "data": {}, "metrics": {}, "baselines": {}}
        print(in_json({**said, **answer.as_json(), "seconds": time.monotonic() - began}))
    else:
        _write(answer, quiet=quiet)


def stream_run(run: Path, how: dict[str, Any], *, json: bool, quiet: bool) -> None:
    """Answer each line of standard input; with a state file, go on where it was left and leave it there."""
    from statewise.cli.streaming import answered_lines, heard_raw
    from statewise.run.files import saving, write_whole

    trained, is_raw = _load(run, quiet), how.pop("raw", False)
    state = Path(how.pop("state")) if "state" in how else None
    live = trained.live(state.read_bytes() if state and state.is_file() else None, **how)

    def keep() -> None:
        if state:
            with saving(str(state), "give another --state"):
                write_whole(state, live.save())

    kept = time.monotonic()
    try:
        for _ in heard_raw(live, json=json, quiet=quiet) if is_raw else answered_lines(live, json=json, quiet=quiet):
            if time.monotonic() - kept > SAVE_SECONDS:
                keep()
                kept = time.monotonic()
    finally:  # also after ^C and a line that cannot be read
        keep()


def _load(run: Path, quiet: bool) -> "Trained":
    from statewise.verbs import load

    trained = load(run)
    if trained.notice and not quiet:
        print(trained.notice, file=sys.stderr)
    return trained


def _write(answer: "Answer", *, quiet: bool) -> None:
    pieces = answer.pieces if answer.far is None or quiet else _followed(answer.pieces, answer.far)
    first = next(pieces, "")  # what cannot be done is said before anything is written
    out = exact()
    try:
        print(first, end="", flush=True, file=out)
        for piece in pieces:
            print(piece, end="", flush=True, file=out)
    finally:  # an interrupt too leaves the shell a line of its own
        print(end=answer.end, flush=True, file=out)


def _followed(pieces: Iterator[str], far: Callable[[], float]) -> Iterator[str]:
    """Yield pieces, and say now and then how much is done."""
    said = time.monotonic()
    for piece in pieces:
        if time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            print(f"{far():.0%} done", file=sys.stderr, flush=True)
        yield piece


VERBS: dict[str, tuple[str, Callable[..., None], list[Any], tuple[str, ...]]] = {
    "evaluate": (
        "Score a run and its baselines.",
        evaluate_run,
        [
            argument(
                "source", Annotated[tuple[str, ...], Doc("data to score instead of the held-out part")], metavar="PATH"
            )
        ],
        ("score",),
    ),
    "predict": ("Use a model once.", predict_run, [], ("answer", "predict")),
    "stream": (
        "Answer lines of standard input one by one.",
        stream_run,
        [
            flag(
                "state",
                Annotated[str, Doc("file of the state: read at the beginning if it exists, written at the end")],
                None,
            ),
            flag(
                "raw",
                Annotated[bool, Doc("standard input is sound, 16-bit samples, as arecord -t raw writes it")],
                False,
            ),
        ],
        ("live",),
    ),
}
"What can be done at a run: in words, by whom, what is taken besides, and the methods of a task that say the rest."
