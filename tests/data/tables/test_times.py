"""Times are read in whatever way people and programs write them, all of a column in one way, or not at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from statewise.data.tables.clocks import Clock, from_clocks, on_clocks
from statewise.data.tables.columns import Unreadable
from statewise.data.tables.moments import FORMS, format_of, read_moment
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.times import TimeReader


def read(*cells: Any, **how: Any) -> tuple[list[str], TimeReader]:
    reader = TimeReader(TableFormat(**how))
    return [str(time) for time in reader(cells).astype("datetime64[ms]")], reader


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("2015/01/02", "2015-01-02"),
        ("2015/1/2 3:04", "2015-01-02T03:04"),
        ("2015-01-02 03:04:05.25", "2015-01-02T03:04:05.250"),
        ("2015-01-02T03:04:05Z", "2015-01-02T03:04:05"),
        ("2015-01-02 03:04:05 -0130", "2015-01-02T04:34:05"),
        ("2015-01-02 24:00", "2015-01-03"),
        ("1/13/2015 3:05 PM", "2015-01-13T15:05"),
        ("1/13/2015 12:05 am", "2015-01-13T00:05"),
        ("13/1/2015", "2015-01-13"),
        ("02.01.2015 18.30.00", "2015-01-02T18:30"),
        ("2 Jan 2015", "2015-01-02"),
        ("2-Jan-2015 05:00", "2015-01-02T05:00"),
        ("January 2, 2015", "2015-01-02"),
        ("Fri, 02 Jan 2015 03:04:05 GMT", "2015-01-02T03:04:05"),
        ("January 2015", "2015-01-01"),
        ("Jan-2015", "2015-01-01"),
        ("2015 Sept", "2015-09-01"),
        ("2015-Jan-02", "2015-01-02"),
        ("1980Q3", "1980-07-01"),
        ("1980-Q3", "1980-07-01"),
        ("Q3 1980", "1980-07-01"),
        ("1980M11", "1980-11-01"),
        ("11/1980", "1980-11-01"),
        ("1980/11", "1980-11-01"),
        ("2015-W02", "2015-01-05"),
        ("2015W027", "2015-01-11"),
        ("201501", "2015-01-01"),
        ("20150102", "2015-01-02"),
        ("20150102T0304", "2015-01-02T03:04"),
        ("2015010203", "2015-01-02T03:00"),
        ("201501020304", "2015-01-02T03:04"),
        ("20150102030405", "2015-01-02T03:04:05"),
        ("1420167845", "2015-01-02T03:04:05"),
        ("1420167845.5", "2015-01-02T03:04:05.500"),
        ("1420167845000", "2015-01-02T03:04:05"),
        ("1.420167845e12", "2015-01-02T03:04:05"),
        ("1420167845000000", "2015-01-02T03:04:05"),
        ("1420167845000000000", "2015-01-02T03:04:05"),
    ],
)
def test_a_time_is_read_as_it_is_meant(cell: str, meant: str) -> None:
    found, reader = read(cell, cell)
    assert found == [str(np.datetime64(meant, "ms"))] * 2
    assert reader.kind == "times"


def test_every_form_is_tried_by_an_example_above() -> None:
    mark = next(m for m in test_a_time_is_read_as_it_is_meant.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    for form in FORMS:
        assert any(form.pattern.fullmatch(cell) for cell, _ in mark.args[1]), form.pattern.pattern[-60:]


@pytest.mark.parametrize(
    ("cells", "index", "said"),
    [
        (["03/04/2015", "05/06/2015"], 0, "give --time-format '%d/%m/%Y' or '%m/%d/%Y'"),
        (["3-4-2015 3:04 pm"], 0, "give --time-format '%d-%m-%Y %I:%M %p' or '%m-%d-%Y %I:%M %p'"),
        (["13/04/2015", "04/13/2015"], 1, "not a time with the day before the month, as others have it"),
        (["2015-04-13", "04/05/2015"], 1, "holds '04/05/2015', which is not a time"),
        (["13.04.15"], 0, "its year has two digits: give --time-format, as '%d.%m.%y'"),
        (["2015-04-13", "today"], 1, "holds 'today', which is not a time"),
        (["2015-04-13", ""], 1, "is empty where a time was wanted"),
        (["1420167845", "n/a"], 1, "is empty where a time was wanted"),
        (["2015-02-29"], 0, "which is not a time"),
        (["13:00 pm 2015-02-01"], 0, "which is not a time"),
        (["2015-02-01 13:00 pm"], 0, "which is not a time"),
        (["9999-12-31 24:00"], 0, "which is not a time"),
        (["1420167845", "soon"], 1, "holds 'soon', which is not a number as those above are"),
        (["1420167845", "1420167846000"], 1, "is in milliseconds where those above are in seconds"),
        (["1420167845000", "7"], 1, "is in seconds where those above are in milliseconds"),
        (["20150102"] * 20 + ["20150230"], 20, "holds '20150230', which is not a time as those above"),
        (["1e25"], 0, "which is not a time"),
        (["2015-01-01T00:00Z", "2015-01-01T01:00"], 1, "has no offset from UTC, as others have"),
        (["2015-01-01T00:00", "2015-01-01T01:00+01:00"], 1, "has an offset from UTC, where those above have none"),
    ],
)
def test_what_may_be_two_times_or_none_is_refused(cells: Sequence[str], index: int, said: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(*cells)
    assert raised.value.index == index
    assert said in raised.value.words


def test_a_column_settles_which_of_two_numbers_is_the_day() -> None:
    assert read("03/04/2015", "13/04/2015")[0][0] == "2015-04-03T00:00:00.000"
    assert read("03/04/2015", "04/13/2015")[0][0] == "2015-03-04T00:00:00.000"
    reader = TimeReader(day_first=True)
    assert str(reader(["03/04/2015"])[0])[:10] == "2015-04-03"


def test_what_was_found_at_first_holds_for_all_of_a_column() -> None:
    reader = TimeReader()
    reader(["1420167845000"])
    with pytest.raises(Unreadable, match="is in seconds where those above are in milliseconds"):
        reader(["1420167845"])
    reader = TimeReader()
    reader(["13/04/2015"])
    with pytest.raises(Unreadable, match="with the day before the month"):
        reader(["04/13/2015"])


@pytest.mark.parametrize("cells", [["0", "1", "2"], ["5", "7.5"], ["-3", "9999999"], np.array([3, 4])])
def test_small_numbers_are_no_times_but_numbers(cells: Any) -> None:
    reader = TimeReader()
    found = reader(cells)
    assert reader.kind == "numbers"
    assert (found.astype(np.int64) / 1e6).tolist() == [float(cell) for cell in cells]


def test_a_format_that_is_given_is_kept_to() -> None:
    assert read("03.04.15 7", time_format="%d.%m.%y %H")[0] == ["2015-04-03T07:00:00.000"]
    with pytest.raises(Unreadable, match=r"not a time written as --time-format '%d.%m.%y %H' says"):
        read("2015-04-03 07:00", time_format="%d.%m.%y %H")
    assert format_of("3/4/2015", day_first=False) == "%m/%d/%Y"


def test_arrays_of_times_are_taken_as_they_are() -> None:
    given = np.array(["2015-01-02T03", "NaT"], "datetime64[s]")
    assert TimeReader()(given[:1]).tolist() == given[:1].tolist()
    with pytest.raises(Unreadable, match="is empty"):
        TimeReader()(given)
    with pytest.raises(Unreadable, match="not a time of years 1 to 9998"):
        TimeReader()(np.array(["20000-01-01"], "datetime64[s]"))
    assert not len(TimeReader()([]))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_clocks_are_followed_through_every_night_of_two_years(zone: str) -> None:
    utc = np.datetime64("2025-01-01", "s") + np.arange(2 * 365 * 48) * np.timedelta64(1800, "s")
    shown = on_clocks(utc, zone)
    _, first, counts = np.unique(shown, return_index=True, return_counts=True)
    later = np.ones(len(shown), np.bool_)
    later[first] = False
    found = from_clocks(shown, zone, later)
    assert np.array_equal(found.utc, utc)
    assert found.twice.sum() == 2 * (counts == 2).sum()
    assert not found.never.any()


def test_clocks_say_which_of_two_hours_they_mean() -> None:
    clock = Clock("America/New_York")
    times = np.array(["2026-11-01T05:30", "2026-11-01T06:30"], "datetime64[s]")
    assert [clock.shown(time) for time in times] == ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"]
    assert Clock().shown(times[0]) == "2026-11-01T05:30:00"
    assert read_moment(clock.shown(times[1]), day_first=False).utctimetuple().tm_hour == 6
