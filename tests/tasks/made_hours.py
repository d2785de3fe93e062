"""A small table of hours with two columns to forecast, and a forecast of it that takes a moment to train."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.cli.main import run
from statewise.tasks.forecast.task import Forecast

N = 220
HOURS = np.datetime64("2026-11-02T00", "s") + np.arange(N) * np.timedelta64(3600, "s")
TINY: dict[str, Any] = {
    "hidden_size": 6,
    "batch_size": 4,
    "updates": 6,
    "threads": 1,
    "horizon": "6h",
    "context": "24h",
}
HELD: dict[str, Any] = {**TINY, "held_out": "24h"}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in HELD.items()]


def value(t: int) -> float:
    return round(50 + 20 * math.sin(2 * math.pi * t / 24) + (t * 37 % 11), 3)


def hourly_table(path: Path) -> Path:
    """Write the table and return its path."""
    rows = [f"{HOURS[t]},{value(t)},{3 * value(t)},{t % 5}" for t in range(N)]
    path.write_text("\n".join(["time,a,b,rain", *rows]) + "\n")
    return path


def forecast_of_hours() -> Path:
    """Train on the table in this folder and return the run."""
    statewise.train(Forecast(source="table.csv", target=("a", "b"), past=("rain",), **HELD), run="r")
    return Path("r")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err
