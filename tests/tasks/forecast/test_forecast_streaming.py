"""Values that are heard one by one: the state goes on, gaps are bridged, and a bad line is refused."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_hours import HELD, HOURS, N, forecast_of_hours, hourly_table, said, value

import statewise
from statewise.data.series.frequency import Frequency
from statewise.errors import DataError
from statewise.tasks.forecast.observations import usual_longest_gap
from statewise.tasks.forecast.task import Forecast


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return hourly_table(tmp_path / "table.csv")


@pytest.fixture
def trained(table: Path) -> Path:
    return forecast_of_hours()


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
