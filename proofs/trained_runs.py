"""Runs that a proof trains, or finds where it kept them before."""

import json
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
