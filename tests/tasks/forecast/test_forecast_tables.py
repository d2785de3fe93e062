"""Tables as people have them: mistyped, of other columns, without times, in local time, or that hardly move."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from made_hours import FLAGS, HELD, HOURS, TINY, N, forecast_of_hours, hourly_table, said, value

import statewise
from statewise.data.tables.clocks import on_clocks
from statewise.errors import DataError, UsageError
from statewise.tasks.forecast.task import Forecast


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return hourly_table(tmp_path / "table.csv")


@pytest.fixture
def trained(table: Path) -> Path:
    return forecast_of_hours()


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


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"target": ("c",)}, "unknown column 'c'"),
        ({"target": ("a",), "horizon": "300h"}, "too few to hold out"),
        (
            {"target": ("a",), "checks": 1, "validation": "200h"},
            "too few to hold out 24, 200 more for validation and learn",
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


@pytest.mark.parametrize(("scale", "offset"), [(1e-9, 0), (1e-3, 1e6)])
def test_a_series_that_hardly_moves_is_refused(scale: float, offset: float, table: Path) -> None:
    table.write_text("\n".join(["time,a", *(f"{HOURS[t]},{offset + scale * value(t):.12g}" for t in range(N))]) + "\n")
    with pytest.raises(
        DataError, match=r"series 'a' moves between .* only, which is too little .*: give it in a smaller"
    ):
        statewise.train(Forecast(source="table.csv", **HELD), run="r")


def test_gaps_are_no_values_to_learn(table: Path) -> None:
    rows = [f"{HOURS[t]},{value(t) if t > 190 else ''}" for t in range(N)]
    table.write_text("\n".join(["time,a", f"{HOURS[0]},1", *rows[1:]]) + "\n")
    with pytest.raises(DataError, match="of 30 values only 6 lie before the 24 steps that are held out, too few to"):
        statewise.train(Forecast(source="table.csv", **HELD), run="r")
    rows = [f"{HOURS[t]},{value(t) if t < 190 or t == N - 1 else ''}" for t in range(N)]
    table.write_text("\n".join(["time,a", *rows]) + "\n")
    facts = Forecast(source="table.csv", **HELD).prepare(Path()).facts
    assert (facts["training"], facts["validation"], facts["held_out"]) == (172, 18, 1)
