"""The simple methods say what can be counted by hand, and popularity decides where they say nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.tasks.recommend.baselines import NextItem, Pairs, history

V = 5
# Sessions 0 1 2, 0 1, 3 1 2 and 4 0 0 1, as places.
READ = np.array([0, 1, 0, 3, 1, 4, 0, 0])
WANTED = np.array([1, 2, 1, 1, 2, 0, 0, 1])
BEGINS = np.array([0, 0, 2, 3, 3, 5, 5, 5])


@pytest.fixture
def counted() -> NextItem:
    return NextItem.fit([(READ, WANTED, BEGINS)], V)


def scores(counted: NextItem, method: str, *session: int) -> list[float]:
    """What a method says at the end of a session, behind another that must not matter."""
    read = np.array([3, 3, *session])
    begins = np.array([0, 0, *[2] * len(session)])
    found = counted.methods()[method](read, begins, len(read) - 1, len(read))
    assert found.shape == (1, V)
    return [round(float(score), 3) for score in found[0]]


def order(counted: NextItem, method: str, *session: int) -> list[int]:
    read, begins = np.array(session), np.zeros(len(session), int)
    found: Any = counted.methods()[method](read, begins, len(session) - 1, len(session))
    return [int(item) for item in np.argsort(-found[0], kind="stable")]


def test_supports_are_the_events_of_each_item(counted: NextItem) -> None:
    assert counted.supports.tolist() == [4, 4, 2, 1, 1]


def test_popularity_is_the_same_whatever_was_read(counted: NextItem) -> None:
    assert order(counted, "popularity", 4) == order(counted, "popularity", 0, 2) == [0, 1, 2, 3, 4]


def test_session_popularity_counts_what_the_session_had_so_far(counted: NextItem) -> None:
    assert scores(counted, "session popularity", 4, 2, 4) == [0, 0, 1, 0, 2]
    assert order(counted, "session popularity", 4, 2, 4) == [4, 2, 0, 1, 3]


def test_the_last_item_again_comes_before_all_others(counted: NextItem) -> None:
    assert order(counted, "last item again", 2, 3) == [3, 0, 1, 2, 4]


def test_a_markov_chain_counts_what_came_next(counted: NextItem) -> None:
    assert scores(counted, "Markov chain", 3, 0) == [1, 3, 0, 0, 0]
    assert scores(counted, "Markov chain", 1) == [0, 0, 2, 0, 0]
    assert order(counted, "Markov chain", 1) == [2, 0, 1, 3, 4]


def test_co_occurrence_counts_sessions_that_had_both(counted: NextItem) -> None:
    assert scores(counted, "co-occurrence", 4, 1) == [3, 0, 2, 1, 1]
    assert scores(counted, "co-occurrence", 0) == [0, 3, 1, 0, 1]


def test_item_knn_is_the_cosine_of_the_two_items(counted: NextItem) -> None:
    found = scores(counted, "item-kNN", 1)
    assert found == [0.75, 0, round(2 / 8**0.5, 3), 0.5, 0.5]


def test_counting_in_pieces_is_counting_at_once(counted: NextItem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.tasks.recommend.baselines.MERGED_PAIRS", 1)
    pieces = [(READ[a:b], WANTED[a:b], BEGINS[a:b] - a) for a, b in ((0, 2), (2, 5), (5, 8))]
    again = NextItem.fit(pieces, V)
    for one, other in ((counted.follows, again.follows), (counted.together, again.together)):
        assert one.keys.tolist() == other.keys.tolist()
        assert one.counts.tolist() == other.counts.tolist()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30), st.lists(st.integers(0, 4), max_size=6))
def test_rows_of_pairs_are_those_of_a_table(pairs: list[tuple[int, int]], items: list[int]) -> None:
    table = np.zeros((V, V))
    for item, other in pairs:
        table[item, other] += 1
    kept = Pairs.of([np.array([item * V + other for item, other in pairs], np.int64)])
    which, others, counts = kept.rows(np.array(items, np.int64), V)
    again = np.zeros((len(items), V))
    again[which, others] = counts
    assert again.tolist() == table[items].tolist()


def test_history_is_what_each_session_had_read() -> None:
    which, items = history(READ, BEGINS, 4, 7)
    found = [[int(item) for item in items[which == place]] for place in range(3)]
    assert found == [[3, 1], [4], [4, 0]]
