"""How long does a value of each of 1,000 series take, and how much memory does training on 10 million values?

    python benchmarks/forecast_scale.py [--series 1000] [--values 10000] [--rounds 50] [--save DIR] [--json]

Writes a table of hourly series (a CSV with a column each), trains a moment on it in this process on one thread, and
reads the largest memory the process ever had, the table included. Then one value of every series comes at once, again
and again: the median time of the update and of the probability of each value under what was forecast for it.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import statewise
from statewise.benchmarking.record import made_by
from statewise.report import aligned
from statewise.tasks.forecast import Forecast


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    made = made_by()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), given.series, given.values, given.rounds)
    if given.save:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "forecast_scale.json").write_text(json.dumps({**result, **made}, indent=1) + "\n")
    print(json.dumps(result) if given.json else aligned([["", "measured"], *([n, str(v)] for n, v in result.items())]))


def measured(folder: Path, series: int, values: int, rounds: int) -> dict[str, Any]:
    """Return memory and times."""
    write_table(folder / "table.csv", series, values)
    began = time.perf_counter()
    task = Forecast(
        source=str(folder / "table.csv"), horizon="24h", context="7d", held_out="24h", updates=20, threads=1, rows=32
    )
    run = statewise.train(task, run=folder / "run")
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    live: Any = run.load().live()
    dice, times = torch.Generator().manual_seed(0), []
    for _ in range(rounds):
        came = 50 + 10 * torch.randn(series, generator=dice)
        began = time.perf_counter()
        live.observe(came)
        times.append(time.perf_counter() - began)
    return {
        "series": series,
        "values": series * values,
        "megabytes, reading, training and backtest": round(peak),
        "seconds of it": round(seconds, 1),
        "milliseconds, one value of every series": round(1000 * statistics.median(times), 2),
        "bytes of state a series": round(len(live.save()) / series),
    }


def write_table(path: Path, series: int, values: int) -> None:
    """Write waves with noise."""
    dice = np.random.default_rng(0)
    hours = np.datetime64("2020-01-01T00", "s") + np.arange(values) * np.timedelta64(3600, "s")
    phases = dice.uniform(0, 24, series)
    with path.open("w") as file:
        file.write(",".join(["time", *(f"s{i}" for i in range(series))]) + "\n")
        for t, hour in enumerate(hours):
            wave = 50 + 20 * np.sin(2 * np.pi * (t + phases) / 24) + dice.normal(size=series)
            file.write(",".join([str(hour), *np.char.mod("%.3f", wave)]) + "\n")


if __name__ == "__main__":
    main()
