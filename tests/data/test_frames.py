"""Tables in memory are read as files are, and written down once with every digit."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.frames import columns_of, keep
from statewise.data.source_forms import Form, InMemory
from statewise.data.tables.columns import Convert, numbers, words
from statewise.data.tables.tables import column_names, read_columns
from statewise.data.tables.times import times
from statewise.data.written_sources import named_source
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
    pandas = pytest.importorskip("pandas")
    assert list(columns_of(pandas.DataFrame(np.zeros((4, 2))))) == ["value_0", "value_1"]


def test_arrays_with_a_mask_of_truths_and_as_matrices_are_numbers() -> None:
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False])
    assert np.array_equal(read_columns(keep(masked, Path("cache")), {"value": numbers})["value"], [1, np.nan, 3], True)
    truths = keep(np.array([True, False]), Path("cache"))
    assert truths.read_text().splitlines() == ["value", "1", "0"]
    with warnings.catch_warnings(action="ignore"):
        matrix = np.asmatrix([[1.5, 2.0], [2.5, 3.0]])
    assert keep(matrix, Path("cache")).read_text().splitlines() == ["value_1,value_2", "1.5,2.0", "2.5,3.0"]


def test_half_a_character_and_rows_that_json_does_not_say_are_refused() -> None:
    forms: tuple[Form, ...] = ("texts", "table", "records")
    for form in forms:
        with pytest.raises(DataError, match="holds half a character at"):
            named_source({"word": ["a\udcff"]}, InMemory((form,)), "t", Path("cache"))
    takes = InMemory(("records",), ("here", "there"))
    with pytest.raises(DataError, match="a number that is infinite"):
        named_source([("a", float("inf"))], takes, "t", Path("cache"))
    kept = Path(named_source([("a", float("nan")), (np.array([1, np.nan]), None)], takes, "t", Path("cache")))
    assert kept.read_text() == '{"here": "a", "there": null}\n{"here": [1.0, null], "there": null}\n'
    assert [path.suffix for path in Path("cache").iterdir()] == [".jsonl"]


def test_a_frame_of_polars_that_was_not_collected_is_refused_without_a_warning() -> None:
    polars = pytest.importorskip("polars")
    forms: tuple[Form, ...] = ("table", "texts")
    for form in forms:
        with pytest.raises(DataError, match=r"a LazyFrame has no values yet: give what its collect\(\) returns"):
            named_source(polars.DataFrame({"a": [1]}).lazy(), InMemory((form,)), "t", Path("cache"))
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="2 columns are called 'a': rename them"):
        keep(pandas.DataFrame(np.zeros((2, 2)), columns=["a", "a"]), Path("cache"))


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
