"""What a forecast is compared with, and what the scores of unusual series are."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from made_hours import HELD, HOURS, N, hourly_table, value

import statewise
from statewise.errors import TrainingError
from statewise.learning.events import Checked, Finished
from statewise.task import Score, report_on
from statewise.tasks.forecast.data import ForecastData
from statewise.tasks.forecast.task import Forecast


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return hourly_table(tmp_path / "table.csv")


def checked_with(last_day: float, first_days: float) -> tuple[list[float], float]:
    """Train on the same hours but for the last day, and the three before it, times as much; return checks and score."""
    values = [value(t) * (last_day if t >= N - 24 else first_days if t >= N - 96 else 1) for t in range(N)]
    Path("t.csv").write_text("\n".join(["time,a", *(f"{HOURS[t]},{v}" for t, v in enumerate(values))]) + "\n")
    task = Forecast(source="t.csv", **HELD, checks=2, validation="72h", keep="best")
    data = task.prepare(Path())
    assert (data.facts["training"], data.facts["validation"], data.facts["held_out"]) == (N - 96, 72, 24)
    events = list(statewise.training(task, run=f"r{last_day}{first_days}"))
    checks = [event.judged for event in events if isinstance(event, Checked)]
    finished = events[-1]
    assert isinstance(finished, Finished)
    return checks, finished.report["metrics"]["MASE"]


def test_checks_look_at_a_part_that_is_neither_learned_nor_held_out(tmp_path: Path) -> None:
    checks, score = checked_with(1, 1)
    others, other_score = checked_with(3, 1)
    assert others == checks
    assert other_score != score
    changed, _ = checked_with(1, 2)
    assert len(changed) == 3
    assert all(one != other for one, other in zip(changed, checks, strict=True))


def test_a_series_that_stands_still_is_forecast_to_stand_still(table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{hour},7" for hour in HOURS)]) + "\n")
    finished = statewise.train(Forecast(source="table.csv", **{**HELD, "updates": 60, "learning_rate": 0.02}), run="r")
    assert np.allclose(next(finished.load().predict(samples=20)).at(0.5), 7, atol=0.01)
    assert "MASE" not in finished.metrics
    best, *_, last = finished.report.remarks
    assert best == "The best baseline, last value, makes no error here: there is no error to compare with."
    assert last == "There is no MASE: repeating the last season was never wrong in training, so no error to scale by."


def test_what_is_nought_throughout_has_no_ratios(table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{hour},0" for hour in HOURS)]) + "\n")
    report = statewise.train(Forecast(source="table.csv", **HELD), run="r").report
    assert report.metrics.keys().isdisjoint({"MASE", "weighted_quantile_loss"})
    assert all(math.isfinite(value) for value in report.metrics.values())
    assert report.remarks[-1].startswith("There is no weighted quantile loss")


def test_baselines_are_what_they_are_called_also_of_a_series_that_rises(table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{hour},{t + 1}" for t, hour in enumerate(HOURS))]) + "\n")
    report = statewise.train(Forecast(source="table.csv", **HELD), run="r").report
    errors = {name: metrics["MAE"] for name, metrics in report.baselines.items()}
    assert errors["last value"] == pytest.approx(3.5)  # 1 to 6 too low
    assert errors["seasonal naive, 24"] == pytest.approx(24)
    assert errors["drift"] == pytest.approx(0, abs=1e-4)
    assert report.remarks[0] == "The best baseline, drift, makes no error here: there is no error to compare with."


def test_a_season_is_repeated_only_where_there_is_one_before_every_origin(table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{HOURS[t]},{value(t)}" for t in range(180))]) + "\n")
    report = statewise.train(Forecast(source="table.csv", **HELD), run="r").report
    assert [name for name in report.baselines if name.startswith("seasonal")] == ["seasonal naive, 24"]


def test_statistical_methods_are_compared_where_they_are_asked_for(table: Path) -> None:
    pytest.importorskip("statsforecast")
    task = Forecast(source="table.csv", target=("a",), rivals=("auto_ets",), **{**HELD, "held_out": "12h"})
    finished = statewise.train(task, run="r")
    ets = finished.report.baselines["auto ets"]
    assert ets["MASE"] < finished.report.baselines["last value"]["MASE"]
    assert 0 < ets["covers_80"] <= 1


def test_a_score_that_is_no_number_is_an_error_and_no_result(table: Path) -> None:
    task = Forecast(source="table.csv", target=("a",), **HELD)
    data = task.prepare(Path())
    assert isinstance(data, ForecastData)
    score = Score({"MASE": 1.0, "CRPS": math.nan}, 1.0)
    with pytest.raises(TrainingError, match="the CRPS of this model is nan: training has failed"):
        report_on(task, data, score, run="r", seconds=lambda: 0.0)
    model = task.model(data.codec).eval()
    with torch.no_grad():
        next(model.head.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match="what the network forecasts are not numbers"):
        list(task.score(model, data, samples=3))
