"""The commands, each a thin wrapper; what is heavy is imported when a command runs, so `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from statewise import __version__
from statewise.bounds import MOST_PROCESSES
from statewise.cli.groups import AllCommands, AtRun, Commands, Searches, Tasks
from statewise.cli.options import Json, Quiet, Run, RunFolder
from statewise.cli.serve import serve_command
from statewise.cli.studio import studio_command
from statewise.errors import UsageError

app = typer.Typer(
    name="statewise",
    cls=AllCommands,
    help="Recurrent networks that train fast, stream one step at a time, and say honestly how good they are.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Texts, tables and drawings that can be used by name.", no_args_is_help=True, cls=Commands)
train_app = typer.Typer(help="Train a task: `statewise train text book.txt`.", no_args_is_help=True)
tune_app = typer.Typer(help="Search for better settings of a task, each trial a run.", no_args_is_help=True)
app.add_typer(train_app, name="train", cls=Tasks)
app.add_typer(tune_app, name="tune", cls=Searches)
app.add_typer(data_app, name="data")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    """Recurrent networks that train fast, stream one step at a time, and say honestly how good they are."""
    if show:
        typer.echo(f"statewise {__version__}")
        raise typer.Exit


@app.command()
def resume(
    run: RunFolder,
    processes: Annotated[
        int | None,
        typer.Option(help="number of processes on this machine [default: as it began]", min=1, max=MOST_PROCESSES),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Continue a training from its last checkpoint."""
    from statewise.cli.train import resume_run

    resume_run(run, json=json, quiet=quiet, processes=processes)


@app.command(cls=AtRun, short_help="Score a run and its baselines.")
def evaluate(run: Run, json: Json = False, quiet: Quiet = False) -> None:
    """Score a run and its baselines; `statewise evaluate RUN --help` shows the settings of its task."""


@app.command(cls=AtRun, short_help="Use a model: continue a text, forecast, recommend, draw.")
def predict(run: Run, json: Json = False, quiet: Quiet = False) -> None:
    """Use a model once; `statewise predict RUN --help` shows what the task of a run takes."""


@app.command(cls=AtRun, short_help="Answer lines of standard input one by one.")
def stream(run: Run, json: Json = False, quiet: Quiet = False) -> None:
    """Answer lines of standard input one by one; `statewise stream RUN --help` shows what the task of a run takes."""


@app.command(short_help="Compare runs: settings that differ, scores, curves.")
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="two run directories or more")],
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="also draw their curves: a .png, .svg or .pdf")
    ] = None,
    json: Json = False,
) -> None:
    """Compare runs: settings that differ, scores, baselines, time, and one picture of curves."""
    from statewise.cli.watch import compare_runs

    compare_runs(runs, save, json=json)


@app.command()
def tensorboard(
    run: RunFolder,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="write here [default: RUN/tensorboard]")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="continue while the run is trained, until it is finished")
    ] = False,
) -> None:
    """Write a run's events so that TensorBoard shows them."""
    from statewise.cli.watch import write_for_tensorboard

    write_for_tensorboard(run, save, follow=follow)


@app.command(short_help="Show a run: settings, best result, samples, memory.")
def inspect(
    run: Run,
    names: Annotated[
        bool, typer.Option("--names", help="list what the run knows by name: characters, columns, items, classes")
    ] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="measure how far back the model remembers, and draw it")
    ] = False,
    lags: Annotated[int | None, typer.Option(help="with --memory: most steps to look back [default: 100]")] = None,
    probes: Annotated[int | None, typer.Option(help="with --memory: places to look from [default: 256]")] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="with --memory: another run to compare it with")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a run: settings, size, parameters, best result, samples over time; or its names, or its memory."""
    if names and memory:
        raise UsageError("--names and --memory show two things: give one of them")
    if names:
        from statewise.cli.look import show_names

        show_names(run, json=json)
        return
    if memory:
        from statewise.cli.memory import show_memory

        show_memory(run, lags, probes, compare or [], json=json, quiet=quiet)
        return
    if lags is not None or probes is not None or compare:
        raise UsageError("--lags, --probes and --compare say how memory is measured: give --memory too")
    from statewise.cli.look import inspect_run

    inspect_run(run, json=json)


@app.command(name="list")
def list_(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="tasks, cells, heads, encoders, corpora or zoo")
    ] = None,
    json: Json = False,
) -> None:
    """List tasks, cells, heads, encoders, corpora and the zoo."""
    from statewise.cli.look import list_kinds

    list_kinds(kind, json=json)


@app.command(short_help="Show versions, threads, kernels, and missing extras.")
def doctor(json: Json = False) -> None:
    """Show versions, threads and kernels, and which extras are missing."""
    from statewise.cli.look import show_doctor

    show_doctor(json=json)


@app.command(short_help="Check every installed cell against the laws of cells.")
def laws(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CELL]...", help="names of cells; if not given, all")
    ] = None,
) -> None:
    """Check every installed recurrence, your own too, against the eleven laws, and print a table of the results."""
    from statewise.cli.laws import show_laws

    raise typer.Exit(show_laws(names or []))


@app.command(short_help="Write the model as ONNX, or as safetensors.")
def export(
    run: Run,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="folder, NAME.zip or hub:OWNER/NAME [default: NAME-FORMAT]")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="onnx, or safetensors for what `load` reads")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="keep matrices as int8, and say what that costs")] = False,
    storage: Annotated[
        str, typer.Option(help="of safetensors: float32, or bfloat16, which takes half as much")
    ] = "float32",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the model for other systems: an ONNX graph with its state as input and output, or safetensors."""
    from statewise.cli.export import export_run

    export_run(run, to, format, int8=int8, storage=storage, json=json, quiet=quiet)


app.command("serve", short_help="Serve models over HTTP, with sessions in a store.")(serve_command)
app.command("studio", short_help="Open the page in the browser over all runs.")(studio_command)


@app.command(short_help="Train on Shakespeare for two minutes, and watch.")
def demo(
    minutes: Annotated[float, typer.Option(help="how long to train")] = 2.0,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="the run directory")] = None,
) -> None:
    """Train on Shakespeare's plays for two minutes and watch noise turn into English."""
    from statewise.cli.demo import show_demo

    show_demo(minutes, run)


@data_app.command("list")
def data_list(json: Json = False) -> None:
    """List the corpora, and say which are on this machine already."""
    from statewise.cli.look import list_corpora

    list_corpora(json=json)


@data_app.command("get")
def data_get(name: str) -> None:
    """Fetch a corpus and print its folder."""
    from statewise.cli.look import get_corpus

    get_corpus(name)


@data_app.command("path")
def data_path(name: str) -> None:
    """Print the files of a corpus, in reading order."""
    from statewise.cli.look import print_corpus_files

    print_corpus_files(name)
