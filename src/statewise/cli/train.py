"""`statewise train TASK` and `statewise resume`: flags from a task's fields, and the loop that shows what happens."""

import json as json_format
import os
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from statewise import registry
from statewise.bounds import MOST_PROCESSES
from statewise.cli.flags import SOURCE, flags_of_fields, given_of, parameter, with_parameters
from statewise.cli.next_commands import next_words
from statewise.cli.processes import is_one_of_several, launch, meet, note_run, rank_here
from statewise.cli.signals import Interrupted, Interruption
from statewise.errors import UsageError
from statewise.progress.terminal import width

if TYPE_CHECKING:
    from statewise.learning.events import Event
    from statewise.task import Task

COMMON = {
    "run": Annotated[Path | None, typer.Option(metavar="DIR", help="the run directory [default: runs/TASK-NAME-N]")],
    "config": Annotated[
        Path | None, typer.Option(metavar="FILE", help="file of settings (YAML); a flag takes the place of its setting")
    ],
    "begin_from": Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="begin with the weights of another run; see also --freeze"),
    ],
    "processes": Annotated[
        int | None,
        typer.Option(
            help="number of processes on this machine that train together, each with its own rows",
            min=1,
            max=MOST_PROCESSES,
        ),
    ],
    "json": Annotated[bool, typer.Option("--json", help="print one JSON object")],
    "quiet": Annotated[bool, typer.Option("--quiet", help="print nothing but the result")],
}

SHORT_SECONDS = 6
"A shorter training is told in seconds, since 0.0 minutes would say nothing."

FEW = 4
"So many processes are started on any machine, where a run began with them."


def command_for(name: str) -> Any:
    """Return the command that trains a task. Raises `UsageError` for one that is not known."""
    kind = cast("type[Task]", registry.find("tasks", name))
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name=name, help=kind.title)(_with_flags(kind))
    command = typer.main.get_command(app)
    command.name = name
    return command


def _with_flags(kind: "type[Task]") -> Callable[..., None]:
    def train_task(**given: Any) -> None:
        common = {key: given.pop(key) for key in COMMON}
        train(kind, given_of(given), **common)

    common = [parameter(key, hint, False if key in ("json", "quiet") else None) for key, hint in COMMON.items()]
    return with_parameters(train_task, [*flags_of_fields(kind), *common])


def train(
    kind: "type[Task]",
    given: dict[str, Any],
    *,
    run: Path | None,
    config: Path | None,
    json: bool,
    quiet: bool,
    processes: int | None = None,
    begin_from: Path | None = None,
    says_next: bool = True,
) -> None:
    """Train a task from flags over a file of settings over defaults; at the end say what may be typed next."""
    from statewise.run.config import build
    from statewise.run.directory import DEFAULT_FOLDER, refuse_taken

    settings = {**(settings_in(config) if config else {}), **given}
    drop_overruled(settings, given)
    if run and rank_here() == 0:
        refuse_taken(run)
    if settings.get(SOURCE) in ("-", ["-"]):
        settings[SOURCE] = [str(_keep_input(run.parent if run else DEFAULT_FOLDER))]
    if SOURCE not in settings and any(field.name == SOURCE and field.default is MISSING for field in fields(kind)):
        raise UsageError(
            f"nothing to learn from was given: name it, as in `statewise train {kind.name} {kind.example}`"
        )
    task = build(kind, settings)
    if _needs_others(processes):
        paths = {"--run": run, "--from": begin_from}
        arguments = ["train", kind.name, *(part for flag, path in paths.items() if path for part in (flag, str(path)))]
        raise typer.Exit(_train_with_others(int(processes or 1), arguments, task, json=json, quiet=quiet))
    from statewise.verbs import training

    events = training(task, run=run, begin_from=begin_from)
    follow(events, task, json=json, quiet=quiet, says_next=says_next)


def resume_run(run: Path, *, json: bool, quiet: bool, processes: int | None = None) -> None:
    """Go on with a run, in as many processes as it began with where nothing else is said."""
    from statewise.run.directory import RunDirectory

    config = RunDirectory(run).read_config()
    processes = processes or (1 if is_one_of_several() else _as_it_began(config))
    if _needs_others(processes):
        raise typer.Exit(launch(processes, ["resume", str(run), *_manner(json, quiet)]))
    from statewise.verbs import resuming, task_of

    follow(resuming(run), task_of(config), json=json, quiet=quiet)


def _as_it_began(config: dict[str, Any]) -> int:
    """Return in how many processes a run began. Raises `UsageError` for more than this machine is good for."""
    began, most = int(config.get("processes", 1)), max(FEW, os.cpu_count() or 1)
    if began > most:
        raise UsageError(
            f"the run began with {began:,} processes, and no more than {most} start here unasked: give --processes"
        )
    return began


def _needs_others(processes: int | None) -> bool:
    """Say whether other processes are to be started. Raises `UsageError` where that was done already."""
    if processes and processes > 1 and is_one_of_several():
        raise UsageError(f"torchrun has started the processes already: leave out --processes {processes}")
    return bool(processes and processes > 1)


def _train_with_others(processes: int, arguments: list[str], task: "Task", *, json: bool, quiet: bool) -> int:
    from statewise.run.config import as_yaml, plain

    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "settings.yaml")
        settings.write_text(as_yaml(plain(task)), encoding="utf-8")
        return launch(processes, [*arguments, "--config", str(settings), *_manner(json, quiet)])


def _manner(json: bool, quiet: bool) -> list[str]:
    return [flag for flag, is_given in (("--json", json), ("--quiet", quiet)) if is_given]


def follow(
    events: "Generator[Event, None, None]", task: "Task", *, json: bool, quiet: bool, says_next: bool = True
) -> None:
    """Show events as they come, and the result at the end; an interrupt saves, says how to go on, and leaves.

    Where several processes train together, the first one talks, and all leave at the same event.
    """
    from statewise.distributed import here
    from statewise.learning.events import Finished, Started
    from statewise.progress.view import view
    from statewise.report import Report

    run, report, talks, alone = "", None, rank_here() == 0, not is_one_of_several()
    meet()
    with view(task, quiet=quiet or not talks) as show, Interruption(breaks_off=alone) as interruption:
        try:
            for event in events:
                if isinstance(event, Started):
                    interruption.defer()
                    run = event.run
                    note_run(run)
                show(event)
                here().pending = interruption.signal
                if isinstance(event, Finished):
                    report = Report(**event.report)
                elif here().agreed:
                    break
        except (Interrupted, BrokenPipeError):  # it took too long, a second signal came, or what read the progress left
            if not interruption.signal:
                raise
        finally:
            events.close()
    if report is None:
        how = "stopped at once, what was whole is saved" if interruption.is_at_once else "stopped and saved"
        if talks:
            print(f"{how}; go on with: statewise resume {run}", file=sys.stderr)
        raise typer.Exit(Interrupted(here().agreed or interruption.signal).exit_code)
    if talks:
        print(json_format.dumps(report.as_json()) if json else _result(report, quiet))
        if says_next and not quiet:
            print(next_words(Path(run), task), file=sys.stderr)


def _result(report: Any, quiet: bool) -> str:
    training = report.training
    seconds = training["seconds"]
    time = f"{seconds / 60:.1f} minutes" if seconds >= SHORT_SECONDS else f"{seconds:.1f} seconds"
    words = (
        f"{report.run}: {training['parameters']:,} parameters, {training['updates']:,} updates in "
        f"{time}, {training['places_per_second']:,.0f} {report.data['unit']}s a second"
    )
    return report.shown(width()) if quiet else f"{words}\n{report.shown(width())}"


def settings_in(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file, which may be a `run.yaml`. Raises `UsageError` where it holds none."""
    from statewise.run.config import read_yaml
    from statewise.run.sources import settings_of

    values = read_yaml(path)
    if "settings" not in values:
        return values
    if not isinstance(values["settings"], dict):
        raise UsageError(
            f"{path} holds {type(values['settings']).__name__}, not settings: give lines like `hidden_size: 256`"
        )
    return settings_of(values)  # a run.yaml holds more than settings


def drop_overruled(settings: dict[str, Any], given: dict[str, Any]) -> None:
    """Let a budget on the command line take the place of another in the file."""
    budgets = {"minutes", "epochs", "updates"}
    if budgets & given.keys():
        for other in budgets - given.keys():
            settings.pop(other, None)


def _keep_input(folder: Path) -> Path:
    """Keep what comes on standard input, so that the run can be resumed, and return where."""
    import hashlib

    from statewise.run.directory import CACHE
    from statewise.run.files import write_whole

    content = sys.stdin.buffer.read()
    path = folder / CACHE / f"input-{hashlib.sha256(content).hexdigest()[:12]}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path
