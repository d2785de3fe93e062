"""`statewise bench`, `classics` and `league`; what is heavy is imported when a command runs: `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from statewise.bounds import MOST_PROCESSES
from statewise.cli.options import Json, Quiet, RunFolder


def bench(
    question: Annotated[
        str | None,
        typer.Argument(metavar="[QUESTION]", help="name of a question; if not given, the questions are listed"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="how often each way is measured [default: 7, 3 if quick]")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads [default: 2, 1 for streaming]")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="measure two small cases only, to see that it works")] = False,
    peers: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="also measure JAX, Keras and ONNX Runtime, each in an environment made in this folder"
        ),
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="keep the result and its picture here")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast training and inference are here.

    Each question is answered by statewise and by other libraries in the same run.
    """
    from statewise_lab.benchmarking.answer import bench as answer
    from statewise_lab.benchmarking.answer import list_questions

    if question is None:
        list_questions(json=json)
        return
    how = {"rounds": rounds, "threads": threads, "quick": quick, "peers": peers, "save": save}
    raise typer.Exit(answer(question, **how, json=json, quiet=quiet))  # type: ignore[arg-type]


def classics(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="only this experiment; * stands for any characters; may be repeated"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="number of seeds of each experiment [default: 3 to 5, 1 if quick]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="only the experiments that take seconds: at most 5 minutes on 2 cores")
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="folder of results; give the same one again to continue")
    ] = Path("runs/classics"),
    processes: Annotated[
        int | None,
        typer.Option(help="number of trials at the same time [default: one a core]", min=1, max=MOST_PROCESSES),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="list the experiments, and run none")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Repeat the experiments of the papers.

    From Elman 1990 to copy memory; our figures are printed with those of the papers.
    """
    from statewise_lab.classics.showing import list_experiments, show_classics

    if list_:
        list_experiments(only or [], quick=quick, json=json)
        return
    show_classics(only or [], seeds, out, processes, quick=quick, json=json, quiet=quiet)


def league(
    run: RunFolder,
    matches: Annotated[int, typer.Option(help="matches of each pair, half of them on each side", min=2)] = 24,
    selves: Annotated[int, typer.Option(help="so many past selves play at most", min=0)] = 8,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a policy, its past selves and others play each other.

    Ratings with intervals, and matches won against each: chance and the script of the game are in it, too.
    """
    from statewise_lab.league import show_league

    show_league(run, matches, selves, json=json, quiet=quiet)
