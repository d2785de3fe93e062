"""Tables become series on one grid, or are refused in one line with the rows in question."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.frequency import Frequency
from statewise.data.panel import Columns, guess_columns, read_panel
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
    ("text", "said"), [("90min", "no whole number"), ("soon", "no amount"), ("5 cows", "no amount")]
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
    with pytest.raises(UsageError, match="name the target, as in --target NAME"):
        guess_columns(path, {"series": "city"})
    with pytest.raises(UsageError, match="column 'v' is given both as a target and as something else"):
        guess_columns(path, {"targets": ("v",), "known": ("v",)})
    assert guess_columns(path, {"targets": ("w",)}) == Columns("time", ("w",))


def test_rows_with_known_covariates_only_reach_ahead() -> None:
    path = table(HOURS, [*range(9), "", "", ""], range(12), names="time,v,holiday")
    panel = read(path, known=("holiday",))
    assert panel.observed().tolist() == [9]
    assert panel.known[:, 0].tolist() == list(range(12))
