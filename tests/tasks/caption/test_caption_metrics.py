"""BLEU, CIDEr-D and ROUGE-L: by values worked out by hand, and equal to the tool that the field uses."""

import math
import random

import numpy as np
import pytest

from statewise.tasks.caption.metrics import bleu, cider_d, interval, judged_captions, rouge_l, words_of


def test_words_are_cut_alike_whatever_stands_around_them() -> None:
    assert words_of("A well-known dog.") == words_of("a well-known dog") == ["a", "well-known", "dog"]
    assert words_of("He's 3.5 m tall; isn't he?") == ["he", "'s", "3.5", "m", "tall", "is", "n't", "he"]
    assert words_of("?!") == []


def test_bleu_by_hand() -> None:
    said = ["the", "the", "cat", "sat"]
    wanted = [["the", "cat", "sat", "down", "here"]]
    one, two = bleu([said], [wanted])[:2]
    brevity = math.exp(1 - 5 / 4)
    assert one == pytest.approx(100 * brevity * 3 / 4)
    assert two == pytest.approx(100 * brevity * math.sqrt(3 / 4 * 2 / 3))


def test_bleu_is_of_all_captions_together_and_not_the_mean_of_each() -> None:
    said, wanted = [["a"], ["b", "c", "d"]], [[["a"]], [["x", "y", "z"]]]
    assert bleu(said, wanted)[0] == pytest.approx(100 * 1 / 4)


def test_cider_by_hand() -> None:
    said = [["a", "dog"], ["a", "cat"]]
    wanted = [[["a", "dog"]], [["a", "bird"]]]
    ciders, same = cider_d(said, wanted)
    # "a" is in both and weighs nothing; of one word and of two the first caption is perfect, of three there is none
    assert ciders.tolist() == pytest.approx([5.0, 0.0])
    assert same == 0


def test_a_perfect_caption_of_one_picture_is_not_zero() -> None:
    ciders, _ = cider_d([["a", "red", "dog", "runs"]], [[["a", "red", "dog", "runs"]]])
    assert ciders.tolist() == pytest.approx([10.0])


def test_pictures_whose_references_say_what_all_say_are_counted() -> None:
    _, same = cider_d([["a"], ["b"]], [[["a"]], [["a"]]])
    assert same == 2


def test_references_that_are_the_same_do_not_raise_it() -> None:
    said, others = ["a dog runs", "a cat"], ["a bird flies"]
    once = judged_captions(said, [["A dog runs.", "the animal moves"], others])
    thrice = judged_captions(said, [["A dog runs.", "a dog runs", "A DOG RUNS", "the animal moves"], others])
    assert once.metrics == thrice.metrics


def test_a_word_that_training_never_saw_stays_in_the_reference() -> None:
    short = judged_captions(["a dog", "x"], [["a dog zyzzyva"], ["y"]])
    whole = judged_captions(["a dog", "x"], [["a dog"], ["y"]])
    assert short.cider < whole.cider
    assert short.rouge < whole.rouge


def test_rouge_by_hand() -> None:
    precision, recall = 2 / 3, 2 / 4
    wanted = (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)
    assert rouge_l(["the", "dog", "ran"], [["the", "old", "dog", "slept"]]) == pytest.approx(wanted)
    assert rouge_l([], [["a"]]) == 0.0


def test_an_interval_holds_the_mean() -> None:
    values = np.random.default_rng(0).normal(3, 1, 50)
    low, high = interval(values)
    assert low < values.mean() < high


def test_how_varied_captions_are_is_told() -> None:
    found = judged_captions(["a dog", "A dog.", "a red cat"], [["a"], ["b"], ["c"]])
    assert found.distinct == 2
    assert found.words == pytest.approx(7 / 3)


def drawn() -> tuple[list[list[str]], list[list[list[str]]]]:
    dice, known = random.Random(0), [*"abcdefghijkl"]
    wanted = [
        [[dice.choice(known) for _ in range(dice.randint(1, 12))] for _ in range(dice.randint(1, 5))] for _ in range(40)
    ]
    said = []
    for own in wanted:
        words = list(dice.choice(own))
        for _ in range(dice.randint(0, 3)):
            words.insert(dice.randrange(len(words) + 1), dice.choice(known))
        said.append(words[dice.randint(0, 1) :] or ["a"])
    return said, wanted


@pytest.mark.peers
def test_all_of_it_equals_pycocoevalcap() -> None:
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    said, wanted = drawn()
    captions = {at: [" ".join(one)] for at, one in enumerate(said)}
    references = {at: [" ".join(other) for other in own] for at, own in enumerate(wanted)}
    scorer = BleuScorer(n=4)
    for at, own in references.items():
        scorer += (captions[at][0], own)
    theirs, _ = scorer.compute_score(option="closest", verbose=0)
    assert [100 * value for value in theirs] == pytest.approx(list(bleu(said, wanted)), abs=1e-6)
    mean, each = Cider().compute_score(references, captions)
    ciders, _ = cider_d(said, wanted)
    np.testing.assert_allclose(ciders, each, atol=1e-6)
    assert float(ciders.mean()) == pytest.approx(float(mean), abs=1e-6)
    mean, _ = Rouge().compute_score(references, captions)
    assert np.mean([rouge_l(one, own) for one, own in zip(said, wanted, strict=True)]) == pytest.approx(mean, abs=1e-6)
