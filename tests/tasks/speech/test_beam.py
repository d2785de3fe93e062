"""The search against sums over all paths, and what guides it."""

import math
from itertools import product

import numpy as np
import pytest

from statewise.heads.ctc import collapsed
from statewise.tasks.speech.beam import Chances, Greedy, PrefixBeam, decoded
from statewise.tasks.speech.scorers import Grammar, HotWords

SPACE, A, B = 1, 2, 3


def drawn(steps: int, choices: int, seed: int = 0, sharp: float = 2.0) -> Chances:
    logits = np.random.default_rng(seed).normal(size=(steps, choices)) * sharp
    found: Chances = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


def by_hand(chances: Chances, blank: int = 0) -> dict[tuple[int, ...], float]:
    """The log-probability of every text, summed over all paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(chances.shape[1]), repeat=len(chances)):
        nats = float(sum(step[label] for step, label in zip(chances, path, strict=True)))
        labels = tuple(collapsed([*path], blank))
        found[labels] = float(np.logaddexp(found.get(labels, -math.inf), nats))
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("blank", [0, 2])
def test_a_wide_search_finds_the_sum_over_all_paths_of_every_text(seed: int, blank: int) -> None:
    chances = drawn(5, 3, seed, sharp=1.0)
    wanted = by_hand(chances, blank)
    heard = decoded(PrefixBeam(1000, blank=blank), chances)
    assert {one.labels: pytest.approx(one.nats) for one in heard} == wanted
    assert [one.worth for one in heard] == sorted((one.worth for one in heard), reverse=True)


def test_the_likeliest_text_need_not_be_that_of_the_likeliest_path() -> None:
    chances = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert decoded(Greedy(), chances)[0].labels == ()
    assert decoded(PrefixBeam(4), chances)[0].labels == (1,)


@pytest.mark.parametrize("width", [1, 3, 50])
def test_a_search_ends_on_chances_that_say_nothing(width: int) -> None:
    for decoder in (Greedy(), PrefixBeam(width)):
        heard = decoded(decoder, np.full((20, 5), -math.log(5)))
        assert len(heard) >= 1
        assert math.isfinite(heard[0].nats)
    assert decoded(PrefixBeam(width), np.zeros((0, 5)))[0].labels == ()


def test_labels_come_at_the_step_at_which_most_of_a_text_has_them() -> None:
    chances = np.log(np.full((6, 3), 0.01) + 0.0)
    for step, label in enumerate((0, 1, 0, 0, 2, 2)):
        chances[step, label] = math.log(0.98)
    for decoder in (Greedy(), PrefixBeam(5)):
        (best, *_) = decoded(decoder, chances)
        assert best.labels == (1, 2)
        assert best.steps == (1, 4)
        assert best.peaks == pytest.approx((0.98, 0.98))


def test_a_grammar_lets_whole_sentences_through_and_nothing_else() -> None:
    chances = drawn(6, 4, 3)
    grammar = Grammar([(A, B), (B, SPACE, A), (A,)])
    heard = decoded(PrefixBeam(100, [grammar]), chances)
    assert {one.labels for one in heard} == {(A, B), (B, SPACE, A), (A,)}
    wanted = by_hand(chances)
    for one in heard:
        assert one.nats == pytest.approx(wanted[one.labels])
    assert decoded(PrefixBeam(100, [Grammar([(A,) * 9])]), chances) == []


def worth_of(words: HotWords, labels: list[int]) -> float:
    state, total = words.begin(), 0.0
    for label in labels:
        nats, state = words.extend(state, label)
        total += nats
    return total + words.end(state)


@pytest.mark.parametrize(
    ("labels", "times"),
    [
        ([A, B], 1),
        ([A, B, SPACE, A, B], 2),
        ([A], 0),
        ([A, B, A], 0),
        ([B, A, B], 0),
        ([B, SPACE, A, B, SPACE, A], 1),
        ([A, A, B], 0),
        ([], 0),
    ],
)
def test_a_hot_word_counts_as_often_as_it_is_there_as_a_whole(labels: list[int], times: int) -> None:
    assert worth_of(HotWords([(A, B)], 3.0, SPACE), labels) == pytest.approx(3.0 * times)
    assert worth_of(HotWords([(A, B)], 0.0, SPACE), labels) == 0


@pytest.mark.parametrize(
    ("labels", "times"), [([4, 5], 1), ([4], 0), ([6, 4, 5, 6], 1), ([4, 4, 5], 1), ([4, 6, 5], 0)]
)
def test_a_hot_phrase_of_words_counts_where_its_words_follow_each_other(labels: list[int], times: int) -> None:
    assert worth_of(HotWords([(4, 5)], 3.0, None), labels) == pytest.approx(3.0 * times)


def test_a_hot_word_is_chosen_over_one_that_is_a_little_likelier() -> None:
    chances = np.log(np.array([[0.02, 0.02, 0.40, 0.56]]))
    assert decoded(PrefixBeam(8), chances)[0].labels == (B,)
    assert decoded(PrefixBeam(8, [HotWords([(A,)], 1.0, SPACE)]), chances)[0].labels == (A,)
