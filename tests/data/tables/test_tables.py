"""Tables are read whole or refused in one line that names the row."""

import gzip
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.tables import separated, tables
from statewise.data.tables.columns import Convert, Unreadable, numbers, words
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import column_names, read_columns
from statewise.data.tables.times import times
from statewise.errors import DataError, UsageError

TABLE = "time,city,count\n2026-11-25 15:00:00,a,1.5\n2026-11-25 16:00:00,b,\n"
WANTED: dict[str, Convert] = {"time": times, "city": words, "count": numbers}


def written(text: str, name: str = "table.csv") -> Path:
    Path(name).write_text(text)
    return Path(name)


def held(path: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in read_columns(path, WANTED).values()), strict=True))


FORMS: dict[str, bytes] = {
    "csv": TABLE.encode(),
    "tsv": TABLE.replace(",", "\t").encode(),
    "semicolons": TABLE.replace(",", ";").encode(),
    "gzip": gzip.compress(TABLE.encode()),
    "marked": b"\xef\xbb\xbf" + TABLE.encode(),
    "quoted": TABLE.replace("a,1.5", '"a","1.5"').encode(),
    "utf-16": TABLE.replace(",", "\t").encode("utf-16"),
    "a line that says what separates": b"sep=|\r\n" + TABLE.replace(",", "|").encode(),
    "comments": b"# of a sensor, on a roof\n\n" + TABLE.replace("\n2026", "\n# an hour; and\n2026").encode(),
    "names in a comment": b"#time,city,count\n" + TABLE.partition("\n")[2].encode(),
    "blank lines": b"\n" + TABLE.replace("\n", "\n\n").encode() + b",,\n,,\n",
    "separators at the end": TABLE.replace("\n", ",\n").encode(),
}


@pytest.mark.parametrize("kind", [*FORMS, "zip"])
def test_a_table_is_read_whatever_it_came_as(kind: str) -> None:
    path = Path("table")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner.csv", TABLE)
    else:
        path.write_bytes(FORMS[kind])
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
        (TABLE + "2026-11-25 17:00:00,a,many\n", "row 4: column 'count' holds 'many', which is not a number"),
        (TABLE + "2026-11-25 17:00:00,a,$ 4.50\n", "row 4: column 'count' holds '\\$ 4.50', .* write it as '4.50'"),
        (
            TABLE + "yesterday,a,1\n",
            "row 4: column 'time' holds 'yesterday', which is not a time: write it as 2026-11-25",
        ),
        (TABLE + ",a,1\n", "row 4: column 'time' is empty where a time was wanted"),
        (TABLE + "2026-11-25 17:00:00\n", "row 4 has 1 cell, not 3: mend it"),
        (TABLE + "10/2/2012 9:00,a,1\n", "row 4: column 'time' holds '10/2/2012 9:00'"),
        (
            TABLE + "2026-11-25 17:00:00,a,1,5\n",
            "row 4 has 4 cells, not 3: where commas are decimal .* give decimal ,",
        ),
        (TABLE + "2026-11-25 17:00:00,a,1,b\n", "row 4 has 4 cells, not 3: mend it"),
        (TABLE + '\n\n2026-11-25 17:00:00,"a\nb",many\n', "row 6: column 'count' holds 'many'"),
        (TABLE + '2026-11-25 17:00:00,"a\nb",1\nsoon,a,1\n', "row 6: column 'time' holds 'soon'"),
        (TABLE + '2026-11-25 17:00:00,"a,1\n2026-11-25 18:00:00,a,1\n', "row 4 has 2 cells, not 3: .* is not closed"),
        ("# one\n# two\n" + TABLE + "# three\nsoon,a,1\n", "row 7: column 'time' holds 'soon'"),
        (TABLE + "# three\n", "row 4 has 1 cell, not 3"),
        ("sep=;\n" + TABLE.replace(",", ";") + "soon;a;1\n", "row 5: column 'time' holds 'soon'"),
        (TABLE.replace("1.5", "1,5").replace(",b", ",b,x"), "row 2 has 4 cells, not 3"),
        ("# nothing\n" * 1200, "has no row in its first 1000 lines: give a table"),
        ('{"time": "2026-11-25", "count": 1}\n', "is JSON, not a table: write it as CSV"),
        ('[\n{"time": "2026-11-25"}]\n', "is JSON, not a table"),
        ("<html><table>", "is HTML or XML, not a table"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_columns(written(text), WANTED)


def test_columns_of_one_name_are_refused_where_one_of_them_is_wanted() -> None:
    path = written("time,count,count\n2026-11-25,1,2\n")
    assert len(read_columns(path, {"time": times})["time"]) == 1
    with pytest.raises(DataError, match="2 columns are called 'count': rename them"):
        read_columns(path, {"count": numbers})


def test_a_wrong_column_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"table.csv: unknown column 'cuont': did you mean 'count'\?"):
        read_columns(written(TABLE), {"cuont": numbers})


def test_what_is_no_table_is_refused() -> None:
    Path("picture").write_bytes(b"\x89PNG\xff\xfe\n\xff")
    with pytest.raises(DataError, match="picture is not UTF-8 text"):
        column_names("picture")
    with pytest.raises(DataError, match=r"cannot read nowhere.csv \(No such file"):
        column_names("nowhere.csv")
    with pytest.raises(DataError, match="a list is not a table"):
        column_names([1])


def test_a_parquet_file_is_read_as_the_same_table_in_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    hours = np.datetime64("2026-11-02T00", "us") + np.arange(5) * np.timedelta64(3600, "s")
    columns = {"time": pyarrow.array(hours, pyarrow.timestamp("us", "Europe/Berlin")), "value": [1, None, 3, 4, 5]}
    parquet.write_table(pyarrow.table({**columns, "word": ["x", "y", None, "x", "y"]}), tmp_path / "t.parquet")
    rows = [f"{hour},{v},{w}" for hour, v, w in zip(hours, (1, "", 3, 4, 5), ("x", "y", "", "x", "y"), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["time,value,word", *rows]) + "\n")
    wanted: dict[str, Convert] = {"time": times, "value": numbers, "word": words}
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


def test_what_separates_cells_is_what_cuts_every_row_alike() -> None:
    for text, names in (
        ("Zeit;Last, MW;Preis, EUR\n01.02.2026;1,5;2,5\n02.02.2026;1,7;2,4\n", ["Zeit", "Last, MW", "Preis, EUR"]),
        ("time,tags\n2026-01-01,a;b\n2026-01-02,a;b;c\n", ["time", "tags"]),
        ("time\ta;b\n2026-01-01\t1\n", ["time", "a;b"]),
        ("time   load\n2026-01-01  5\n2026-01-02  6\n", ["time", "load"]),
        ("the load\n5\n6\n", ["the load"]),
        ('"a, b","c\nd"\n1,2\n', ["a, b", "c d"]),
        ("a,b,\n1,2,\n1,,\n", ["a", "b"]),
    ):
        assert column_names(written(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25 15:00,5\n2026-11-25 16:00,6\n",
        "2026-11-25,Berlin,5\n2026-11-26,Berlin,6\n",
        "1,5\n2,6\n",
        "5\n6\n",
        "01.02.2026;1,5\n02.02.2026;1,6\n",
        "Jul 2026,5\nAug 2026,6\n",
    ],
)
def test_a_first_row_of_values_is_no_head(text: str) -> None:
    with pytest.raises(
        DataError, match=r"holds values, not the names of columns: .* header no, and columns are called 1, 2"
    ):
        column_names(written(text))
    no, yes = (TableFormat(header=header) for header in ("no", "yes"))
    width = len(column_names("table.csv", yes))
    assert column_names("table.csv", no) == [str(i + 1) for i in range(width)]
    assert len(read_columns("table.csv", {"1": words}, no)["1"]) == 2
    assert len(read_columns("table.csv", {column_names("table.csv", yes)[0]: words}, yes)) == 1


@pytest.mark.parametrize("head", ["date,2019,2020", "Country,1/22/20,1/23/20", "x,y", "id,2026-01-01"])
def test_names_that_look_like_times_or_numbers_are_names(head: str) -> None:
    width = head.count(",") + 1
    rows = ",".join(["2026-01-01" if head.startswith("date") else "a", *["5"] * (width - 1)])
    assert column_names(written(f"{head}\n{rows}\n{rows}\n")) == head.split(",")


@pytest.mark.parametrize(
    ("cell", "flags", "meant"),
    [
        ("0,5", {"decimal": ","}, 0.5),
        ("-1.234,5", {"decimal": ",", "thousands": "."}, -1234.5),
        ("1,234.5", {"thousands": ","}, 1234.5),
        ("1 234,5", {"decimal": ",", "thousands": " "}, 1234.5),
        ("1\u202f234,5", {"decimal": ",", "thousands": " "}, 1234.5),
        ("1'234.5", {"thousands": "'"}, 1234.5),
        ("1.234.567", {"decimal": ",", "thousands": "."}, 1234567),
    ],
)
def test_a_number_as_others_write_it_is_noticed_proposed_and_read(
    cell: str, flags: dict[str, str], meant: float
) -> None:
    with pytest.raises(Unreadable) as raised:
        numbers([cell])
    for name, mark in flags.items():
        assert f"--{name} {mark if mark in '.,' else repr(mark)}" in raised.value.words
    assert numbers([cell, ""], how=TableFormat(**flags))[0] == meant  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["1.5", "1.23,4", "12,345.6", "1,5,6", "1.2345,6"])
def test_marks_that_cannot_stand_where_they_do_are_refused(cell: str) -> None:
    with pytest.raises(Unreadable, match="which is not a number"):
        numbers([cell], how=TableFormat(decimal=",", thousands="."))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"decimal": ";"}, "decimal ';' is not a decimal mark: give . or ,"),
        ({"decimal": ",", "thousands": ","}, "cannot go with the decimal mark ','"),
        ({"thousands": "x"}, "thousands 'x' cannot go"),
        ({"time_format": "%q"}, "time format '%q' cannot be"),
        ({"time_format": "%d/%m"}, "time format '%d/%m' has no year"),
        ({"time_zone": "Berlin"}, "did you mean 'Europe/Berlin'"),
        ({"time_zone": "../../etc/passwd"}, "unknown time zone '../../etc/passwd'"),
    ],
)
def test_a_format_that_cannot_be_is_refused(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TableFormat(**wrong)  # type: ignore[arg-type]


def test_what_is_often_taken_for_a_table_is_refused_by_what_it_is() -> None:
    for name, inside in (("book.xlsx", ["xl/workbook.xml", "a"]), ("two.zip", ["a.csv", "b.csv"]), ("none.zip", [])):
        with zipfile.ZipFile(name, "w") as archive:
            for member in inside:
                archive.writestr(member, TABLE)
    for name, said in (("book.xlsx", "is a workbook: save the sheet"), ("two.zip", "holds 2 files")):
        with pytest.raises(DataError, match=said):
            column_names(name)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(DataError, match="it is not a regular file"):
            column_names(name)
    Path("broken.gz").write_bytes(gzip.compress(TABLE.encode() * 99)[:-9] + b"x" * 9)
    with pytest.raises(DataError, match=r"cannot read broken\.gz"):
        read_columns("broken.gz", WANTED)


def test_a_file_without_lines_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE", 100_000)
    Path("zeros.csv").write_bytes(gzip.compress(b"0" * 10_000_000))
    with pytest.raises(DataError, match="has a line of more than 100,000 bytes"):
        column_names("zeros.csv")


def test_rows_are_read_and_counted_alike_whatever_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TABLE + "".join(f'2026-11-26 {h:02d}:00:00,"c\nd",{h}\n\n' for h in range(9)) + "2026-11-27,e,many\n"
    whole = read_columns(written(text.replace("many", "7")), WANTED)
    for at_once in (1, 4, 9):
        monkeypatch.setattr(separated, "CELLS", at_once)
        found = read_columns(written(text.replace("many", "7")), WANTED)
        assert all(np.array_equal(found[name], whole[name], equal_nan=name == "count") for name in WANTED)
        with pytest.raises(DataError, match="row 31: column 'count' holds 'many'"):
            read_columns(written(text), WANTED)
