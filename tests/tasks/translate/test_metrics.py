"""BLEU and chrF are those of sacrebleu, intervals follow from sentences, and IBM model 1 from its own equations."""

import itertools
from typing import Any

import numpy as np
import pytest
import sacrebleu

from statewise.tasks.translate.baselines import copies, from_memory, word_by_word
from statewise.tasks.translate.ibm1 import learned
from statewise.tasks.translate.metrics import bleu_by_length, bleu_of, difference, judged, tokenizer_for

REFERENCES = [["Le chat est là .", "Un chat est là."], ["Je suis ici, mon ami."], ["Il fait très beau ce matin."]]
TEXTS = ["Le chat est ici.", "Je suis ici, mon ami.", "Il fait beau ce matin."]


def test_a_corpus_has_the_bleu_and_chrf_of_sacrebleu_and_their_signatures() -> None:
    found = judged(TEXTS, REFERENCES, "fr")
    columns: Any = [[one[0] for one in REFERENCES], ["Un chat est là.", None, None]]
    metrics: Any = sacrebleu.metrics
    bleu = metrics.BLEU()
    assert found.bleu == pytest.approx(bleu.corpus_score(TEXTS, columns).score)
    assert found.chrf == pytest.approx(metrics.CHRF().corpus_score(TEXTS, columns).score)
    assert "tok:13a" in found.signature
    assert "nrefs:var" in found.signature
    assert bleu_of(found.counts) == pytest.approx(found.bleu)


def test_a_language_without_spaces_is_cut_by_a_tokenizer_of_its_own() -> None:
    assert tokenizer_for("zh") == "zh"
    assert tokenizer_for("ja") in ("ja-mecab", "char")
    assert tokenizer_for("pt-BR") == "13a"
    exact = judged(["我喜欢这只猫和那只狗"], [["我喜欢这只猫和那只鸟"]], "zh")
    as_words = judged(["我喜欢这只猫和那只狗"], [["我喜欢这只猫和那只鸟"]], "fr")
    assert "tok:zh" in exact.signature
    assert exact.bleu > 50 > as_words.bleu


def test_an_interval_holds_the_score_and_narrows_with_the_number_of_sentences() -> None:
    few, many = judged(TEXTS * 4, REFERENCES * 4, "fr").metrics, judged(TEXTS * 40, REFERENCES * 40, "fr").metrics
    for metrics in (few, many):
        assert metrics["bleu_low"] <= metrics["bleu"] <= metrics["bleu_high"]
    assert many["bleu_high"] - many["bleu_low"] < few["bleu_high"] - few["bleu_low"]


def test_the_paired_bootstrap_tells_better_from_the_same() -> None:
    one, other = judged(TEXTS * 20, REFERENCES * 20, "fr"), judged(["Je suis là"] * 60, REFERENCES * 20, "fr")
    apart, low, high = difference(one, other)
    assert low > 0
    assert low <= apart <= high
    assert difference(one, one) == (0.0, 0.0, 0.0)


def test_groups_by_length_hold_every_sentence_once() -> None:
    found = judged(TEXTS, REFERENCES, "fr")
    table = bleu_by_length(found, ["one two", "one two three four five six", "word " * 30])
    assert [row["sentences"] for row in table.values()] == [1, 1, 1]
    assert [*table] == ["1 to 4", "5 to 8", "21 or more"]
    assert table["5 to 8"]["bleu"] == pytest.approx(100.0)


def test_word_translations_are_those_worked_out_by_hand() -> None:
    sources = [["das", "Haus"], ["das", "Buch"], ["ein", "Buch"]]
    targets = [["the", "house"], ["the", "book"], ["a", "book"]]
    # Koehn 2010, figure 4.4: after one round and after two
    once, twice = learned(sources, targets, 1).odds, learned(sources, targets, 2).odds
    assert once["das", "the"] == pytest.approx(1 / 2)
    assert once["das", "house"] == pytest.approx(1 / 4)
    assert once["Buch", "book"] == pytest.approx(1 / 2)
    assert once["ein", "a"] == pytest.approx(1 / 2)
    assert twice["das", "the"] == pytest.approx(7 / 11)
    assert twice["Haus", "house"] == pytest.approx(4 / 7)
    for odds in (once, twice):
        for word in ("das", "Haus", "Buch", "ein"):
            assert sum(value for (source, _), value in odds.items() if source == word) == pytest.approx(1)


def test_more_rounds_never_make_the_texts_less_likely() -> None:
    dice = np.random.default_rng(0)
    sources = [[f"s{n}" for n in dice.integers(0, 7, dice.integers(1, 5))] for _ in range(40)]
    targets = [[f"t{word[1:]}" for word in source] for source in sources]

    def likelihood(rounds: int) -> float:
        odds, total = learned(sources, targets, rounds).odds, 0.0
        for source, target in zip(sources, targets, strict=True):
            total += sum(np.log(sum(odds[one, word] for one in source) / len(source)) for word in target)
        return total

    told = [likelihood(rounds) for rounds in range(1, 8)]
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(told))
    assert learned(sources, targets, 9).likeliest("s3") == "t3"
    assert learned(sources, targets).likeliest("never seen") == "never seen"


def test_simple_methods_translate_as_they_say() -> None:
    sources, targets = (
        ["The cat sees.", "The dog eats.", "A cat eats!"],
        ["Le chat voit.", "Le chien mange.", "Un chat mange !"],
    )
    asked = ["The cat eats.", "A dog sees."]
    assert copies(asked, sources, targets) == asked
    assert from_memory(["The dog eats", "A cat eat!"], sources, targets) == ["Le chien mange.", "Un chat mange !"]
    assert word_by_word(["Cat sees"], sources, targets) == ["Chat voit"]
