"""Ranks never flatter, measures are their equations, and intervals hold the mean of what they were drawn from."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
import torch

from statewise.tasks.recommend.list_metrics import JudgedLists, by_position, judge, measures
from statewise.tasks.shared.resampling import bootstrap


def last(scoring: Generator[float, None, JudgedLists]) -> tuple[list[float], JudgedLists]:
    fractions = []
    while True:
        try:
            fractions.append(next(scoring))
        except StopIteration as done:
            return fractions, done.value


def judged(scores: Any, wanted: list[int], k: int = 2) -> JudgedLists:
    given = torch.tensor(scores)
    return last(judge(lambda start, stop: given[start:stop], np.array(wanted), k, given.shape[1]))[1]


def test_the_rank_is_how_many_items_are_not_below_the_wanted_one() -> None:
    found = judged([[0.1, 0.9, 0.5, 0.3], [4.0, 3.0, 2.0, 1.0]], [2, 3])
    assert found.ranks.tolist() == [2, 4]
    assert found.lists.tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), float("-inf")])
def test_a_model_that_gives_all_items_one_score_ranks_the_wanted_one_last(value: float) -> None:
    assert judged([[value] * 5], [3]).ranks.tolist() == [5]


def test_the_places_done_at_once_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    scores, wanted = torch.randn(11, 6), np.arange(11) % 6
    whole = last(judge(lambda a, b: scores[a:b], wanted, 3, 6))[1]
    monkeypatch.setattr("statewise.tasks.recommend.list_metrics.BLOCK_SCORES", 13)
    fractions, pieces = last(judge(lambda a, b: scores[a:b], wanted, 3, 6))
    assert whole.ranks.tolist() == pieces.ranks.tolist()
    assert whole.lists.tolist() == pieces.lists.tolist()
    assert fractions == pytest.approx([2 / 11, 4 / 11, 6 / 11, 8 / 11, 10 / 11, 1.0])


def test_measures_are_means_with_intervals_around_them() -> None:
    found = JudgedLists(np.array([1, 2, 4, 9]), np.array([[0, 1, 2, 3]] * 4))
    values = measures(found, np.array([0, 1, 3, 5]), np.array([0, 0, 1, 1]), np.array([9, 8, 7, 6, 5, 4]))
    assert values["recall_at_4"] == pytest.approx(3 / 4)
    assert values["mrr_at_4"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 4)
    assert values["ndcg_at_4"] == pytest.approx((1 + 1 / np.log2(3) + 1 / np.log2(5)) / 4)
    assert values["coverage_at_4"] == pytest.approx(4 / 6)
    for name in ("recall_at_4", "mrr_at_4", "ndcg_at_4"):
        assert values[f"{name}_low"] <= values[name] <= values[f"{name}_high"]
    assert (values["recall_at_4_low"], values["recall_at_4_high"]) == (0.5, 1.0)


def test_lists_of_what_is_wanted_have_no_popularity_bias_and_lists_of_the_most_frequent_have() -> None:
    supports, wanted, sessions = np.array([9, 5, 3, 1]), np.array([1, 2]), np.array([0, 1])
    alike = measures(JudgedLists(np.array([1, 1]), np.array([[1], [2]])), wanted, sessions, supports)
    popular = measures(JudgedLists(np.array([2, 3]), np.array([[0], [0]])), wanted, sessions, supports)
    assert alike["popularity_bias_at_1"] == 0
    assert popular["popularity_bias_at_1"] == pytest.approx(1.0 - 0.5)


def test_an_interval_is_of_sessions_not_of_their_places() -> None:
    random = np.random.default_rng(1)
    of_sessions = random.random(40)
    narrow = bootstrap(np.repeat(of_sessions, 25), np.arange(1000))
    wide = bootstrap(np.repeat(of_sessions, 25), np.repeat(np.arange(40), 25))
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    exact = 2 * 1.96 * of_sessions.std() / 40**0.5
    assert wide[1] - wide[0] == pytest.approx(exact, rel=0.15)
    assert bootstrap(of_sessions, np.arange(40)) == bootstrap(of_sessions, np.arange(40))


def test_places_are_told_apart_by_how_much_of_the_session_was_read() -> None:
    found = by_position(JudgedLists(np.array([1, 1, 9, 9, 1]), np.zeros((5, 2), int)), np.array([0, 0, 1, 55, 60]))
    assert list(found) == ["1", "2", "50+"]
    assert [found[label]["places"] for label in found] == [2, 1, 2]
    assert [found[label]["recall_at_2"] for label in found] == [1.0, 0.0, 0.5]
