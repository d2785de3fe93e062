"""How much time and memory do large tables take, and a value of each of 1,000 series?

    python benchmarks/forecast_scale.py [--series 1000] [--values 10000] [--rows 10000000] [--rounds 50] [--save DIR]
                                        [--json]

`reading`: a long table (time, series, value) of so many rows is read as a panel. `training`: a wide table of hourly
series, a column each, is read, trained on for a moment and backtested. Each in a process of its own, on one thread,
whose largest memory is told. `streaming`: then one value of every series comes at once, again and again: the median
time of the update and of the probability of each value under what was forecast for it.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import statewise
from statewise.data.series.panel import read_panel
from statewise.data.series.series_columns import SeriesColumns
from statewise.report import aligned
from statewise.tasks.forecast.task import Forecast
from statewise_lab.benchmarking.result import made_by

BEGIN, HOUR = np.datetime64("2020-01-01T00", "s"), np.timedelta64(3600, "s")


def main() -> None:
    """Measure and print."""
    given = arguments()
    torch.set_num_threads(1)
    if given.only:
        print(json.dumps(PARTS[given.only](given)))
        return
    made = made_by()
    result = {part: in_a_process(part) for part in PARTS}
    if given.save:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "forecast_scale.json").write_text(json.dumps({**result, **made}, indent=1) + "\n")
    print(json.dumps(result) if given.json else table(result))


def arguments() -> argparse.Namespace:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    return parser.parse_args()


def in_a_process(part: str) -> Any:
    """Return what a part measures in a process of its own."""
    asked = [sys.executable, __file__, *sys.argv[1:], "--only", part]
    return json.loads(subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout)


def reading(given: argparse.Namespace) -> dict[str, Any]:
    """Return how long a long table takes to read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.csv")
        write_long(path, given.series, given.rows // given.series)
        began = time.perf_counter()
        panel = read_panel(path, SeriesColumns("time", ("value",), "series"), None)
        seconds, size = time.perf_counter() - began, path.stat().st_size
    return {
        "rows": len(panel.values),
        "file_megabytes": round(size / 1e6),
        "seconds": round(seconds, 1),
        "megabytes": peak_megabytes(),
    }


def training(given: argparse.Namespace) -> dict[str, Any]:
    """Return the memory and time of a short training, and of values that come one by one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "wide.csv")
        write_wide(path, given.series, given.values)
        task = Forecast(
            source=str(path), horizon="24h", context="7d", held_out="24h", updates=20, threads=1, batch_size=32
        )  # fmt: skip
        began = time.perf_counter()
        run = statewise.train(task, run=Path(folder, "run"))
        seconds, megabytes = time.perf_counter() - began, peak_megabytes()
        live: Any = run.load().live()
    dice, times = torch.Generator().manual_seed(0), []
    for _ in range(given.rounds):
        came = 50 + 10 * torch.randn(given.series, generator=dice)
        began = time.perf_counter()
        live.observe(came)
        times.append(time.perf_counter() - began)
    return {
        "series": given.series,
        "values": given.series * given.values,
        "seconds": round(seconds, 1),
        "megabytes": megabytes,
        "milliseconds_a_value_of_each": round(1000 * statistics.median(times), 2),
        "state_bytes_a_series": round(len(live.save()) / given.series),
    }


PARTS = {"reading": reading, "training": training}


def peak_megabytes() -> int:
    """Return the largest memory that this process ever had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write_wide(path: Path, series: int, values: int) -> None:
    """Write waves with noise, a column each."""
    dice = np.random.default_rng(0)
    phases = dice.uniform(0, 24, series)
    with path.open("w") as file:
        file.write(",".join(["time", *(f"s{i}" for i in range(series))]) + "\n")
        for t in range(values):
            wave = 50 + 20 * np.sin(2 * np.pi * (t + phases) / 24) + dice.normal(size=series)
            file.write(",".join([str(BEGIN + t * HOUR), *np.char.mod("%.3f", wave)]) + "\n")


def write_long(path: Path, series: int, values: int) -> None:
    """Write as much as rows of time, series and value, one series behind another."""
    dice = np.random.default_rng(0)
    hours = np.datetime_as_string(BEGIN + np.arange(values) * HOUR)
    with path.open("w") as file:
        file.write("time,series,value\n")
        for number in range(series):
            drawn = np.char.mod("%.3f", dice.normal(50, 5, values))
            file.write("".join(f"{hour},s{number},{value}\n" for hour, value in zip(hours, drawn, strict=True)))


def table(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    cells = [["", "measured"]]
    for part in PARTS:
        cells += [[f"{part}: {name.replace('_', ' ')}", f"{value:,}"] for name, value in result[part].items()]
    return aligned(cells)


if __name__ == "__main__":
    main()
