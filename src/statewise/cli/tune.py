"""`statewise tune TASK`: a search among settings, each trial a run, the best of them written down for `--config`."""

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from statewise import registry
from statewise.cli.flags import SOURCE, flags_of_fields, given_of, parameter, with_parameters
from statewise.errors import UsageError
from statewise.shown import in_line

if TYPE_CHECKING:
    from statewise.task import Task
    from statewise.tuning.search import Search

COMMON = {
    "search": (
        Annotated[
            list[str] | None,
            typer.Option(
                metavar="NAME=WHERE", help="where to look: learning-rate=1e-4..1e-2:log, layers=1..3, cell=lstm,gru"
            ),
        ],
        None,
    ),
    "trials": (Annotated[int, typer.Option(help="number of runs in all", min=1)], 20),
    "run": (
        Annotated[
            Path | None, typer.Option(metavar="DIR", help="folder of the search; give the same one again to continue")
        ],
        None,
    ),
    "config": (
        Annotated[Path | None, typer.Option(metavar="FILE", help="settings in YAML, `search:` among them")],
        None,
    ),
    "over_ray": (Annotated[bool, typer.Option("--over-ray", help="run trials as tasks of Ray")], False),
    "at_once": (Annotated[int, typer.Option(help="with --over-ray: number of trials at the same time", min=1)], 2),
    "json": (Annotated[bool, typer.Option("--json", help="print one JSON object")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="print nothing but the result")], False),
}


def command_for(name: str) -> Any:
    """Return the command that searches settings of a task. Raises `UsageError` for one that is not known."""
    kind = cast("type[Task]", registry.find("tasks", name))
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    def tune_task(**given: Any) -> None:
        common = {key: given.pop(key) for key in COMMON}
        tune(kind, given_of(given), **common)

    common = [parameter(key, hint, default) for key, (hint, default) in COMMON.items()]
    flags = [flag for flag in flags_of_fields(kind) if flag.name not in COMMON]
    app.command(name=name, help=f"Search for better settings of {kind.name}. {kind.title}.")(
        with_parameters(tune_task, [*flags, *common])
    )
    command = typer.main.get_command(app)
    command.name = name
    return command


def tune(
    kind: "type[Task]",
    given: dict[str, Any],
    *,
    search: list[str] | None,
    trials: int,
    run: Path | None,
    config: Path | None,
    over_ray: bool,
    at_once: int,
    json: bool,
    quiet: bool,
) -> None:
    """Make the trials that are missing, and print what came of all of them."""
    from statewise.cli.train import drop_overruled, settings_in
    from statewise.run.config import build, fields_of
    from statewise.tuning.search import opened, prepared
    from statewise.tuning.space import parse_space

    settings = {**(settings_in(config) if config else {}), **given}
    drop_overruled(settings, given)
    asked = [*_in_file(settings.pop("search", {})), *(search or [])]
    space = parse_space(asked, fields_of(kind))
    if settings.get(SOURCE) in ("-", ["-"]):
        raise UsageError("a search reads its source again and again: give a file in place of -")
    task = prepared(build(kind, settings))
    if not space:
        raise UsageError("nothing to search among was given: name it, as in --search learning-rate=1e-4..1e-2:log")
    with opened(run, task, space, task.seed) as found:
        try:
            _make(found, trials, over_ray=over_ray, at_once=at_once, quiet=quiet)
        except KeyboardInterrupt:
            print(f"stopped and saved; go on with the same command and --run {found.folder}", file=sys.stderr)
            raise
        _show(found, json=json, quiet=quiet)


def _in_file(space: Any) -> list[str]:
    if not isinstance(space, dict):
        raise UsageError(
            f"search is {type(space).__name__} in the file: give lines like `learning_rate: 1e-4..1e-2:log`"
        )
    return [f"{name}={','.join(map(str, v)) if isinstance(v, list) else v}" for name, v in space.items()]


def _make(found: "Search", count: int, *, over_ray: bool, at_once: int, quiet: bool) -> None:
    numbers = found.open_trials(count)
    if over_ray:
        from statewise.tuning.over_ray import search

        made = search(found, numbers, at_once)
    else:
        made = map(found.trial, numbers)
    for number in made:
        if not quiet:
            trial = found.trials()[number]
            drawn = ", ".join(f"{name} {_shown(value)}" for name, value in trial.settings.items())
            print(f"trial {number} of {count} {trial.state}: {drawn}: {_score(trial.metrics)}", file=sys.stderr)


def _show(found: "Search", *, json: bool, quiet: bool) -> None:
    trials, best = found.trials(), found.best()
    if best is None:
        reasons = "every trial failed or was cut short: look at the settings, or give more trials"
        raise UsageError(f"{found.folder} has no complete trial: {reasons}")
    written, reference = found.write_best(), found.reference(best)
    if json:
        told = [trial._asdict() for trial in trials]
        print(json_format.dumps({"best": best._asdict(), **reference._asdict(), "trials": told}))
        return
    print(_table(found, trials, best, reference.baselines))
    if not quiet:
        chosen = f"chosen among {len(trials)} by the {'validation' if reference.held_out else 'held-out'} part"
        print(f"{chosen}, so its score there is a little too good")
        if reference.held_out:
            print(f"on the held-out part, which had no say in it: {_score(reference.held_out)}")
        print(f"train it again, or longer: statewise train {found.task.name} --config {written}")


def _table(found: "Search", trials: list[Any], best: Any, baselines: dict[str, dict[str, float]]) -> str:
    metric = next(iter(best.metrics))
    ranked = sorted(trials, key=lambda trial: (trial.judged is None, trial.judged))
    rows = [["trial", *found.space, metric.replace("_", " "), ""]]
    for trial in ranked:
        values = [_shown(trial.settings.get(name)) for name in found.space]
        state = "best" if trial.number == best.number else "" if trial.state == "complete" else trial.state
        rows.append([str(trial.number), *values, _shown(trial.metrics.get(metric)), state])
    for name, metrics in baselines.items():
        rows.append([name, *[""] * len(found.space), _shown(metrics.get(metric)), "baseline"])
    rows = [[in_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _score(metrics: dict[str, float]) -> str:
    name, value = next(iter(metrics.items()), ("", None))
    return f"{_shown(value)} {name.replace('_', ' ')}" if name else "no score"


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
