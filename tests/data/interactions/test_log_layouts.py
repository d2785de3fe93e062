"""Published logs are read as they are, by their layout; what is nearly such a layout is refused in one line."""

from pathlib import Path

import pytest

from statewise.data.interactions.event_log import LogColumns, Names, is_cut_by_session, is_log, read_events, read_titles
from statewise.data.interactions.session_files import prepare_sessions
from statewise.data.interactions.session_table import Rules
from statewise.errors import DataError, StatewiseError

DIGINETICA = (
    "session_id;user_id;item_id;timeframe;eventdate\n"
    "1;NA;81766;526309;2016-05-09\n1;NA;31331;1031018;2016-05-09\n1;NA;32118;243569;2016-05-09\n"
    "2;NA;100747;96956;2016-05-10\n2;NA;81766;1;2016-05-10\n"
)
YOOCHOOSE = (
    "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n"
    "2,2014-04-07T13:56:37.614Z,214662742,7\n2,2014-04-07T13:57:19.373Z,214536502,0\n"
)
PURCHASES = "420374,2014-04-06T18:44:58.314Z,214537888,12462,1\n420374,2014-04-06T18:44:58.325Z,214537850,10471,1\n"
RETAIL_ROCKET = (
    "timestamp,visitorid,event,itemid,transactionid\n"
    "1433221332117,257597,view,355908,\n1433224214164,992329,view,248676,\n1433221999827,257597,transaction,10,77\n"
)
REES46 = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00\n"
    "2019-10-01 00:00:05 UTC,cart,3900821,2053013552326770905,appliances,aqua,33.20,541312140,72d76fde-8bb3-4e00\n"
    "2019-10-01 00:00:01 UTC,view,17200506,2053013559792632471,,,543.10,519107250,566511c2-e2e3-422b\n"
)
ML_1M, ML_1M_FILMS = (
    "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n",
    "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n661::Am\xe9lie, Part 1 (1996)::Animation|Children's\n",
)
ML_LATEST, ML_LATEST_FILMS = (
    "userId,movieId,rating,timestamp\n1,1193,4.0,964982703\n1,661,4.0,964981247\n2,1193,3.5,1445714835\n",
    'movieId,title,genres\n1193,"Net, The (1995)",Drama|Thriller\n661,Toy Story (1995),Animation\n',
)
FLAGS = "|".join(["0", "1"] + ["0"] * 17)
ML_100K, ML_100K_FILMS = (
    "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t302\t1\t878887116\n",
    f"242|Kolya (1996)|24-Jan-1997||http://us.imdb.com/M/title-exact?Kolya|{FLAGS}\n302|Am\xe9lie (2001)|||x|{FLAGS}\n",
)
MBID = "f1b1cf71-bd35-4e99-8624-24a6e15f133a"
LAST_FM = (
    f'user_000001\t2009-05-04T23:08:57Z\t{MBID}\tDeep "Dish\t\tFuck Me Im\n'
    f"user_000001\t2009-05-04T13:54:10Z\t\t坂本龍一\t\tComposition 0919\nuser_000002\t2009-05-03T15:48:25Z\t\tDeep "
    '"Dish\t\tOn\n'
)


def kept(text: str, name: str = "log", encoding: str = "utf-8") -> Path:
    Path(name).write_text(text, encoding=encoding)
    return Path(name)


def sessions(path: Path) -> list[list[str]]:
    """Return the items of each session or user, by time, those of the first in the file first."""
    names, found = Names(), dict[int, list[tuple[float, int]]]()
    for piece in read_events(path, LogColumns(), names):
        for owner, item, time in zip(piece.owner.tolist(), piece.items.tolist(), piece.times.tolist(), strict=True):
            found.setdefault(owner, []).append((time, item))
    called = list(names.numbers)
    return [[called[item] for _, item in sorted(events)] for events in found.values()]


@pytest.mark.parametrize(
    ("text", "wanted", "is_named"),
    [
        (DIGINETICA, [["32118", "81766", "31331"], ["81766", "100747"]], True),
        (YOOCHOOSE, [["214536502", "214536500"], ["214662742", "214536502"]], True),
        (PURCHASES, [["214537888", "214537850"]], True),
        (RETAIL_ROCKET, [["355908", "10"], ["248676"]], False),
        (REES46, [["44600062", "3900821"], ["17200506"]], True),
        (ML_1M, [["1193", "661"], ["1193"]], False),
        (ML_LATEST, [["661", "1193"], ["1193"]], False),
        (ML_100K, [["302", "242"], ["302"]], False),
        (LAST_FM, [["坂本龍一", 'Deep "Dish'], ['Deep "Dish']], False),
    ],
)
def test_a_published_log_is_read_as_it_is_whatever_its_name(text: str, wanted: list[list[str]], is_named: bool) -> None:
    path = kept(text)
    assert is_log(path, LogColumns())
    assert sessions(path) == wanted
    assert is_cut_by_session(path, LogColumns()) == is_named
    marked = kept("\ufeff" + text, "marked")
    assert (is_log(marked, LogColumns()), sessions(marked)) == (True, wanted), "a byte order mark is no part of it"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (ML_1M_FILMS, "Amélie, Part 1 (1996)"),
        (ML_LATEST_FILMS, "Toy Story (1995)"),
        (ML_100K_FILMS, "Amélie (2001)"),
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_titles_of_films_are_read_as_they_are_written(text: str, title: str, encoding: str) -> None:
    path = kept(text, "films", encoding)
    assert not is_log(path, LogColumns())
    found = read_titles(path, None)
    assert title in found.titles.values()


def test_a_log_and_its_films_become_sessions_with_titles() -> None:
    rows = "".join(f"{user}::{item}::5::{978300760 + 100 * user + item}\n" for user in range(1, 9) for item in (1, 2))
    films = "1::Toy Story (1995)::Animation\n2::Jumanji (1995)::Adventure|Fantasy\n"
    given = [str(kept(rows, "ratings.dat")), str(kept(films, "movies.dat"))]
    made = prepare_sessions(given, LogColumns(), Rules(1800.0, 0.3, 1, 2), Path("cache"))
    assert set(made.codec.titles) == {"Toy Story (1995)", "Jumanji (1995)"}
    assert made.codec.kinds == ["Adventure", "Animation", "Fantasy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (YOOCHOOSE + "3,yesterday,1,0\n", r"row 5 holds 'yesterday' where timestamp was wanted, .* clicks as of Yooch"),
        (YOOCHOOSE.replace(",S", ""), r"row 2 has 3 cells, not 4, and the rows above it are clicks as of Yoochoose"),
        (ML_1M + "3::5::9::978300760\n", r"row 4 holds '9' where rating was wanted"),
        (ML_100K + "3 5 2 978300760\n", r"row 4 has 1 cells, not 4"),
        (LAST_FM + "user_000003\tnow\t\tA\t\tB\n", r"row 4 holds 'now' where timestamp was wanted"),
        (DIGINETICA + "3;NA;7;soon;2016-05-09\n", r"row 7: column 'timeframe' holds 'soon'"),
        (DIGINETICA + "3;NA;7;-4;2016-05-09\n", r"row 7 has no number from 0 under 'timeframe'"),
        (REES46 + "2019-10-01 00:00:09,view,1,1,,,1.0,2,a\n", r"row 5: column 'event_time' has no offset from UTC"),
        ("1::2::3\n", r"no column of .* says the time"),
        ("1,yesterday,2,0\n2,today,3,0\n", r"no column of .* says the time"),
    ],
)
def test_what_is_nearly_such_a_layout_is_refused_in_one_line(text: str, message: str) -> None:
    path = kept(text)
    with pytest.raises((DataError, StatewiseError), match=message) as refused:
        prepare_sessions([str(path)], LogColumns(), Rules(), Path("cache"))
    assert "\n" not in str(refused.value)
