"""What the page says of other libraries is run with them, where they are installed."""

import re
from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.task import Task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ecosystem.md").read_text()
SMALL: dict[str, Any] = {"hidden_size": 4, "updates": 3, "threads": 1}


def after(library: str, **before: Any) -> dict[str, Any]:
    """What there is after the lines that the page shows for a library."""
    (code,) = re.findall(rf"^```python {library}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) == 2, "it is not two lines any more"
    exec(compile(code, library, "exec"), before)
    return before


def learned(task: Task) -> None:
    report = statewise.train(task, run="runs/other", quiet=True).report
    assert report.metrics
    assert report.baselines


def hours() -> Any:
    return pytest.importorskip("numpy").arange(300) % 24 + 5.0


def forecast(table: Any) -> Task:
    return statewise.Forecast(source=table, target=("cars",), horizon="24h", context=24, held_out=72, **SMALL)


def test_a_dataset_of_gluonts_is_forecast() -> None:
    dataset = pytest.importorskip("gluonts.dataset.common")
    pandas = pytest.importorskip("pandas")
    (entry,) = dataset.ListDataset([{"start": "2026-01-01", "target": hours()}], freq="h")
    learned(forecast(after("gluonts", pd=pandas, entry=entry)["table"]))


def test_a_series_of_darts_is_forecast() -> None:
    darts = pytest.importorskip("darts")
    pandas = pytest.importorskip("pandas")
    times = pandas.date_range("2026-01-01", periods=300, freq="h")
    series = darts.TimeSeries.from_times_and_values(times, hours(), columns=["cars"])
    learned(forecast(after("darts", series=series)["table"]))


def test_samples_of_scikit_learn_are_told_apart() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("pandas")
    after("sklearn", found=datasets.load_iris(as_frame=True))
    learned(statewise.Gesture(source="samples.csv", held_out=0.3, **SMALL))


def test_an_environment_of_your_own_is_played() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    learned(after("gymnasium", gymnasium=gymnasium, statewise=statewise)["task"])
