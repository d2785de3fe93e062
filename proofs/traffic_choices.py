"""What would make the forecast of traffic better: some things changed at a time, judged before the held-out days.

    python proofs/traffic_choices.py CHOICE ...

Each choice is trained from several beginnings on all but the last 120 days and judged on the first sixty of these, each
network alone and all of them as one mixture. The sixty days after them, which the preset is scored on, are not looked
at.
Every training goes to results/traffic_searches.json.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import outcomes

import statewise
from statewise.forecasting import setting
from statewise.forecasting.members import Mixture, SideBySide
from statewise.learning.events import Checked
from statewise.model import Model
from statewise.task import Score
from statewise.tasks.traffic import Traffic
from statewise.verbs import training

RECORD = outcomes.RESULTS / "traffic_searches.json"
SEEDS = (0, 1, 2)
WEEK = 168
BEFORE: dict[str, Any] = {"yearly": False, "average": 0.99, "epochs": 6, "context": "7d", "width": 96}
YEARLY: dict[str, Any] = {**BEFORE, "yearly": True, "average": 0.0}
DAYS_OFF: dict[str, Any] = {**YEARLY, "holidays": "US"}
CHOICES: dict[str, dict[str, Any]] = {
    "as it was": BEFORE,
    "lags of 3 and 4 weeks": {**BEFORE, "lags": (3 * WEEK, 4 * WEEK)},
    "context of two weeks": {**BEFORE, "context": "14d"},
    "context of four days": {**BEFORE, "context": "4d"},
    "windows of four days": {**BEFORE, "steps": 96},
    "around last": {**BEFORE, "around": "last"},
    "yearly": YEARLY,
    "context of two weeks, holidays": {**BEFORE, "context": "14d", "holidays": "US"},
    "yearly, holidays": DAYS_OFF,
    "yearly, holidays, mean of weights": {**DAYS_OFF, "average": 0.99},
    "yearly, holidays, windows of four days": {**DAYS_OFF, "steps": 96},
    "yearly, holidays, context of two weeks": {**DAYS_OFF, "context": "14d"},
    "yearly, holidays, 4 epochs": {**DAYS_OFF, "epochs": 4},
    "yearly, holidays, width 64": {**DAYS_OFF, "width": 64},
}
SHOWN = ("MASE", "weighted_quantile_loss", "covers_80")


def task_of(how: dict[str, Any], seed: int) -> Traffic:
    """Return a task of one network, which is judged once, on the validation part."""
    settings = {"members": 1, "holidays": None, **how}
    settings.pop("lags", None)
    return Traffic(checks=1, threads=1, sample_seconds=0, seed=seed, **settings)


def judged(how: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Train from every beginning, and yield what each scores; at last what all of them do as one mixture."""
    for seed in SEEDS:
        with closing(training(task_of(how, seed), run=folder / str(seed))) as events:
            yield {"seed": seed, "metrics": next(dict(event.metrics) for event in events if isinstance(event, Checked))}
    models: list[Any] = [statewise.load(folder / str(seed)).model for seed in SEEDS]
    mixed = Model(models[0].encoder, SideBySide(m.core for m in models), Mixture(m.head for m in models))
    task = task_of(how, SEEDS[0])
    scoring = task.score(mixed, task.prepare(folder / "data").validating())
    yield {"mixture_of": list(SEEDS), "metrics": returned(scoring).metrics}


def returned(scoring: Any) -> Score:
    """Return what a scoring returns when it is done."""
    while True:
        try:
            next(scoring)
        except StopIteration as done:
            score: Score = done.value
            return score


def main() -> None:
    """Train what was asked for and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choices", nargs="*", default=list(CHOICES))
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs in")
    asked, usual = parser.parse_args(), setting.lags_of
    for choice in asked.choices:
        how, made = CHOICES[choice], outcomes.made_by()
        more = how.get("lags", ())
        setting.lags_of = lambda frequency, more=more: tuple(sorted({*usual(frequency), *more}))
        told = {"command": f"python proofs/traffic_choices.py '{choice}'", "changed": how, "trials": []}
        record = json.loads(RECORD.read_text())
        others = [kept for kept in record.get("choices", []) if kept["command"] != told["command"]]
        with tempfile.TemporaryDirectory() as thrown:
            for trial in judged(how, (asked.runs or Path(thrown)) / choice):
                told["trials"].append(trial)
                print(f"{choice:32}", *(f"{trial['metrics'][name]:.4f}" for name in SHOWN), flush=True)
                kept = {**record, "choices": [*others, {**told, **made}]}
                RECORD.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
