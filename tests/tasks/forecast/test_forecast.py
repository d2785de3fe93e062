"""Forecasts from the command line and from Python: trained, resumed, drawn, saved, and refused what cannot be."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_hours import FLAGS, HELD, HOURS, N, forecast_of_hours, hourly_table, said, value

import statewise
from statewise.errors import UsageError
from statewise.heads.named import heads_over
from statewise.learning.events import Updated
from statewise.tasks.forecast.task import Forecast


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return hourly_table(tmp_path / "table.csv")


@pytest.fixture
def trained(table: Path) -> Path:
    return forecast_of_hours()


def test_a_forecast_begins_with_the_weights_of_another(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    columns = ["--target", "a", "--target", "b", "--past", "rain"]
    said(capsys, "train", "forecast", "table.csv", *columns, *FLAGS, "--run", "two", "--from", "r", "--freeze", "core")
    first, second = (statewise.load(run).model.core.state_dict() for run in ("r", "two"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_inspect_leaves_out_settings_that_were_not_given(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    settings = said(capsys, "inspect", str(trained))[0].partition("settings\n")[2].partition("\ndata")[0]
    assert "target" in settings
    assert [line for line in settings.splitlines() if line.endswith("None") or len(line.split()) < 2] == []
    assert json.loads(said(capsys, "inspect", str(trained), "--json")[0])["settings"]["encoder"] is None


def test_a_training_ends_with_simple_methods_compared_and_a_word_on_luck(
    capsys: pytest.CaptureFixture[str], table: Path
) -> None:
    out, err = said(capsys, "train", "forecast", "table.csv", "--target", "a", "--run", "r", *FLAGS)
    assert "172 values to learn, 24 for validation, 24 held out, 1 series every 1 h, 6 steps ahead" in err
    rows = [line[:22].rstrip() for line in out.splitlines()[2:]]
    assert rows[0].startswith("this model")
    assert [row.split("  ")[0] for row in rows[1:6]] == [
        "last value",
        "drift",
        "seasonal naive, 24",
        "seasonal naive, 168",
        "historical quantiles",
    ]
    assert "Diebold-Mariano" in out.splitlines()[8]
    assert "Forecasts are" in out
    report = json.loads(said(capsys, "evaluate", "r", "--samples", "50", "--json")[0])
    assert report["metrics"].keys() >= {"MASE", "weighted_quantile_loss", "CRPS", "RMSE", "MAE", "sMAPE", "covers_80"}
    assert report["data"]["origins"] == 10
    steps = said(capsys, "evaluate", "r", "--by-step")[0].splitlines()
    assert [line.split("  ")[0] for line in steps[-6:]] == [f"{h} ahead" for h in range(1, 7)]


@pytest.mark.parametrize("how", [{"head": "gaussian_mixture"}, {"members": 2, "dropout": 0.1, "holidays": "US"}])
def test_a_resumed_run_ends_as_an_undisturbed_one(how: dict[str, Any], table: Path) -> None:
    task = Forecast(source="table.csv", target=("a",), **HELD, **how)
    whole = statewise.train(task, run="whole")
    events = statewise.training(task, run="broken")
    for event in events:
        if isinstance(event, Updated) and event.update == 3:
            break
    events.close()
    assert statewise.resume("broken").metrics == whole.metrics


@pytest.mark.parametrize("head", sorted({*heads_over("number", "count")} - {"student_t"}))
def test_every_head_learns(head: str, table: Path) -> None:
    rows = [f"{HOURS[t]},{round(value(t))}" for t in range(N)]
    table.write_text("\n".join(["time,a", *rows]) + "\n")
    task = Forecast(source="table.csv", head=head, **{**HELD, "updates": 40, "learning_rate": 0.03})
    losses = [event.nats for event in statewise.training(task, run="r") if isinstance(event, Updated)]
    assert losses[-1] < losses[0] - 0.1
    if head == "negative_binomial":
        forecast = next(statewise.load("r").predict(samples=20))
        assert forecast.at(0.5).min() >= 0


def test_a_forecast_is_a_table_an_object_a_file_and_a_picture(
    capsys: pytest.CaptureFixture[str], trained: Path
) -> None:
    out, err = said(capsys, "predict", "r", "--csv", "f.csv", "--chart", "f.png", "--samples", "30")
    assert err == "f.csv holds the forecast\nf.png shows it\n"
    tables = out.split("\n\n")
    assert [table.split()[0] for table in tables] == ["a", "b"]
    assert tables[0].splitlines()[1].startswith("2026-11-11 04:00")
    written = Path("f.csv").read_text().splitlines()
    assert written[0] == "series,time,0.025,0.1,0.25,0.5,0.75,0.9,0.975"
    assert len(written) == 1 + 2 * 6
    assert Path("f.png").read_bytes()[:4] == b"\x89PNG"
    only = json.loads(said(capsys, "predict", "r", "--only", "b", "--json", "--samples", "30")[0])["answer"]
    assert [forecast["series"] for forecast in only] == ["b"]
    quantiles = np.array(list(only[0]["quantiles"].values()))
    assert (np.diff(quantiles, axis=0) >= 0).all()
    model = statewise.load("r")
    one, again = (list(model.predict(samples=10, seed=4))[1].quantiles for _ in range(2))
    assert np.array_equal(one, again)


class Frame(dict[str, Any]):
    """What frames of pandas and polars have in common."""

    @property
    def columns(self) -> list[str]:
        return list(self)


def test_frames_of_polars_and_pandas_are_forecast_like_files(trained: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_csv("table.csv")
    model = statewise.load("r")
    from_file, from_frame = (next(model.predict(source, samples=10)) for source in ("table.csv", frame))
    assert np.array_equal(from_file.quantiles, from_frame.quantiles)
    pandas = pytest.importorskip("pandas")
    indexed = pandas.read_csv("table.csv", index_col="time", parse_dates=True)
    assert np.array_equal(next(model.predict(indexed, samples=10)).quantiles, from_file.quantiles)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"samples": 10**9}, "are more than are drawn at once"),
        ({"samples": 1}, "too few"),
        ({"steps": 0}, "ask for noth"),
    ],
)
def test_what_cannot_be_drawn_is_refused(asked: dict[str, Any], said: str, trained: Path) -> None:
    with pytest.raises(UsageError, match=said):
        statewise.load("r").live(**asked)


def test_known_covariates_that_end_before_the_horizon_are_refused_or_held(
    capsys: pytest.CaptureFixture[str], table: Path
) -> None:
    rows = table.read_text().splitlines()
    ahead = [str(HOURS[-1] + i * np.timedelta64(3600, "s")) for i in range(1, 7)]
    table.write_text("\n".join([*rows, *(f"{time},,,{i}" for i, time in enumerate(ahead[:4]))]) + "\n")
    statewise.train(Forecast(source="table.csv", target=("a", "b"), known=("rain",), **HELD), run="r")
    err = said(capsys, "predict", "r", code=2)[1]
    assert "known covariates (rain) of series 'a' are given for 4 of the 6 steps ahead: add rows with them up to" in err
    assert f"{ahead[-1]}, or give --hold-known" in err
    held = said(capsys, "predict", "r", "--hold-known", "--samples", "10", "--json")[0]
    full = [*table.read_text().splitlines(), *(f"{time},,,3" for time in ahead[4:])]
    Path("more.csv").write_text("\n".join(full) + "\n")
    given = said(capsys, "predict", "r", "more.csv", "--samples", "10", "--json")[0]
    assert json.loads(held)["answer"] == json.loads(given)["answer"]


def test_known_covariates_are_assumed_in_place_of_those_of_the_table(
    capsys: pytest.CaptureFixture[str], table: Path
) -> None:
    statewise.train(Forecast(source="table.csv", target=("a", "b"), known=("rain",), **HELD), run="r")
    rows, ahead = table.read_text().splitlines(), [HOURS[-1] + i * np.timedelta64(3600, "s") for i in range(1, 7)]
    table_ahead = [*rows, *(f"{time},,,{rain}" for time, rain in zip(ahead, "123454", strict=True))]
    Path("more.csv").write_text("\n".join(table_ahead) + "\n")
    given = json.loads(said(capsys, "predict", "r", "more.csv", "--samples", "10", "--json")[0])["answer"]
    asked = ("predict", "r", "--samples", "10", "--json")
    assumed = json.loads(said(capsys, *asked, "--assume", "rain=1,2,3,4,5,4", "--history", "3")[0])["answer"]
    assert [one["quantiles"] for one in assumed] == [one["quantiles"] for one in given]
    assert [one["known"] for one in assumed] == [{"rain": [1, 2, 3, 4, 5, 4]}] * 2
    lines = [row.split(",") for row in rows[-3:]]
    assert assumed[0]["history"]["values"] == pytest.approx([float(line[1]) for line in lines])
    assert assumed[0]["history"]["times"][-1] == str(HOURS[-1])
    assert "what is assumed moves the network alone" in said(capsys, *asked, "--assume", "rain=9")[1]
    statewise.train(Forecast(source="table.csv", target=("a",), known=("rain",), blend=False, **HELD), run="alone")
    one, other = (
        json.loads(said(capsys, "predict", "alone", *asked[2:], "--assume", f"rain={rain}")[0])["answer"][0]
        for rain in (1, 9)
    )
    assert one["quantiles"] != other["quantiles"]


@pytest.mark.parametrize(
    ("assume", "words"),
    [
        ("rain", "is not of the form NAME=VALUE"),
        ("wind=3", "unknown covariate 'wind': known are rain"),
        ("rain=1,2", "has 2 values for 6 steps ahead: give one, or one a step"),
        ("rain=nan", "is not numbers"),
        ("rain=", "is not numbers"),
    ],
)
def test_what_cannot_be_assumed_is_said(assume: str, words: str, table: Path) -> None:
    statewise.train(Forecast(source="table.csv", target=("a", "b"), known=("rain",), **HELD), run="r")
    with pytest.raises(UsageError, match=re.escape(words)):
        list(statewise.load("r").predict(assume=assume))
