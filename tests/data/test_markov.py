"""What a source makes is as frequent as its odds say, and what it says of places is what it made them by."""

import numpy as np
import pytest

from statewise.data.markov import MarkovSource


def test_items_after_a_pair_are_as_frequent_as_its_odds() -> None:
    source = MarkovSource(4, noise=0.2, seed=3)
    found = source.sessions(30_000, 5)
    pairs = np.stack([found[:, 1:-2], found[:, 2:-1], found[:, 3:]], axis=-1).reshape(-1, 3)
    for a, b in ((0, 0), (1, 3), (2, 1)):
        here = pairs[(pairs[:, 0] == a) & (pairs[:, 1] == b), 2]
        share, odds = np.bincount(here, minlength=4) / len(here), source.odds[a, b]
        assert np.all(np.abs(share - odds) < 5 * np.sqrt(odds * (1 - odds) / len(here)))


def test_the_second_item_follows_the_first_alone() -> None:
    source = MarkovSource(4, seed=3)
    found = source.sessions(40_000, 3, seed=1)
    second = found[found[:, 0] == 2, 1]
    share, odds = np.bincount(second, minlength=4) / len(second), source.odds[4, 2]
    assert np.all(np.abs(share - odds) < 5 * np.sqrt(odds * (1 - odds) / len(second)))


def test_scores_at_places_are_the_odds_of_their_pairs() -> None:
    source = MarkovSource(5)
    read, begins = np.array([1, 2, 4, 3, 0]), np.array([0, 0, 0, 3, 3])
    assert source.scores(read, begins, 1, 5) == pytest.approx(
        np.stack([source.odds[1, 2], source.odds[2, 4], source.odds[5, 3], source.odds[3, 0]])
    )


def test_seeds_are_heeded() -> None:
    assert np.array_equal(MarkovSource(5).sessions(3, 4), MarkovSource(5).sessions(3, 4))
    assert not np.array_equal(MarkovSource(5).sessions(3, 4, seed=1), MarkovSource(5).sessions(3, 4))
    assert not np.array_equal(MarkovSource(5, seed=1).odds, MarkovSource(5).odds)
