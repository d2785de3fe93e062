"""`statewise classics`: the papers' experiments made again, as a table, pictures and JSON."""

import json as json_format
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statewise.errors import MissingExtra

if TYPE_CHECKING:
    from statewise_lab.classics.suite import Suite

TABLE, RESULT = "table.md", "classics.json"


def list_experiments(only: list[str], *, quick: bool, json: bool) -> None:
    """Print the name, title, source and contenders of each experiment."""
    from statewise_lab.classics.experiments import chosen
    from statewise_lab.classics.summary import aligned_left

    found = chosen(only, quick=quick)
    if json:
        told = [
            {"name": one.name, "title": one.title, "criterion": one.criterion, "paper": one.paper._asdict()}
            | {"networks": [contender.as_json() | {"name": contender.label} for contender in one.contenders]}
            for one in found
        ]
        print(json_format.dumps(told))
        return
    head = ("experiment", "what", "from", "networks")
    rows = [(one.name, one.title, one.paper.source, ", ".join(c.label for c in one.contenders)) for one in found]
    print(aligned_left([head, *rows]))


def show_classics(
    only: list[str], seeds: int | None, out: Path, processes: int | None, *, quick: bool, json: bool, quiet: bool
) -> None:
    """Make the missing trials, print the table, and save it with pictures and JSON in the folder of the trials."""
    from statewise_lab.classics.experiments import chosen
    from statewise_lab.classics.suite import Suite

    suite = Suite(chosen(only, quick=quick), out, 1 if quick and seeds is None else seeds)
    try:
        _make(suite, processes or _cores(), quiet=quiet)
    except KeyboardInterrupt:
        print("stopped; finished trials are kept: go on with the same command", file=sys.stderr)
        raise
    _show(suite, json=json, quiet=quiet)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make(suite: "Suite", processes: int, *, quiet: bool) -> None:
    count, done = len(suite.jobs()), len(suite.finished())
    if done and not quiet:
        print(f"goes on: {done} of {count} trials are done already", file=sys.stderr)
    for record in suite.run(processes):
        done += 1
        if not quiet:
            print(f"{done} of {count}: {_said(record)}", file=sys.stderr, flush=True)


def _said(record: dict[str, Any]) -> str:
    after = f"{'solved' if record['is_met'] else 'not solved'} after {record['sequences']:,}"
    trial = f"{record['experiment']}, {record['contender']}, seed {record['seed']}"
    return f"{trial}: {after}, {record['seconds']:.0f} s"


def _show(suite: "Suite", *, json: bool, quiet: bool) -> None:
    from statewise.run.files import saving, write_whole
    from statewise.versions import versions
    from statewise_lab.classics.summary import markdown, summarize, table

    summaries = summarize(suite.experiments, suite.finished().values())
    seconds = round(sum(one["processor_seconds"] for summary in summaries for one in summary["contenders"]))
    result = {"experiments": summaries, "processor_seconds": seconds, "versions": versions()}
    with saving(str(suite.folder), "free some space and give the same command again"):
        write_whole(suite.folder / RESULT, (json_format.dumps(result, indent=1) + "\n").encode())
        write_whole(suite.folder / TABLE, markdown(summaries).encode())
    _draw(summaries, suite.folder, quiet=quiet)
    print(json_format.dumps(result) if json else table(summaries))
    if not quiet:
        print(f"{seconds:,} processor seconds; kept in {suite.folder}", file=sys.stderr)


def _draw(summaries: list[dict[str, Any]], folder: Path, *, quiet: bool) -> None:
    """Draw what there is to draw, light and dark; without matplotlib say how to get it, and go on."""
    from statewise.insight.memory_pictures import THEMES, png
    from statewise.run.files import write_whole
    from statewise_lab.classics.pictures import drawings

    try:
        for name, draw in drawings(summaries).items():
            for theme in THEMES:
                write_whole(folder / f"{name}-{theme.name}.png", png(draw(theme)))
    except MissingExtra as missing:
        if not quiet:
            print(missing, file=sys.stderr)
