"""Logs are read by what their columns are called, and what they lack is said with the row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.interactions.event_log import (
    LogColumns,
    Names,
    find_column,
    is_log,
    moment,
    read_events,
    read_titles,
)
from statewise.data.tables.table_format import TableFormat
from statewise.errors import DataError, StatewiseError, UsageError

ANY = LogColumns()
ROWS = "session_id,item_id,timestamp\ns1,a,10\ns1,b,20\ns2,a,15\n"


def log(text: str, name: str = "log.csv") -> Path:
    Path(name).write_text(text)
    return Path(name)


def read(path: Path, columns: LogColumns = ANY, names: Names | None = None) -> list[tuple[Any, ...]]:
    names = names or Names()
    found = []
    for piece in read_events(path, columns, names):
        found += list(zip(piece.owner.tolist(), piece.items.tolist(), piece.times.tolist(), strict=True))
    return found


def test_events_give_user_item_and_time() -> None:
    names = Names()
    events = read(log(ROWS), names=names)
    assert [(item, time) for _, item, time in events] == [(0, 10.0), (1, 20.0), (0, 15.0)]
    assert events[0][0] == events[1][0] != events[2][0]
    assert list(names.numbers) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        ROWS.replace(",", "\t"),
        ROWS.replace(",", ";"),
        ROWS.replace("session_id,item_id,timestamp", "SessionId,ItemId,Time"),
        ROWS.replace("session_id,item_id,timestamp", "user_id:token,item_id:token,timestamp:float"),
        "\ufeff" + ROWS.replace("\n", "\r\n"),
        ROWS + "\n\n",
    ],
)
def test_a_log_reads_the_same_however_it_is_separated_and_its_columns_are_called(text: str) -> None:
    assert read(log(text)) == read(log(ROWS, "plain.csv"))


def test_ids_that_a_table_program_made_floats_are_the_ids_they_were() -> None:
    names = Names()
    floats = read(log("user,item,time\n1.0,12.0,5.0\n1,12,6\n"), names=names)
    assert list(names.numbers) == ["12"]
    assert floats[0][0] == floats[1][0]


def test_dates_are_seconds_of_utc() -> None:
    dated = "user,item,date\nu,a,1970-01-01T00:01:00Z\nu,b,1970-01-01T02:01:00+01:00\n"
    assert [time for _, _, time in read(log(dated))] == [60.0, 3660.0]
    assert moment(60.0) == "1970-01-01 00:01:00"


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_times_are_seconds_whatever_unit_a_log_counts_in(unit: int) -> None:
    rows = "".join(f"u,{item},{(1764082800 + 90 * i) * unit}\n" for i, item in enumerate("abc"))
    assert [time for _, _, time in read(log("user,item,time\n" + rows))] == [1764082800.0, 1764082890.0, 1764082980.0]
    with pytest.raises(DataError, match=r"row 5: column 'time' .* is in .* where those above are in"):
        read(log("user,item,time\n" + rows + f"u,d,{1764082800 * (unit * 1000 if unit < 10**9 else 1)}\n"))


def test_a_log_is_read_as_others_write_tables() -> None:
    how = TableFormat(decimal=",", time_format="%d/%m/%y %H:%M", time_zone="Europe/Berlin")
    path = log("user;item;time;rating\nu;a;01/07/26 12:00;4,5\nu;b;01/12/26 12:00;3,5\n")
    found = read(path, LogColumns(min_weight=4, how=how))
    assert [moment(time) for _, _, time in found] == ["2026-07-01 10:00:00"]
    assert [moment(time) for _, _, time in read(path, LogColumns(how=how))][1] == "2026-12-01 11:00:00"


def test_columns_of_any_name_can_be_named() -> None:
    path = log("wer,was,wann\nu,a,1\n")
    assert len(read(path, LogColumns(user="wer", item="was", time="wann"))) == 1
    with pytest.raises(UsageError, match=r"log\.csv: unknown column 'wan': did you mean 'wann'"):
        read(path, LogColumns(user="wer", item="was", time="wan"))
    with pytest.raises(UsageError, match=r"has no column that says the session or user among wer, was, wann: name it"):
        read(path)


def test_only_events_of_some_types_and_weights_are_read() -> None:
    path = log("user,item,time,event,rating\nu,a,1,view,5\nu,b,2,buy,1\nu,c,3,buy,4\nu,d,4,cart,\n")
    assert [time for *_, time in read(path, LogColumns(types=("buy", "cart")))] == [2.0, 3.0, 4.0]
    assert [time for *_, time in read(path, LogColumns(types=("buy",), min_weight=2))] == [3.0]
    with pytest.raises(UsageError, match="no column that says the type"):
        read(log(ROWS), LogColumns(types=("buy",)))


def test_a_weight_that_is_no_number_is_named_with_the_setting_that_asks_for_it() -> None:
    path = log("user,item,time,rating\nu,a,1,5\nu,b,2,good\n")
    with pytest.raises(DataError, match=r"row 3: column 'rating' holds 'good', .*: mend it, or leave out min_weight"):
        read(path, LogColumns(min_weight=2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("session,item,time\ns,a,1\n,b,2\n", "row 3 has nothing under 'session': mend it, or leave the row out"),
        ("session,item,time\ns, ,1\n", "row 2 has nothing under 'item'"),
        ("session,item,time\ns,a,nan\n", "row 2: column 'time' is empty where a time was wanted"),
        ("session,item,time\ns,a,soon\n", r"row 2: column 'time' holds 'soon', which is not a time"),
        (
            "session,item,time\ns,a,1\ns,b,soon\n",
            "row 3: column 'time' holds 'soon', which is not a number as those above are: mend it, or leave out",
        ),
        ("session,item,time\ns,a,1\ns,b\n", "row 3 has 2 cells, not 3"),
        ("session,item,time\ns," + "x" * 10_000_000 + ",1\n", "cannot be read as a table .field larger than"),
        ("", "is empty: give a table"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line_with_its_row(text: str, words: str) -> None:
    with pytest.raises(StatewiseError, match=words) as caught:
        read(log(text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_bytes_that_are_no_text_are_refused() -> None:
    Path("log.csv").write_bytes(b"session,item,time\ns,\xff\xfe,1\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        read(Path("log.csv"))


def test_other_items_than_those_of_a_catalogue_have_no_number() -> None:
    assert [item for _, item, _ in read(log(ROWS), names=Names(["b"], grows=False))] == [-1, 0, -1]


def test_titles_come_with_their_year_and_features_as_a_list() -> None:
    films = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    path = log(films + "1\tToy  Story\t1995\tAnimation Children's\n2\tHeat (1995)\t1995\t\n3.0\tM\t\tCrime|Drama\n")
    titles, features = read_titles(path, None)
    assert titles == {"1": "Toy Story (1995)", "2": "Heat (1995)", "3": "M"}
    assert features == {"1": ("Animation", "Children's"), "2": (), "3": ("Crime", "Drama")}
    assert not is_log(path, LogColumns())
    assert is_log(log(ROWS, "events.csv"), LogColumns())
    assert find_column(path, "title") == "movie_title:token_seq"


def test_a_table_that_is_neither_a_log_nor_has_titles_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"neither a log of events, .* nor a table of items with titles: it has item, size"
    ):
        read_titles(log("item,size\n1,2\n"), None)


def test_times_are_kept_to_parts_of_a_second() -> None:
    assert np.isclose(read(log("user,item,time\nu,a,1.25\n"))[0][2], 1.25)
