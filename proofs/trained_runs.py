"""Runs that a proof trains, or finds where it kept them before."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import statewise

TOLD = ("data", "metrics", "baselines", "training", "remarks")


def trained(task: Any, run: Path) -> dict[str, Any]:
    """Return the report of a run, which is trained unless it is there already."""
    if not run.exists():
        statewise.train(task, run=run)
    finished: dict[str, Any] = json.loads((run / "events.jsonl").read_text().splitlines()[-1])["report"]
    return finished


def outcome_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return what a proof keeps of a report, and whether the best simple method was beaten by an interval."""
    return {"holds": report["remarks"][-1].endswith("better."), **{name: report[name] for name in TOLD}}


def options(*names: str) -> argparse.Namespace:
    """Take the options `--NAME VALUE` out of the arguments; those that are not there are None."""
    parser = argparse.ArgumentParser(add_help=False)
    for name in names:
        parser.add_argument(f"--{name}")
    found, sys.argv[1:] = parser.parse_known_args()
    return found


def possible(
    parts: Mapping[str, Callable[[], dict[str, Any]]], given: argparse.Namespace
) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """Return the parts whose data were given, by the first word of their names. Leaves with 2 where none were."""
    found = {name: part for name, part in parts.items() if getattr(given, name.partition("_")[0])}
    if not found and not {"-h", "--help"} & set(sys.argv):
        wanted = " or ".join(sorted({f"--{name.partition('_')[0]} PATH" for name in parts}))
        print(f"{sys.argv[0]}: no drawings were given: give {wanted}", file=sys.stderr)
        sys.exit(2)
    return found
