"""Tables become series on one grid, or are refused in one line with the rows in question."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.series.frequency import Frequency
from statewise.data.series.panel import Panel, read_panel
from statewise.data.series.series_columns import SeriesColumns, guess_columns
from statewise.data.tables.clocks import on_clocks
from statewise.data.tables.table_format import TableFormat
from statewise.errors import DataError, UsageError

HOURS = [f"2026-11-25 {hour:02d}:00" for hour in range(12)]


def table(times: Sequence[str], *columns: Sequence[Any], names: str = "time,value") -> Path:
    rows = [",".join(map(str, row)) for row in zip(times, *columns, strict=True)]
    Path("table.csv").write_text("\n".join([names, *rows]) + "\n")
    return Path("table.csv")


def read(path: Path, **roles: Any) -> Any:
    return read_panel(path, guess_columns(path, roles))


def test_rows_in_any_order_with_gaps_become_a_grid() -> None:
    order = [3, 0, 11, 5, 1, 2, 7, 8, 9]
    panel = read(table([HOURS[i] for i in order], order))
    assert panel.frequency == Frequency("s", 3600)
    assert panel.names == ("value",)
    there = [None if np.isnan(v) else float(v) for v in panel.values]
    assert there == [float(i) if i in order else None for i in range(12)]
    assert str(panel.times(2, 1)[0]) == "2026-11-25T02:00:00"


def test_a_long_table_and_a_wide_one_are_the_same_series() -> None:
    wide = read(table(HOURS, range(12), range(20, 32), names="time,a,b"))
    long = read(
        table(HOURS * 2, ["a"] * 12 + ["b"] * 12, [*range(12), *range(20, 32)], names="time,city,value"),
        series="city",
        targets=("value",),
    )
    assert wide.names == long.names == ("a", "b")
    assert np.array_equal(wide.values, long.values)
    assert long.begins.tolist() == [0, 12, 24]


def test_series_may_begin_and_end_at_their_own_times() -> None:
    times = HOURS[:5] + HOURS[3:9]
    panel = read(table(times, ["a"] * 5 + ["b"] * 6, range(11), names="time,city,v"), series="city", targets=("v",))
    assert panel.lengths.tolist() == [5, 6]
    assert panel.places.tolist() == [0, 3]
    assert panel.end == 9


@pytest.mark.parametrize(
    ("times", "frequency"),
    [
        ([f"2026-{m:02d}-01" for m in range(1, 12)], "1 mo"),
        (["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"], "1 mo"),
        (["2020-01-01", "2021-01-01", "2022-01-01"], "12 mo"),
        ([f"2026-11-{d:02d}" for d in range(2, 28) if d % 7 not in (0, 1)], "1 b"),
        ([f"2026-11-{d:02d}" for d in range(2, 28)], "1 d"),
        ([f"2026-11-{d:02d}" for d in (2, 9, 16, 23)], "1 w"),
        ([f"2026-11-25 {h:02d}:{m}" for h in range(5) for m in ("00", "30")], "30 min"),
        (["2026-11-25 10:00+02:00", "2026-11-25 11:00+02:00", "2026-11-25 10:00Z"], "1 h"),
    ],
)
def test_the_frequency_is_found_from_the_times(times: list[str], frequency: str) -> None:
    panel = read(table(times, range(len(times))))
    assert str(panel.frequency) == frequency
    assert Frequency.read(frequency) == panel.frequency
    assert np.array_equal(panel.frequency.places(panel.times(0, panel.end), panel.origin), np.arange(panel.end))


@pytest.mark.parametrize(
    ("every", "text", "steps"),
    [("1 h", "24h", 24), ("1 h", "7d", 168), ("1 h", "3", 3), ("1 b", "1w", 5), ("1 mo", "1y", 12), ("1 d", "2w", 14)],
)
def test_an_amount_of_time_is_so_many_steps(every: str, text: str, steps: int) -> None:
    assert Frequency.read(every).steps(text) == steps


@pytest.mark.parametrize(
    ("text", "said"), [("90min", "not a whole number"), ("soon", "not an amount"), ("5 cows", "not an amount")]
)
def test_what_is_no_amount_of_time_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Frequency.read("1 h").steps(text)


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        ([*HOURS[:5], "2026-11-25 04:37"], range(6), "times are not 1 h apart .* such as 2026-11-25T04:37:00"),
        ([*HOURS, HOURS[3]], [*range(12), 99], r"row 14: 'value' has another value at 2026-11-25T03:00:00 already"),
        (HOURS[:4], [1, "inf", 3, 4], "row 3: column 'value' is infinite: leave the cell empty"),
        (HOURS, [""] * 12, "holds no number: leave it out"),
        (HOURS[:1], [1], "has 1 time: give at least 3"),
        ([], [], "has no rows"),
    ],
)
def test_a_table_that_cannot_be_is_refused(times: list[str], values: Sequence[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(table(times, values))


def test_equal_rows_count_once() -> None:
    panel = read(table([*HOURS, HOURS[3]], [*range(12), 3]))
    assert len(panel.values) == 12
    assert panel.notices == ("1 repeated rows count once",)


def test_series_of_two_frequencies_are_refused_by_name() -> None:
    days = [f"2026-11-{d:02d} 00:00" for d in range(1, 15)]
    path = table(HOURS + days, ["a"] * 12 + ["b"] * 14, range(26), names="time,city,v")
    with pytest.raises(DataError, match="series 'a' has a value every 1 h and 'b' every 1 d: bring them to one"):
        read(path, series="city", targets=("v",))


def test_a_target_that_cannot_be_guessed_is_asked_for() -> None:
    path = table(HOURS, ["a"] * 12, range(12), range(12), names="time,city,v,w")
    with pytest.raises(UsageError, match="name the column to forecast with target"):
        guess_columns(path, {"series": "city"})
    with pytest.raises(UsageError, match="column 'v' is given both as a target and as something else"):
        guess_columns(path, {"targets": ("v",), "known": ("v",)})
    assert guess_columns(path, {"targets": ("w",)}) == SeriesColumns("time", ("w",))


def test_rows_with_known_covariates_only_reach_ahead() -> None:
    path = table(HOURS, [*range(9), "", "", ""], range(12), names="time,v,holiday")
    panel = read(path, known=("holiday",))
    assert panel.observed().tolist() == [9]
    assert panel.known[:, 0].tolist() == list(range(12))


def hourly(begin: str, count: int) -> list[str]:
    return [str(time) for time in np.datetime64(begin, "s") + np.arange(count) * np.timedelta64(3600, "s")]


def whole(path: Path, *, frequency: str | None = None, rule: Any = None, **how: Any) -> Panel:
    form = TableFormat(**how)
    return read_panel(path, guess_columns(path, {}, form), Frequency.read(frequency) if frequency else None, form, rule)


@pytest.mark.parametrize("wrong", ["2062-11-02T05:00", "9999-11-02T05:00", "1026-11-02T05:00", "2027-11-02T05:00"])
def test_a_mistyped_year_is_named_by_its_row_and_no_grid_is_made(wrong: str) -> None:
    times = hourly("2026-11-01T00", 960)
    times[29] = wrong
    tracemalloc.start()
    with pytest.raises(DataError, match=rf"row 31: {wrong}:00 lies [\d,]+ steps of 1 h from all other times: mend it"):
        whole(table(times, range(960)))
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_far_times_of_one_series_among_others_are_named_too() -> None:
    times, names = hourly("2026-11-01T00", 60), ["a"] * 30 + ["b"] * 30
    times[44] = "2126-11-01T00:00:00"
    with pytest.raises(DataError, match=r"series 'b' row 46: 2126-11-01T00:00:00 lies .* from all other times"):
        read(table(times, names, range(60), names="time,city,v"), series="city", targets=("v",))
    apart = hourly("2026-11-01T00", 30) + hourly("1526-11-01T00", 30)
    with pytest.raises(DataError, match=r"60 rows would lie on 4,382,\d+ steps of 1 h; nothing lies between row 61 "):
        read(table(apart, names, range(60), names="time,city,v"), series="city", targets=("v",))


def test_a_grid_that_would_be_next_to_empty_is_refused() -> None:
    path = table(hourly("2026-11-01T00", 600), range(600))
    with pytest.raises(DataError, match=r"600 rows would lie on 2,156,401 steps of 1 s; nothing lies between row 2 "):
        whole(path, frequency="1s")


def test_gaps_as_they_come_in_every_series_are_no_mistake() -> None:
    times = hourly("2026-11-01T00", 200)
    kept = [*range(40), *range(90, 150), *range(199, 200)]
    assert len(whole(table([times[i] for i in kept], kept)).values) == 200


WEEKS = [str(np.datetime64("2026-01-03") + 7 * i) for i in range(20)]


def test_values_that_come_more_often_are_joined_by_a_rule_or_refused() -> None:
    path = table([*WEEKS[:7], *WEEKS[8:]], [*range(7), *range(8, 20)])
    with pytest.raises(DataError, match=r"14 of 19 rows share a step of 1 mo with the one before, as rows 2 .* and 3 "):
        whole(path, frequency="1mo")
    months = [WEEKS[i][:7] for i in range(20) if i != 7]
    for rule, join in (("sum", sum), ("mean", np.mean), ("last", lambda values: values[-1])):
        panel = whole(path, frequency="1mo", rule=rule)
        weeks = [[i for i in range(20) if i != 7 and WEEKS[i][:7] == month] for month in dict.fromkeys(months)]
        assert panel.values[:-1].tolist() == pytest.approx([float(join(week)) for week in weeks[:-1]])
        assert np.isnan(panel.values[-1])  # half of May is no May
        assert str(panel.times(0, 1)[0]) == "2026-01-01T00:00:00"
        assert panel.notices == (f"19 rows are joined into 5 of 1 mo: the {rule} of each",)


def test_covariates_are_joined_too_and_words_are_kept() -> None:
    times = hourly("2026-11-02T00", 72)
    values = [*range(48), *[""] * 24]
    path = table(times, values, range(72), ["x"] * 72, names="time,v,k,s")
    columns = SeriesColumns("time", ("v",), known=("k",), static=("s",))
    panel = read_panel(path, columns, Frequency.read("1d"), aggregate="sum")
    assert panel.values[:2].tolist() == [sum(range(24)), sum(range(24, 48))]
    assert np.isnan(panel.values[2])
    assert panel.known[:, 0].tolist() == [11.5, 35.5, 59.5]
    assert panel.static.tolist() == [["x"]]
    assert panel.observed().tolist() == [2]


def test_a_first_day_that_was_begun_late_is_left_out() -> None:
    panel = whole(table(hourly("2026-11-02T03", 69), [1] * 69), frequency="1d", rule="sum")
    assert [None if np.isnan(v) else float(v) for v in panel.values] == [None, 24, 24]


def test_each_row_is_a_step_where_there_are_no_times() -> None:
    path = table([f"{i % 3}" for i in range(9)], range(10, 19), names="a,b")
    panel = whole(path)
    assert panel.names == ("a", "b")
    assert str(panel.frequency) == "1 step"
    assert [panel.clock.shown(time) for time in panel.times(8, 2)] == ["8", "9"]
    assert panel.notices == ("without times each row is a step",)
    assert whole(table(HOURS, range(12))).notices == ()
    forced = read_panel(path := table(HOURS, range(12)), guess_columns(path, {"time": "row"}))
    assert (forced.names, str(forced.frequency)) == (("value",), "1 step")
    long = table(["x", "y"] * 6, range(12), names="id,v")
    assert read(long, series="id").lengths.tolist() == [6, 6]


@pytest.mark.parametrize("name", ["time", "n", ""])
def test_numbers_that_count_up_are_steps(name: str) -> None:
    panel = whole(table([str(i) for i in range(5, 17)], range(12), names=f"{name},v"))
    assert (panel.names, str(panel.frequency), panel.clock.shown(panel.origin)) == (("v",), "1 step", "5")
    tens = read(table([str(10 * i) for i in range(12) if i != 4], [i for i in range(12) if i != 4]), time="time")
    assert (str(tens.frequency), int(np.isnan(tens.values).sum())) == ("10 step", 1)


def test_steps_and_times_are_not_taken_for_each_other() -> None:
    with pytest.raises(UsageError, match="has steps, not times, where a value was said to come every 1 h"):
        whole(table([str(i) for i in range(12)], range(12)), frequency="1h")
    with pytest.raises(UsageError, match="has times, not steps, where a value was said to come every 1 step"):
        whole(table(HOURS, range(12)), frequency="1step")


@pytest.mark.parametrize(
    ("zone", "begin", "night"),
    [
        ("Europe/Berlin", "2026-10-24T12", "2026-10-25T02:00:00"),
        ("America/New_York", "2026-10-31T12", "2026-11-01T01:00:00"),
        ("Australia/Sydney", "2026-04-04T06", "2026-04-05T02:00:00"),
    ],
)
def test_the_hour_that_clocks_show_twice_is_named_and_read_with_a_time_zone(zone: str, begin: str, night: str) -> None:
    utc = np.datetime64(begin, "s") + np.arange(30) * np.timedelta64(3600, "s")
    shown = [str(time) for time in on_clocks(utc, zone)]
    path = table(shown, range(30))
    with pytest.raises(
        DataError, match=f"{night} comes twice, as in the night in which clocks are put back: .* time_zone"
    ):
        whole(path)
    for order in (1, -1):
        panel = whole(table(shown[::order], list(range(30))[::order]), time_zone=zone)
        assert panel.values.tolist() == list(range(30))
        assert panel.origin == utc[0]
        assert panel.clock.shown(panel.times(0, 1)[0]).startswith(f"{shown[0]}")
    quarters = np.repeat(utc, 4) + np.tile(np.arange(4) * np.timedelta64(900, "s"), 30)
    panel = whole(table([str(time) for time in on_clocks(quarters, zone)], range(120)), time_zone=zone)
    assert panel.values.tolist() == list(range(120))


def test_times_that_clocks_never_show_are_refused() -> None:
    path = table(hourly("2026-03-29T00", 12), range(12))
    assert len(whole(path).values) == 12
    with pytest.raises(
        DataError, match="row 4: clocks of Europe/Berlin never showed 2026-03-29T02:00:00, for they were"
    ):
        whole(path, time_zone="Europe/Berlin")


def test_days_are_days_of_the_clocks_of_a_zone() -> None:
    days = [str(np.datetime64("2026-10-20") + i) for i in range(12)]
    panel = whole(table(days, range(12)), time_zone="Europe/Berlin")
    assert (str(panel.frequency), panel.clock.zone, str(panel.times(7, 1)[0])) == ("1 d", None, "2026-10-27T00:00:00")
    utc = np.datetime64("2026-10-23T22", "s") + np.arange(73) * np.timedelta64(3600, "s")
    offsets = [f"{time}+00:00" for time in utc]
    panel = whole(table(offsets, [1] * 73), frequency="1d", rule="sum", time_zone="Europe/Berlin")
    assert panel.values.tolist() == [24, 25, 24]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2, "1e300", 4], r"row 4: column 'value' holds 1e\+300, beyond 1e\+30: give it in a larger unit"),
        ([1, 2, "-1e31", 4], r"row 4: column 'value' holds -1e\+31, beyond"),
    ],
)
def test_values_too_large_for_32_bits_are_refused(values: Sequence[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(table(HOURS[:4], values))


def test_parts_of_a_second_are_refused_but_as_steps() -> None:
    times = [f"2026-11-25 00:00:00.{i}" for i in range(9)]
    with pytest.raises(
        DataError, match=r"row 3: column 'time' says 2026-11-25T00:00:00.100000, finer than a second: count"
    ):
        whole(table(times, range(9)))
    path = table(times, range(9))
    assert read(path, time="row").values.tolist() == list(range(9))


@pytest.mark.parametrize(
    ("names", "columns", "times"),
    [
        ("Year,Month,v", [["2026"] * 3, ["1", "2.0", "3"]], ["2026-01-01", "2026-02-01", "2026-03-01"]),
        ("day,month,year,v", [["9", "10", "11"], ["11"] * 3, ["2026"] * 3], ["2026-11-09", "2026-11-10", "2026-11-11"]),
        ("Date,Hour,v", [["2026-11-25"] * 3, ["8", "9", "10"]], ["2026-11-25T08", "2026-11-25T09", "2026-11-25T10"]),
        ("Time,Date,v", [["18.00.00", "19.00.00", "20.00.00"], ["25/11/2026"] * 3], ["2026-11-25T18", "2026-11-25T19"]),
    ],
)
def test_a_time_in_several_columns_is_put_together(names: str, columns: list[list[str]], times: list[str]) -> None:
    panel = whole(table(columns[0], *columns[1:], [5, 6, 7], names=names))
    assert panel.names == ("v",)
    assert panel.times(0, len(times)).tolist() == np.array(times, "datetime64[s]").tolist()


def test_columns_are_put_together_where_they_are_named_and_only_then() -> None:
    path = table(["2026-11-25"] * 3, [7, 8, 9], [5, 6, 7], names="tag,stunde (UTC+1),v")
    assert read(path, time="tag+stunde (UTC+1)").values.tolist() == [5, 6, 7]
    with pytest.raises(UsageError, match=r"unknown column 'tag\+stunde'"):
        read(path, time="tag+stunde")
    with pytest.raises(DataError, match=r"row 3: column 'Year.Month' holds '2026-13', which is not a time"):
        whole(table(["2026"] * 3, [1, 13, 3], [5, 6, 7], names="Year,Month,v"))
    whole_times = table(["2026-11-25"] * 3, HOURS[:3], [5, 6, 7], names="date,time,v")
    assert guess_columns(whole_times, {"targets": ("v",)}).time == "time"


def test_business_days_are_no_weekends() -> None:
    days = [f"2026-11-{d:02d}" for d in range(2, 28) if d % 7 != 0]
    with pytest.raises(DataError, match="row 7, 13, 19: 2026-11-08T00:00:00 is a weekend"):
        whole(table(days, range(len(days))), frequency="1b")


def test_every_second_business_day_is_two_apart() -> None:
    every = Frequency.read("2b")
    times = every.times(np.datetime64("2026-11-02", "s"), 0, 4)
    assert [str(time)[:10] for time in times] == ["2026-11-02", "2026-11-04", "2026-11-06", "2026-11-10"]
    assert every.places(times, times[0]).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["00h", "9" * 30 + "h", "h5", "5 h 3"])
def test_amounts_that_no_grid_can_have_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an amount of time"):
        Frequency.read(text)
