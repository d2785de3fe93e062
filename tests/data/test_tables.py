"""Tables are read whole or refused in one line that names the row."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.tables import column_names, numbers, read_columns, times, words
from statewise.errors import DataError, UsageError

TABLE = "time,city,count\n2026-11-25 15:00:00,a,1.5\n2026-11-25 16:00:00,b,\n"
WANTED = {"time": times, "city": words, "count": numbers}


def written(text: str, name: str = "table.csv") -> Path:
    Path(name).write_text(text)
    return Path(name)


def held(path: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in read_columns(path, WANTED).values()), strict=True))


@pytest.mark.parametrize("kind", ["csv", "tsv", "semicolons", "gzip", "zip", "marked", "quoted"])
def test_a_table_is_read_whatever_it_came_as(kind: str) -> None:
    path = Path("table")
    match kind:
        case "tsv":
            path.write_text(TABLE.replace(",", "\t"))
        case "semicolons":
            path.write_text(TABLE.replace(",", ";"))
        case "gzip":
            path.write_bytes(gzip.compress(TABLE.encode()))
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("inner.csv", TABLE)
        case "marked":
            path.write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
        case "quoted":
            path.write_text(TABLE.replace("a,1.5", '"a","1.5"'))
        case _:
            path.write_text(TABLE)
    assert column_names(path) == ["time", "city", "count"]
    (_, a, one), (later, b, nothing) = held(path)
    assert (a, one, b) == ("a", 1.5, "b")
    assert later == np.datetime64("2026-11-25T16:00:00").item()
    assert np.isnan(nothing)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("2026-11-25", "2026-11-25"),
        ("2026-11-25T15:00:00Z", "2026-11-25T15:00"),
        ("2026-11-25 15:00:00+02:00", "2026-11-25T13:00"),
        ("1991 Jul", "1991-07-01"),
        ("Jul 1991", "1991-07-01"),
        ("1991", "1991-01-01"),
        ("1991-07", "1991-07-01"),
        ("1764082800", "2025-11-25T15:00"),
        ("20260102", "2026-01-02"),
    ],
)
def test_a_time_is_understood(cell: str, meant: str) -> None:
    assert times([cell, cell]).tolist() == [np.datetime64(meant, "s").item()] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: give a table whose first row names the columns"),
        (TABLE + "2026-11-25 17:00:00,a,many\n", "row 4: column 'count' holds 'many', which is no number"),
        (TABLE + "yesterday,a,1\n", "row 4: column 'time' holds 'yesterday', which is no time: write it as 2026-11-25"),
        (TABLE + ",a,1\n", "row 4: column 'time' is empty where a time was wanted"),
        (TABLE + "2026-11-25 17:00:00\n", "row 4 has 1 cells, not 3: mend it"),
        (TABLE + "10/2/2012 9:00,a,1\n", "row 4: column 'time' holds '10/2/2012 9:00'"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_columns(written(text), WANTED)


def test_a_wrong_column_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"table.csv: unknown column 'cuont': did you mean 'count'\?"):
        read_columns(written(TABLE), {"cuont": numbers})


def test_what_is_no_table_is_refused() -> None:
    Path("picture").write_bytes(b"\x89PNG\xff\xfe\n\xff")
    with pytest.raises(DataError, match="picture is not UTF-8 text"):
        column_names("picture")
    with pytest.raises(DataError, match=r"cannot read nowhere.csv \(No such file"):
        column_names("nowhere.csv")
    with pytest.raises(DataError, match="a list is no table"):
        column_names([1])


def test_a_parquet_file_is_read_as_the_same_table_in_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    hours = np.datetime64("2026-11-02T00", "us") + np.arange(5) * np.timedelta64(3600, "s")
    columns = {"time": pyarrow.array(hours, pyarrow.timestamp("us", "Europe/Berlin")), "value": [1, None, 3, 4, 5]}
    parquet.write_table(pyarrow.table({**columns, "word": ["x", "y", None, "x", "y"]}), tmp_path / "t.parquet")
    rows = [f"{hour},{v},{w}" for hour, v, w in zip(hours, (1, "", 3, 4, 5), ("x", "y", "", "x", "y"), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["time,value,word", *rows]) + "\n")
    wanted = {"time": times, "value": numbers, "word": words}
    one, other = (read_columns(tmp_path / name, wanted) for name in ("t.parquet", "t.csv"))
    for name in wanted:
        assert np.array_equal(one[name], other[name], equal_nan=name == "value")


@pytest.mark.parametrize("kept", [4, 300, -1])
def test_a_parquet_file_that_was_cut_short_is_refused(kept: int, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"time": ["2026-01-01", None], "value": [1, 2]}), path)
    with pytest.raises(DataError, match="row 3: column 'time' is empty where a time was wanted"):
        read_columns(path, {"time": times})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"cannot read .*t.parquet \(.*\): the file is damaged or was cut short"):
        read_columns(path, {"value": numbers})
