"""Forecasts from the command line and from Python: trained, resumed, backtested, drawn, streamed, or refused."""

import io
import json
import math
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import statewise
from statewise.cli.main import run
from statewise.data.series.frequency import Frequency
from statewise.data.tables.clocks import on_clocks
from statewise.errors import DataError, TrainingError, UsageError
from statewise.heads.named import heads_over
from statewise.learning.events import Checked, Finished, Updated
from statewise.task import Score, report_on
from statewise.tasks.forecast.data import ForecastData
from statewise.tasks.forecast.observations import usual_longest_gap
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.stocks.data import StocksData
from statewise.tasks.stocks.returns import one_step
from statewise.tasks.stocks.task import Stocks

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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"{HOURS[t]},{value(t)},{3 * value(t)},{t % 5}" for t in range(N)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["time,a,b,rain", *rows]) + "\n")
    return path


@pytest.fixture
def trained(table: Path) -> Path:
    statewise.train(Forecast(source="table.csv", target=("a", "b"), past=("rain",), **HELD), run="r")
    return Path("r")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err


def test_a_forecast_begins_with_the_weights_of_another(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    columns = ["--target", "a", "--target", "b", "--past", "rain"]
    said(capsys, "train", "forecast", "table.csv", *columns, *FLAGS, "--run", "two", "--from", "r", "--freeze", "core")
    first, second = (statewise.load(run).model.core.state_dict() for run in ("r", "two"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_table_of_other_columns_is_refused_with_what_the_run_was_trained_on(
    verb: str, capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("Zeit,a,load\n2026-11-02,1,2\n2026-11-03,1,2\n")
    _, err = said(capsys, verb, str(trained), "other.csv", "--quiet", code=2)
    assert err == (
        "statewise: other.csv has no column 'time', 'b', 'rain': it has Zeit, a, load, and the run was trained on "
        "time 'time'; target 'a', 'b'; past 'rain': rename its columns, or train a run on it\n"
    )


def test_inspect_leaves_out_settings_that_were_not_given(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    settings = said(capsys, "inspect", str(trained))[0].partition("settings\n")[2].partition("\ndata")[0]
    assert "target" in settings
    assert [line for line in settings.splitlines() if line.endswith("None") or len(line.split()) < 2] == []
    assert json.loads(said(capsys, "inspect", str(trained), "--json")[0])["settings"]["encoder"] is None


def test_a_month_that_was_mistyped_or_is_missing_is_counted_and_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    months = [f"{2010 + month // 12}-{month % 12 + 1:02d}-01" for month in range(120)]
    months[50] = "2014-02-01"  # was 2014-03-01, and the true February is left out
    rows = [f"{month},{100 + i + i % 12 * 3}" for i, month in enumerate(months) if i != 49]
    (tmp_path / "months.csv").write_text("\n".join(["month,price", *rows]) + "\n")
    flags = [flag for flag in FLAGS if not flag.startswith(("--horizon", "--context", "--held-out"))]
    own = ("--target", "price", "--horizon", "3", "--held-out", "12", "--run", "r")
    _, err = said(capsys, "train", "forecast", "months.csv", *own, *flags)
    assert "1 of 120 values missing, the first at 2014-03-01" in err


def test_a_training_ends_with_simple_methods_compared_and_a_word_on_luck(
    capsys: pytest.CaptureFixture[str], table: Path
) -> None:
    out, err = said(capsys, "train", "forecast", "table.csv", "--target", "a", "--run", "r", *FLAGS)
    assert "196 values to learn, 24 held out, 1 series every 1 h, 6 steps ahead" in err
    rows = [line[:22].rstrip() for line in out.splitlines()[2:-1]]
    assert rows[0].startswith("this model")
    assert [row.split("  ")[0] for row in rows[1:]] == [
        "last value",
        "drift",
        "seasonal naive, 24",
        "seasonal naive, 168",
        "historical quantiles",
    ]
    assert "Diebold-Mariano" in out.splitlines()[-1]
    report = json.loads(said(capsys, "evaluate", "r", "--samples", "50", "--json")[0])
    assert report["metrics"].keys() >= {"MASE", "weighted_quantile_loss", "CRPS", "RMSE", "MAE", "sMAPE", "covers_80"}
    assert report["data"]["origins"] == 4
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


def test_a_column_of_words_that_no_flag_named_is_answered_with_the_flag_for_targets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [f"{HOURS[t]},{value(t)},{'yes' if t % 5 else 'no'}" for t in range(N)]
    (tmp_path / "words.csv").write_text("\n".join(["time,load,open", *rows]) + "\n")
    _, err = said(capsys, "train", "forecast", "words.csv", *FLAGS, code=2)
    assert (
        "column 'open' holds 'no', which is not a number: mend it, or name the columns to forecast with --target" in err
    )


def test_a_title_above_the_names_of_columns_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "titled.csv").write_text("Report of shop A;;\n;;\nmonth;sales;visits\n2026-01;1;2\n")
    _, err = said(capsys, "train", "forecast", "titled.csv", *FLAGS, code=2)
    assert "row 3 has 3 cells, not 1: give the names of the columns in the first row" in err
    assert err.endswith("without lines above it such as 'Report of shop A'\n")


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


def test_values_are_heard_one_by_one_and_the_state_goes_on(
    capsys: pytest.CaptureFixture[str], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "2026-11-11 04:00,48,150,1",
        "2026-11-11 05:00,,160,2",
        '{"time": "2026-11-11 09:00", "a": 9000, "rain": 0}',
    ]

    def streamed(given: list[str], *flags: str) -> list[Any]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(given) + "\n"))
        out = said(capsys, "stream", "r", "--json", "--anomaly", "--samples", "20", *flags)[0]
        return [json.loads(line) for line in out.splitlines()]

    whole = streamed(lines)
    assert streamed(lines[:1], "--state", "s") + streamed(lines[1:], "--state", "s") == whole
    assert [heard["series"] for heard in whole[0]] == ["a", "b"]
    assert whole[1][0]["value"] is None
    assert whole[2]["tail"] < 0.01 < whole[0][0]["tail"]  # 9000 is like nothing before
    assert whole[2]["ahead"][0]["time"] == "2026-11-11T10:00:00"  # four hours were left out
    assert len(Path("s").read_bytes()) < 20_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-11-10 04:00,1,2,3", "has passed: the next is 2026-11-11T04:00:00"),
        ("2026-11-11 04:20,1,2,3", "is not on the grid of every 1 h"),
        ("2026-11-11 04:00,many,2,3", "column 'a' holds 'many', which is not a number"),
        ('{"time": "2026-11-11 04:00", "c": 3}', "unknown column 'c'"),
        ("{", "is not a JSON object"),
        ("7", "has 1 cell: give time, a, b, rain"),
        ("2026-11-11 04:00,inf,2,3", "column 'a' is infinite"),
        ("2026-11-11 04:00,1e39,2,3", "column 'a' holds 1e+39, beyond 1e+30"),
        ("2026-11-11 04:00,1,-1e300,3", "column 'b' holds -1e+300, beyond 1e+30"),
        ("2026-11-11 04:00,1,2,1e300", "column 'rain' holds 1e+300, beyond 1e+30"),
        ("2026-11-11 04:00,1,2,wet", "column 'rain' holds 'wet', which is not a number"),
        ("2026-11-11 04:00,1,2,3,4", "has 5 cells: give time, a, b, rain"),
        ("2026-11-11 04:00,1,5,2,5,3", "has 6 cells"),
        ("soon,1,2,3", "column 'time' holds 'soon', which is not a time"),
        ("2026-13-11,1,2,3", "column 'time' holds '2026-13-11', which is not a time"),
        ("17,1,2,3", "column 'time' holds '17': give a time in whole seconds"),
        ("2026-11-11 04:00:00.5,1,2,3", "give a time in whole seconds"),
        (
            "2031-11-11 04:00,1,2,3",
            "2031-11-11T04:00:00 lies 43,824 steps of 1 h ahead, where the next is 2026-11-11T04",
        ),
        ("2026-12-11 04:00,1,2,3", "2026-12-11T04:00:00 lies 720 steps of 1 h ahead, where the next is 2026-11-11T04"),
        ("9999-12-31 04:00,1,2,3", "or allow for such a gap with --longest-gap"),
        ('{"a": true}', "column 'a' holds 'True', which is not a number"),
        ('{"a": [1]}', "column 'a' holds '[1]', which is not a number"),
        ('{"a": 1e999}', "column 'a' is infinite"),
        ('{"a": ' + "9" * 400 + "}", "column 'a' is infinite"),
        ('{"a": ' + "[" * 100_000, "is not a JSON object"),
        ('{"time": [], "a": 3}', "column 'time' holds '[]', which is not a time"),
        ("1," + "x" * 200_000, "cannot be read (field larger than field limit"),
    ],
)
def test_a_line_that_cannot_be_heard_is_refused(
    line: str, reason: str, capsys: pytest.CaptureFixture[str], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))
    err = said(capsys, "stream", "r", "--state", "s", code=2)[1]
    assert err.startswith("statewise: line 1: ")
    assert reason in err
    assert err.count("\n") == 1
    live = statewise.load("r").live(samples=2)
    assert Path("s").read_bytes() == live.save()  # as if the line had not come
    monkeypatch.setattr(sys, "stdin", io.StringIO("2026-11-11 04:00,1,2,3\n"))
    assert "2026-11-11T04:00:00" in said(capsys, "stream", "r", "--state", "s", "--samples", "2")[0]


def test_a_line_of_which_a_part_cannot_be_read_changes_nothing(trained: Path) -> None:
    live = statewise.load("r").live(samples=2)
    before = live.save()
    for wrong in ({"a": 3, "b": "x"}, {"a": 3, "b": 1e31}, {"a": 3, "time": "9999-01-01"}):
        with pytest.raises(DataError):
            live.push(wrong)
        assert live.save() == before


def test_a_gap_is_as_long_as_it_may_be(trained: Path) -> None:
    model = statewise.load("r")
    later = {"time": "2026-12-11 04:00", "a": 50}  # a month too far, as where 11 was typed as 12
    with pytest.raises(DataError, match=r"lies 720 steps of 1 h ahead, .* longest_gap"):
        model.live(samples=2).push(later)
    assert model.live(samples=2, longest_gap="30d").push(later).time == "2026-12-11T04:00:00"
    assert model.live(samples=2).push({"time": "2026-12-08 04:00", "a": 50}).time == "2026-12-08T04:00:00"
    with pytest.raises(DataError, match="lies 8,760 steps of 1 h ahead"):
        model.live(samples=2, longest_gap="100d").push({"time": "2027-11-11 04:00", "a": 50})


@pytest.mark.parametrize("every", ["1min", "1h", "6h", "1d", "1b", "1w"])
def test_a_month_too_far_is_never_taken_for_a_gap(every: str) -> None:
    frequency = Frequency.read(every)
    expected, mistyped = np.array(["2026-02-02T00:00:00", "2026-03-02T00:00:00"], "datetime64[s]")
    left_out = int(frequency.places(np.array([mistyped]), expected)[0])
    assert usual_longest_gap(frequency) < left_out


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


def test_a_run_of_local_times_goes_on_through_the_night_in_which_clocks_are_put_back(table: Path) -> None:
    zone = "Europe/Berlin"
    utc = np.datetime64("2026-10-15T22:00", "s") + np.arange(N) * np.timedelta64(3600, "s")
    shown = on_clocks(utc, zone)
    table.write_text("\n".join(["time,a", *(f"{shown[t]},{value(t)}" for t in range(N))]) + "\n")
    run = statewise.train(Forecast(source="table.csv", time_zone=zone, **HELD), run="r")
    assert run.report.data["to"] == "2026-10-25T02:00:00+01:00"
    ahead = next(run.load().predict(samples=10))
    assert ahead.times[0] == np.datetime64("2026-10-25T02:00", "s")
    assert ahead.as_json()["times"][0] == "2026-10-25T03:00:00+01:00"
    assert str(ahead).splitlines()[1].startswith("2026-10-25 03:00+01:00")
    Path("early.csv").write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    task = replace(cast(Forecast, run.load().task), source="early.csv")
    live = task.live(run.load().model, run.load().codec, samples=2)
    for line, time in (("2026-10-25 02:00,48", "02:00:00+01:00"), ("2026-10-25 03:00,47", "03:00:00+01:00")):
        assert live.push(line).time == f"2026-10-25T{time}"
    with pytest.raises(DataError, match="has passed: the next is 2026-10-25T04:00:00"):
        live.push("2026-10-25 02:00,5")


def test_the_calendar_is_that_of_the_clocks(table: Path) -> None:
    winter, summer = np.datetime64("2026-01-05T07", "s"), np.datetime64("2026-07-06T06", "s")
    table.write_text("\n".join(["time,a", *(f"{HOURS[t]}Z,{value(t)}" for t in range(N))]) + "\n")
    codec = Forecast(source="table.csv", time_zone="Europe/Berlin", **HELD).prepare(Path()).codec
    one, other = codec.calendar(np.array([winter, summer]))
    assert np.allclose(one, other)  # eight in the morning of a Monday


def test_a_table_as_others_write_it_is_trained_on_predicted_and_streamed(table: Path) -> None:
    days = HOURS + np.timedelta64(6, "D")  # from the 8th to the 17th
    times = [time.astype(datetime).strftime("%d/%m/%Y %H:%M") for time in days]
    rows = [f"{times[t]};{str(value(t) * 100).replace('.', ',')}" for t in range(N)]
    table.write_text("\n".join(["# a sensor", "Zeit;Last", *rows]) + "\n")
    run = statewise.train(Forecast(source="table.csv", decimal=",", **HELD), run="r")
    plain = [f"{days[t]},{value(t) * 100}" for t in range(N)]
    table.write_text("\n".join(["Zeit,Last", *plain]) + "\n")
    assert statewise.train(Forecast(source="table.csv", **HELD), run="s").metrics == run.metrics
    table.write_text("\n".join(["# a sensor", "Zeit;Last", *rows]) + "\n")
    heard = run.load().live(samples=2).push("01/12/2026 04:00;4825,5")  # by itself, either may be the day
    assert (heard.time, heard.value) == ("2026-12-01T04:00:00", 4825.5)
    table.write_text("\n".join(["Zeit;Last", *rows[:50]]) + "\n")
    with pytest.raises(DataError, match=r"row 2: column 'Zeit' holds '08/11/2026 00:00', .* give time_format"):
        statewise.train(Forecast(source="table.csv", decimal=",", **HELD), run="t")


def test_a_table_without_times_is_forecast_by_steps(capsys: pytest.CaptureFixture[str], table: Path) -> None:
    table.write_text("\n".join(["load", *(str(value(t)) for t in range(N))]) + "\n")
    words = "--context=24 --horizon=6 --held-out=24 --updates=3 --hidden-size=6 --batch-size=4 --threads=1"
    flags = words.split()
    err = said(capsys, "train", "forecast", "table.csv", "--run", "r", *flags)[1]
    assert "1 series every 1 step, 6 steps ahead; without times each row is a step" in err
    answer = json.loads(said(capsys, "predict", "r", "--samples", "5", "--json", "--chart", "f.svg")[0])["answer"][0]
    assert answer["times"] == list(range(N, N + 6))
    live = statewise.load("r").live(samples=2)
    assert [live.push(line).time for line in ("50", "51", {"load": 52})] == [str(N), str(N + 1), str(N + 2)]
    for how, reason in (
        ({"yearly": True}, "the table has steps, not times"),
        ({"holidays": "US"}, "a holiday is a day"),
    ):
        with pytest.raises(UsageError, match=reason):
            statewise.train(Forecast(source="table.csv", **{**TINY, "horizon": "6", "context": "24"}, **how), run="t")
    with pytest.raises(UsageError, match="'6h' is not a whole number of steps of 1 step: give one"):
        statewise.train(Forecast(source="table.csv", **TINY), run="t")


def test_a_line_with_another_separator_than_the_table_had_is_answered_with_the_cells_to_give(tmp_path: Path) -> None:
    rows = [f"{HOURS[t]};{value(t)}".replace(".", ",") for t in range(N)]
    (tmp_path / "comma.csv").write_text("\n".join(["time;load", *rows]) + "\n")
    live = statewise.train(Forecast(source="comma.csv", decimal=",", **HELD), run="comma").load().live()
    with pytest.raises(DataError, match="'2026-11-11 04:00,48' is not a number: give a value, or time; load"):
        live.push("2026-11-11 04:00,48")
    assert live.push("2026-11-11 04:00;48,5").value == live.push("48,5").value == 48.5


def test_a_time_in_two_columns_is_streamed_in_two_cells(table: Path) -> None:
    rows = [f"{str(HOURS[t])[:10]},{t % 24}:00,{value(t)}" for t in range(N)]
    table.write_text("\n".join(["date,time,a", *rows]) + "\n")
    run = statewise.train(Forecast(source="table.csv", **HELD), run="r")
    live = run.load().live(samples=2)
    assert live.push("2026-11-11,4:00,48").time == "2026-11-11T04:00:00"
    assert live.push({"date": "2026-11-11", "time": "5:00", "a": 47}).time == "2026-11-11T05:00:00"
    with pytest.raises(DataError, match="has 2 cells: give date, time, a"):
        live.push("2026-11-11 06:00,48")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"target": ("c",)}, "unknown column 'c'"),
        ({"target": ("a",), "horizon": "300h"}, "too few to hold out"),
        (
            {"target": ("a",), "checks": 1, "validation": "200h"},
            "too few to hold out 24, 200 more for checks and learn",
        ),
        ({"target": ("a",), "context": "400h"}, "the longest series has 196 places to learn from, but a window"),
        ({"target": ("a",), "horizon": "90min"}, "not a whole number of steps of 1 h"),
        ({"target": ("a",), "head": "negative_binomial"}, "is for counts"),
        ({"target": ("a",), "time": "rain"}, "row 7, 8, 9 and more: 'a' has another value at step 0 already"),
        ({"target": ("a", "time")}, "column 'time' is given both as a target"),
    ],
)
def test_settings_that_do_not_fit_the_table_are_refused(settings: dict[str, Any], reason: str, table: Path) -> None:
    with pytest.raises((DataError, UsageError), match=reason):
        statewise.train(Forecast(source="table.csv", **{**HELD, **settings}), run="r")
    assert not Path("r").exists()


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
    assert finished.report.remarks == [
        "The best baseline, last value, makes no error here: there is no error to compare with.",
        "There is no MASE: repeating the last season was never wrong in training, so no error to scale by.",
    ]


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


def test_gaps_are_no_values_to_learn(table: Path) -> None:
    rows = [f"{HOURS[t]},{value(t) if t > 190 else ''}" for t in range(N)]
    table.write_text("\n".join(["time,a", f"{HOURS[0]},1", *rows[1:]]) + "\n")
    with pytest.raises(DataError, match="of 30 values only 6 lie before the 24 steps that are held out, too few to"):
        statewise.train(Forecast(source="table.csv", **HELD), run="r")
    rows = [f"{HOURS[t]},{value(t) if t < 190 or t == N - 1 else ''}" for t in range(N)]
    table.write_text("\n".join(["time,a", *rows]) + "\n")
    facts = Forecast(source="table.csv", **HELD).prepare(Path()).facts
    assert (facts["training"], facts["held_out"]) == (190, 1)


@pytest.mark.parametrize(("scale", "offset"), [(1e-9, 0), (1e-3, 1e6)])
def test_a_series_that_hardly_moves_is_refused(scale: float, offset: float, table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{HOURS[t]},{offset + scale * value(t):.12g}" for t in range(N))]) + "\n")
    with pytest.raises(
        DataError, match=r"series 'a' moves between .* only, which is too little .*: give it in a smaller"
    ):
        statewise.train(Forecast(source="table.csv", **HELD), run="r")


def test_statistical_methods_are_compared_where_they_are_asked_for(table: Path) -> None:
    pytest.importorskip("statsforecast")
    task = Forecast(source="table.csv", target=("a",), rivals=("auto_ets",), **{**HELD, "held_out": "12h"})
    finished = statewise.train(task, run="r")
    ets = finished.report.baselines["auto ets"]
    assert ets["MASE"] < finished.report.baselines["last value"]["MASE"]
    assert 0 < ets["covers_80"] <= 1


DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(900), roll="forward")]


def prices(signal: float, seed: int = 0) -> None:
    dice = np.random.default_rng(seed)
    columns = []
    for _ in range(6):
        returns = dice.normal(0, 1, len(DAYS))
        for t in range(1, len(DAYS)):
            returns[t] += signal * returns[t - 1]
        columns.append(100 * np.exp(np.cumsum(returns) / 100))
    rows = [",".join([day, *(f"{column[i]:.5f}" for column in columns)]) for i, day in enumerate(DAYS)]
    Path("prices.csv").write_text("\n".join(["Date,a,b,c,d,e,f", *rows]) + "\n")


@pytest.mark.parametrize(
    ("signal", "verdict"), [(0.4, "better than the random walk"), (0.0, "nothing here beats the random walk")]
)
def test_a_planted_signal_is_found_and_a_random_walk_is_called_one(signal: float, verdict: str, tmp_path: Path) -> None:
    prices(signal)
    task = Stocks(
        source="prices.csv",
        hidden_size=8,
        batch_size=32,
        updates=120,
        learning_rate=0.01,
        threads=1,
        context="21b",
        held_out="300b",
        sequence_length=42,
    )
    report = statewise.train(task, run="r").report
    assert verdict in report.remarks[1]
    assert next(iter(report.baselines)) == "constant normal"
    assert abs(report.metrics["covers_80"] - 0.8) < 0.1
    traded = statewise.evaluate("r", trade=True, cost=1.0, tried=3)
    assert next(iter(traded.tables)) == "a trade costs 0.01 %"
    assert ("; better than buying and holding" in traded.remarks[2]) == (signal > 0)
    with pytest.raises(UsageError, match="give a cost from 0 and at least 1 try"):
        statewise.evaluate("r", trade=True, tried=0)


def test_a_model_and_a_simple_method_are_compared_on_the_same_returns_in_the_same_order(tmp_path: Path) -> None:
    prices(0.0)
    Path("prices.csv").write_text(Path("prices.csv").read_text().replace(f"{DAYS[800]},", f"{DAYS[800]},,", 1))
    lines = [line.split(",")[:7] for line in Path("prices.csv").read_text().splitlines()]
    Path("prices.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    task = Stocks(source="prices.csv", hidden_size=4, context="21b", held_out="200b")
    data = task.prepare(tmp_path)
    assert isinstance(data, StocksData)
    found = one_step(task.model(data.codec), data.read, data.ends, data.scored)
    for rival in data.rivals.values():
        assert np.array_equal(rival.days, found.days)
        assert np.array_equal(rival.series, found.series)
        assert np.array_equal(rival.returns, found.returns)


def test_prices_that_stand_still_in_the_held_out_part_have_no_direction(tmp_path: Path) -> None:
    moving = [f"{day},{100 + min(i, 690) % 7}" for i, day in enumerate(DAYS)]
    Path("prices.csv").write_text("\n".join(["Date,a", *moving]) + "\n")
    how: dict[str, Any] = {"hidden_size": 4, "context": "21b", "held_out": "200b", "updates": 2, "threads": 1}
    report = statewise.train(Stocks(source="prices.csv", **how), run="r").report
    assert report.remarks[1] == "Direction: nothing moved in the held-out part, so there is none to forecast."
    assert "direction" not in report.metrics
    assert all(math.isfinite(value) for value in report.metrics.values())
    still = [f"{day},100" for day in DAYS]
    Path("prices.csv").write_text("\n".join(["Date,a", *still]) + "\n")
    with pytest.raises(DataError, match="no price ever moves, so there is no return to forecast"):
        statewise.train(Stocks(source="prices.csv", **how), run="s")


def test_what_are_no_prices_is_refused(tmp_path: Path) -> None:
    Path("prices.csv").write_text("\n".join(["Date,a", *(f"{day},{i - 5}" for i, day in enumerate(DAYS))]) + "\n")
    with pytest.raises(DataError, match="'a' has a price of -5: give prices above 0, not returns"):
        statewise.train(Stocks(source="prices.csv", updates=1), run="r")


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
