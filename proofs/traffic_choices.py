"""What would make the forecast of traffic better: some things changed at a time, judged before the held-out days.

    python proofs/traffic_choices.py [CHOICE ...]

The last sixty days, which the preset is scored on, are cut off the table. Each choice is trained from several
beginnings on what is left but for the sixty days before them, and judged on these: each network alone, and all of them
as one mixture. Every training goes to results/traffic_searches.json.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import outcomes

import statewise
from statewise.cells.ensemble import Ensemble
from statewise.data.tables.columns import numbers
from statewise.data.tables.table_corpora import table_file
from statewise.data.tables.tables import read_columns
from statewise.data.tables.times import times
from statewise.model import Model
from statewise.report import aligned
from statewise.tasks.forecast.parallel import Mixture
from statewise.tasks.forecast.traffic import Traffic
from statewise.underway import returned

RECORD = outcomes.RESULTS / "traffic_searches.json"
SEEDS = (0, 1, 2)
HELD_OUT = np.timedelta64(60, "D")
BEFORE: dict[str, Any] = {
    "yearly": False,
    "average": 0.99,
    "epochs": 6,
    "context": "7d",
    "hidden_size": 96,
    "dropout": 0.0,
    "members": 1,
}
HOLIDAYS: dict[str, Any] = {**BEFORE, "holidays": "US"}
YEARLY: dict[str, Any] = {**HOLIDAYS, "yearly": True}
CHOICES: dict[str, dict[str, Any]] = {
    "before": {**BEFORE, "holidays": None},
    "holidays": HOLIDAYS,
    "holidays, yearly": YEARLY,
    "holidays, yearly, 3 epochs": {**YEARLY, "epochs": 3},
    "holidays, yearly, 3 epochs, dropout of 0.05": {**YEARLY, "epochs": 3, "dropout": 0.05},
    "holidays, yearly, 3 epochs, dropout of 0.02": {**YEARLY, "epochs": 3, "dropout": 0.02},
    "holidays, yearly, 3 epochs, dropout of 0.01": {**YEARLY, "epochs": 3, "dropout": 0.01},
}
SHOWN = ("MASE", "weighted_quantile_loss", "covers_80")


def cut_table(path: Path) -> Path:
    """Write the table without its last sixty days."""
    found = read_columns(table_file("traffic"), {"datetime": times, "traffic_volume": numbers})
    kept = found["datetime"] <= found["datetime"].max() - HELD_OUT
    rows = zip(found["datetime"][kept], found["traffic_volume"][kept], strict=True)
    path.write_text("\n".join(["datetime,traffic_volume", *(f"{time},{value:g}" for time, value in rows)]) + "\n")
    return path


def judged(how: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Train from every beginning, and yield what each scores; at last what all of them do as one mixture."""
    folder.mkdir(parents=True, exist_ok=True)
    models: list[Any] = []
    task = Traffic(source=str(cut_table(folder / "cut.csv")), threads=1, sample_seconds=0, **how)
    for seed in SEEDS:
        run = statewise.train(replace(task, seed=seed), run=folder / str(seed))
        models.append(run.load().model)
        yield {"seed": seed, "metrics": run.metrics}
    mixed = Model(models[0].encoder, Ensemble(m.core for m in models), Mixture(m.head for m in models))
    yield {"mixture_of": list(SEEDS), "metrics": returned(task.score(mixed, task.prepare(folder))).metrics}


def table(record: dict[str, Any]) -> str:
    """Return what each choice that came to its end scored: its networks alone, in the mean, and as one mixture."""
    short = ("MASE", "loss", "covers")
    rows = [["", *(f"{name}, alone" for name in short), *(f"{name}, mixed" for name in short)]]
    for choice in record["choices"]:
        if "mixture_of" not in choice["trials"][-1]:
            continue
        *alone, mixed = [[trial["metrics"][name] for name in SHOWN] for trial in choice["trials"]]
        means = [statistics.fmean(column) for column in zip(*alone, strict=True)]
        rows.append([choice["command"].split("'")[1], *(f"{value:.3f}" for value in (*means, *mixed))])
    return aligned(rows)


def main() -> None:
    """Train what was asked for and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choices", nargs="*", default=list(CHOICES))
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs in")
    asked = parser.parse_args()
    for choice in asked.choices:
        how, made = CHOICES[choice], outcomes.made_by()
        told = {"command": f"python proofs/traffic_choices.py '{choice}'", "changed": how, "trials": []}
        record = json.loads(RECORD.read_text())
        others = [kept for kept in record.get("choices", []) if kept["command"] != told["command"]]
        with tempfile.TemporaryDirectory() as thrown:
            for trial in judged(how, (asked.runs or Path(thrown)) / choice):
                told["trials"].append(trial)
                print(f"{choice:40}", *(f"{trial['metrics'][name]:.4f}" for name in SHOWN), flush=True)
                kept = {**record, "choices": [*others, {**told, **made}]}
                RECORD.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
