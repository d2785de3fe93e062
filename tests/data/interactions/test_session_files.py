"""A log is made ready once, found again by what it holds, and made again where anything differs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statewise.data.interactions.event_log import LogColumns
from statewise.data.interactions.session_files import prepare_sessions, sessions_with
from statewise.data.interactions.session_rows import Places, read_places
from statewise.data.interactions.session_table import Rules
from statewise.errors import DataError, UsageError

RULES = Rules(gap_seconds=60.0, held_out=0.25, min_support=1)
ANY = LogColumns()


def write_log(path: str = "log.csv", users: int = 8, *, name: str = "user") -> None:
    lines = [f"{name},item,time"]
    for user in range(users):
        lines += [
            f"{user},{item},{1000 * user + 10 * n}" for n, item in enumerate(("x", "y", "z" if user % 2 else "x"))
        ]
        lines.append(f"{user},{'y'},{1000 * user + 500}")
        lines.append(f"{user},{'x'},{1000 * user + 510}")
    Path(path).write_text("\n".join(lines) + "\n")


def prepare(**how: Any) -> Any:
    given: dict[str, Any] = {"sources": ["log.csv"], "columns": ANY, "rules": RULES, "cache": Path("cache"), **how}
    return prepare_sessions(given["sources"], given["columns"], given["rules"], given["cache"])


def places(codes: Any) -> Places:
    return Places.joined(list(read_places(codes, 10**6)))


def test_users_are_cut_by_the_gap_and_sessions_that_are_named_are_not() -> None:
    write_log()
    assert prepare().facts["sessions"] == 16
    write_log(name="session")
    assert prepare().facts["sessions"] == 8


def test_the_second_time_nothing_is_read_but_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    write_log()
    first = prepare()
    with monkeypatch.context() as patch:
        patch.setattr("statewise.data.interactions.session_files.read_events", None)
        again = prepare()
    assert (again.codec, again.facts, again.training) == (first.codec, first.facts, first.training)
    assert prepare(rules=replace(RULES, held_out=0.5)).facts["held_out_sessions"] == 8
    write_log(users=12)
    assert prepare().facts["sha256"] != first.facts["sha256"]
    assert not list(Path("cache").glob(".*"))


def test_titles_and_features_stand_in_the_catalogue_and_untitled_items_are_called_by_their_id() -> None:
    write_log()
    Path("films.csv").write_text("item,title,genres\nx,Xanadu,musical|fantasy\ny,Yentl,musical\nq,Quest,war\n")
    codec = prepare(sources=["films.csv", "log.csv"]).codec
    named = dict(zip(codec.ids, zip(codec.titles, codec.features, strict=True), strict=True))
    assert named == {"x": ("Xanadu", ("musical", "fantasy")), "y": ("Yentl", ("musical",)), "z": ("z", ())}


def test_a_log_may_come_in_several_files() -> None:
    write_log(users=8)
    whole = prepare()
    lines = Path("log.csv").read_text().splitlines()
    Path("one.csv").write_text("\n".join(lines[:17]) + "\n")
    Path("two.csv").write_text("\n".join([lines[0], *lines[17:]]) + "\n")
    parts = prepare(sources=["one.csv", "two.csv"])
    assert parts.codec == whole.codec
    assert sorted(places(parts.training).read) == sorted(places(whole.training).read)


def test_other_logs_are_scored_whole_with_the_items_that_are_known() -> None:
    write_log()
    codec = prepare().codec
    Path("other.csv").write_text("user,item,time\n1,x,5\n1,new,6\n1,y,7\n2,new,8\n2,z,9\n3,z,1\n3,x,2\n")
    codes, facts = sessions_with(codec, ["other.csv"], ANY, RULES, Path("cache"))
    found = places(codes)
    pairs = {(codec.ids[read], codec.ids[wanted]) for read, wanted in zip(found.read, found.wanted, strict=True)}
    assert pairs == {("x", "y"), ("z", "x")}
    assert facts == {"held_out_events": 4, "held_out_sessions": 2, "unseen_events": 2, "held_out_duplicates": 0}
    Path("unknown.csv").write_text("user,item,time\n1,new,5\n1,newer,6\n")
    with pytest.raises(DataError, match="of 2 events none is left to score"):
        sessions_with(codec, ["unknown.csv"], ANY, RULES, Path("cache"))


def test_without_a_log_there_is_nothing_to_learn_from() -> None:
    Path("films.csv").write_text("item,title\nx,Xanadu\n")
    with pytest.raises(DataError, match=r"of films\.csv \(item, title\) says the time: name it with time, or"):
        prepare(sources=["films.csv"])


def test_a_missing_source_is_named_with_the_logs_that_come_by_name() -> None:
    with pytest.raises(UsageError, match=r"'nowhere.csv' is neither .* nor a corpus \(movielens-100k\): check it"):
        prepare(sources=["nowhere.csv"])
    with pytest.raises(UsageError, match="corpus 'python' holds a text: give a log of events, or movielens-100k"):
        prepare(sources=["python"])
    with pytest.raises(DataError, match=r"is a pattern that matches no file: give a log of events to learn from"):
        prepare(sources=["*.nothing"])
