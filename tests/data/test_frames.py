"""Tables in memory are read as files are, and written down once with every digit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.frames import columns_of, keep
from statewise.data.tables.columns import Convert, numbers, words
from statewise.data.tables.tables import column_names, read_columns
from statewise.data.tables.times import times
from statewise.errors import DataError

WANTED: dict[str, Convert] = {"time": times, "city": words, "count": numbers}
HOURS = np.datetime64("2026-11-25T00", "s") + np.arange(3) * np.timedelta64(3600, "s")
COUNTS = [0.1 + 0.2, float("nan"), 1e-300]


def pandas_frame() -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({"time": HOURS, "city": ["a", "b, c", None], "count": COUNTS})


def polars_frame() -> Any:
    polars = pytest.importorskip("polars")
    return polars.DataFrame({"time": HOURS.astype("datetime64[ms]"), "city": ["a", "b, c", None], "count": COUNTS})


def array() -> Any:
    kinds = [("time", "datetime64[s]"), ("city", object), ("count", float)]
    return np.array(list(zip(HOURS, ["a", "b, c", ""], COUNTS, strict=True)), dtype=kinds)


@pytest.mark.parametrize("make", [pandas_frame, polars_frame, array])
def test_a_table_in_memory_and_the_file_that_is_kept_of_it_hold_the_same(make: Any) -> None:
    frame = make()
    kept = keep(frame, Path("cache"))
    for source in (frame, kept):
        found = read_columns(source, WANTED)
        assert found["time"].tolist() == HOURS.tolist()
        assert found["city"].tolist() == ["a", "b, c", ""]
        assert np.array_equal(found["count"], COUNTS, equal_nan=True)
    assert keep(make(), Path("cache")) == kept
    assert [path.name for path in Path("cache").iterdir()] == [kept.name]


def test_an_index_of_times_or_of_several_levels_becomes_columns() -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.5, 2.5, 3.5], index=pandas.DatetimeIndex(HOURS), name="load")
    assert column_names(series) == ["time", "load"]
    both = pandas.DataFrame(
        {"load": [1, 2]}, index=pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["s", "t"])
    )
    assert column_names(both) == ["s", "t", "load"]
    assert column_names(pandas.DataFrame({"load": [1, 2]}, index=[4, 5])) == ["load"]
    missing = keep(pandas.DataFrame({"n": [1, pandas.NA], "w": ["x", pandas.NaT]}), Path("cache"))
    assert missing.read_text().splitlines() == ["n,w", "1,x", ","]


def test_columns_of_a_plain_array_are_numbered() -> None:
    assert list(columns_of(np.zeros(4))) == ["value"]
    assert list(columns_of(np.zeros((4, 2), dtype=np.int16))) == ["value_1", "value_2"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (3.5, "a float is not a table"),
        ({"a": [1], "b": [1, 2]}, r"has columns of equal length, this one a \[1\], b \[2\]"),
        ({}, "has columns of equal length, this one no column"),
        (np.zeros((2, 2, 2)), r"an array float64 \[2, 2, 2\] is not a table"),
        (np.array(["a"]), r"an array <U1 \[1\] is not a table"),
        (np.zeros(0), "the ndarray is empty"),
        (np.zeros((3, 0)), "the ndarray is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line_and_nothing_is_kept(wrong: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        keep(wrong, Path("cache"))
    assert "\n" not in str(raised.value)
    assert not Path("cache").exists()
