"""Events become the sessions that their rules say, in two parts that do not know of each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.data.code_file import CodeFile
from statewise.data.interactions.session_rows import Places, SessionRows, read_places
from statewise.data.interactions.session_table import (
    HELD_OUT,
    PLACE,
    RECORD,
    TRAINING,
    LogEvents,
    Rules,
    WrittenSessions,
    as_places,
    cut_sessions,
    write_sessions,
)
from statewise.errors import DataError

Row = tuple[int, int, float]


def events(*rows: Row) -> LogEvents:
    owner, items, times = zip(*rows, strict=True)
    return LogEvents(np.array(owner, np.uint64), np.array(items), np.array(times, float))


def records(*rows: Row) -> Any:
    return np.array([(owner, time, item) for owner, item, time in rows], RECORD)


def write(rows: list[Row], **rules: Any) -> tuple[WrittenSessions, list[list[int]], list[list[int]]]:
    written = write_sessions([events(*rows)], Rules(**rules), Path())
    return written, *(sessions_in(Path(name)) for name in (TRAINING, HELD_OUT))  # type: ignore[return-value]


def sessions_in(path: Path) -> list[list[int]]:
    """The sessions of a file, as lists of numbers, in any order."""
    found: list[list[int]] = []
    for places in read_places(CodeFile.whole(path, PLACE), 10**9):
        for read, wanted, position in zip(places.read, places.wanted, places.positions, strict=True):
            if position == 0:
                found.append([int(read)])
            assert found[-1][-1] == read
            found[-1].append(int(wanted))
    return sorted(found)


def test_sessions_are_cut_where_the_user_changes_or_a_gap_is_longer_than_allowed() -> None:
    rows = records((1, 10, 0.0), (2, 20, 1.0), (1, 11, 30.0), (1, 12, 91.0), (2, 21, 5.0))
    cut = cut_sessions(rows, 60.0)
    assert (cut.items.tolist(), cut.lengths.tolist()) == ([10, 11, 12, 20, 21], [2, 1, 2])
    assert (cut.begins.tolist(), cut.ends.tolist()) == ([0.0, 91.0, 1.0], [30.0, 91.0, 5.0])
    assert cut_sessions(rows, None).lengths.tolist() == [3, 2]


def test_unsorted_times_are_sorted_and_events_of_one_moment_keep_their_order() -> None:
    rows = records((1, 5, 9.0), (1, 7, 2.0), (1, 3, 2.0), (1, 9, 2.0), (1, 1, 0.0))
    assert cut_sessions(rows, None).items.tolist() == [1, 7, 3, 9, 5]


def test_an_event_that_is_there_twice_counts_once_but_an_item_may_come_back_later() -> None:
    rows = records((1, 5, 1.0), (1, 6, 1.0), (1, 5, 1.0), (1, 5, 2.0), (2, 5, 1.0))
    assert cut_sessions(rows, None).items.tolist() == [5, 6, 5, 5]


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=6), min_size=1, max_size=6))
def test_places_say_the_sessions_again(sessions: list[list[int]]) -> None:
    items = np.array([item for session in sessions for item in session])
    places = Places.of(as_places(items, np.array([len(session) for session in sessions])))
    again: list[list[int]] = []
    for read, wanted, position in zip(places.read, places.wanted, places.positions, strict=True):
        if not position:
            again.append([int(read)])
        again[-1].append(int(wanted))
    assert again == sessions
    assert places.sessions.tolist() == [i for i, session in enumerate(sessions) for _ in session[1:]]


def some_rows() -> list[Row]:
    """Sessions 1 to 9 of items 3 and 4 (and once 8), 10 seconds each, one a minute; the last also has item 6."""
    rows = [(owner, item, 60.0 * owner + 10 * i) for owner in range(1, 10) for i, item in enumerate((3, 4, 4))]
    return [*rows, (2, 8, 125.0), (9, 6, 555.0), (9, 6, 556.0)]


def test_the_last_sessions_to_begin_are_held_out_and_nothing_of_them_is_trained_on(tmp_path: Path) -> None:
    written, training, held_out = write(some_rows(), held_out=0.2, min_support=2)
    assert training == [[1, 0, 0]] * 7
    assert held_out == [[1, 0, 0]] * 2
    assert written.items.tolist() == [4, 3]
    assert written.supports.tolist() == [14, 7]
    facts = written.facts
    assert {name: facts[name] for name in ("events", "sessions", "items", "rare_items", "unseen_events")} == {
        "events": 30, "sessions": 9, "items": 2, "rare_items": 1, "unseen_events": 2,
    }  # fmt: skip
    assert (facts["training_sessions"], facts["training_events"]) == (7, 21)
    assert (facts["held_out_sessions"], facts["held_out_events"]) == (2, 6)
    assert facts["split_at"] == 480.0
    assert not list(tmp_path.glob(".shards-*"))


def test_a_session_across_the_split_is_in_neither_part() -> None:
    rows = [*some_rows(), (30, 3, 70.0), (30, 4, 481.0)]
    written, training, held_out = write(rows, held_out=0.2, min_support=1)
    assert written.facts["sessions_across_the_split"] == 1
    assert len(training) + len(held_out) == 9


def test_sessions_left_too_short_are_dropped_and_do_not_count_for_their_items() -> None:
    rows = [*some_rows(), (20, 3, 60.0), (21, 7, 61.0), (21, 7, 62.0)]
    written, training, _ = write(rows, held_out=0.2, min_support=3, shortest=3)
    assert all(len(session) >= 3 for session in training)
    assert written.supports.tolist() == [12, 6]


@pytest.mark.parametrize(
    ("rows", "rules", "words"),
    [
        ([(1, 3, 0.0), (1, 4, 1.0)], {}, "of 1 sessions none is left for the training part"),
        (
            [(w, i, w + 90.0 * i) for w in range(9) for i in (0, 1)],
            {"min_support": 1},
            "2 or more; 8 began before the time that parts them and ended at or after it: give more events",
        ),
        ([(w, w, float(w)) for w in range(9)], {}, "none is left for the training part, with items of at least 5"),
        ([(w, 3, 0.0) for w in range(9)], {"min_support": 1}, "none is left for the training part"),
    ],
)
def test_events_that_leave_nothing_to_predict_are_refused(rows: list[Row], rules: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        write(rows, **rules)


def test_no_events_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="there are no events"):
        write_sessions([], Rules(), Path())


def pack(sessions: list[list[int]]) -> CodeFile:
    items = np.array([item for session in sessions for item in session])
    Path("places").write_bytes(as_places(items, np.array([len(session) for session in sessions])).tobytes())
    return CodeFile.whole(Path("places"), PLACE)


def test_rows_run_through_their_sessions_and_are_reset_with_each() -> None:
    sessions = [[1, 2, 3, 4], [5, 6, 7], [8, 9, 10], [11, 12, 13, 14, 15, 16, 17]]
    windows = list(SessionRows(pack(sessions), rows=2, steps=4))  # 13 places: the last fills no stripe
    assert [window.inputs.T.tolist() for window in windows] == [[[1, 2, 3, 5], [9, 11, 12, 13]], [[6, 8], [14, 15]]]
    assert [window.targets.T.tolist() for window in windows] == [[[2, 3, 4, 6], [10, 12, 13, 14]], [[7, 9], [15, 16]]]
    resets = [window.reset.T.int().tolist() for window in windows if window.reset is not None]
    assert resets == [[[1, 0, 0, 1], [1, 1, 0, 0]], [[0, 1], [0, 0]]]


def test_windows_are_the_same_whatever_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = pack([[i, i + 1, i + 2] for i in range(40)])
    whole = list(SessionRows(codes, 3, 4))
    monkeypatch.setattr("statewise.data.interactions.session_rows.HELD_PLACES", 5)
    for one, other in zip(whole, SessionRows(codes, 3, 4), strict=True):
        assert all(a is b or bool((a == b).all()) for a, b in zip(one, other, strict=True))


def test_whole_sessions_are_read_whatever_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [[7, *range(length)] for length in (2, 9, 1, 4)]
    codes = pack(sessions)
    for held in (1, 3, 5, 100):
        monkeypatch.setattr("statewise.data.interactions.session_rows.HELD_PLACES", held)
        if held >= 9:
            assert sessions_in(codes.path) == sorted(sessions)
    assert sum(len(places.read) for places in read_places(codes, 6)) == 6


def test_sessions_too_few_for_a_window_of_every_row_are_refused() -> None:
    with pytest.raises(DataError, match=r"have 3 events to predict, but 2 rows of 2 steps need 4"):
        SessionRows(pack([[1, 2, 3, 4]]), rows=2, steps=2)
