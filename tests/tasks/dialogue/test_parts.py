"""The parts of dialogue by values worked out by hand: metrics, confidences, simple methods, lists, the split."""

import numpy as np
import pytest
import torch
from made_bots import BOT

from statewise.data.utterances.bot_reading import read_bot
from statewise.data.utterances.prepared_utterances import made_up_utterances
from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE, SampleUtterance, SlotSpan
from statewise.data.utterances.value_lists import ValueLists
from statewise.tasks.dialogue.baselines import TfIdfRegression, WordCRF, told_by
from statewise.tasks.dialogue.calibration import calibration_error, fitted_temperature
from statewise.tasks.dialogue.metrics import Told, measured, scored
from statewise.underway import returned


def said(text: str, intent: str, **slots: str) -> SampleUtterance:
    spans = tuple(SlotSpan(text.index(w), text.index(w) + len(w), name) for name, w in slots.items())
    return SampleUtterance(text, intent, spans)


def test_a_sentence_is_right_where_intent_and_all_slots_are() -> None:
    wanted = [said("a b", "i", x="a"), said("a b", "i", x="a", y="b"), said("c", "j"), said("d", OUT_OF_SCOPE)]
    told = [
        Told("i", 0.9, frozenset({(0, 1, "x")}), 0.9),
        Told("i", 0.8, frozenset({(0, 1, "x"), (2, 3, "x")}), 0.8),
        Told("i", 0.7, frozenset(), 0.7),
        Told(OUT_OF_SCOPE, 0.6, frozenset(), 0.2),
    ]
    found = measured(scored(told, wanted))
    assert found["sentence_accuracy"] == 0.5
    assert found["intent_accuracy"] == pytest.approx(2 / 3)
    assert (found["slot_precision"], found["slot_recall"], found["slot_f1"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert found["out_of_scope_recall"] == found["out_of_scope_recall_at_95"] == 1.0


def test_f1_is_that_of_nervaluate() -> None:
    nervaluate = pytest.importorskip("nervaluate")
    wanted = [said("to new york by train", "i", to="new york", by="train"), said("at noon", "i", at="noon")]
    told = [
        Told("i", 1, frozenset({(3, 11, "to"), (15, 20, "to")}), 1),
        Told("i", 1, frozenset({(0, 7, "at")}), 1),
    ]
    gold = [[{"label": s.slot, "start": s.begin, "end": s.end} for s in one.slots] for one in wanted]
    ours = [[{"label": n, "start": b, "end": e} for b, e, n in sorted(one.slots)] for one in told]
    evaluated = nervaluate.Evaluator(gold, ours, tags=["to", "by", "at"], loader="default").evaluate()
    strict = evaluated["overall"]["strict"]
    assert measured(scored(told, wanted))["slot_f1"] == pytest.approx(strict.f1)


def test_the_temperature_makes_confidences_right() -> None:
    dice = np.random.default_rng(0)
    odds = dice.normal(size=(4000, 3))
    shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    codes = np.array([dice.choice(3, p=p) for p in shares])
    assert fitted_temperature(odds * 2.5, codes) == pytest.approx(2.5, rel=0.1)
    sure = shares.max(axis=1)
    assert calibration_error(sure, shares.argmax(axis=1) == codes) < 0.03


def test_logistic_regression_is_that_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    text = pytest.importorskip("sklearn.feature_extraction.text")
    training = read_bot(BOT.encode(), "bot.yaml").utterances
    ours = TfIdfRegression.fitted(training)
    vectors = text.TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"[^\W\d_]+|\d+|[^\w\s]|_")
    given = vectors.fit_transform([one.text for one in training])
    theirs = linear.LogisticRegression(C=5.0, max_iter=3000, tol=1e-8, fit_intercept=True)
    theirs.fit(given, [one.intent for one in training])
    asked = ["can i have a big pizza", "a room for tomorrow please", "when do you open", "sing it"]
    wanted = theirs.predict_proba(vectors.transform(asked))
    assert ours.names == list(theirs.classes_)
    assert np.abs(ours.chances(asked).numpy() - wanted).max() < 0.02


def test_a_crf_on_word_features_finds_slots_and_leaves_random_numbers_alone() -> None:
    training = [
        said(f"a {size} pizza with {top}", "i", size=size, top=top)
        for size in ("big", "small", "tiny")
        for top in ("ham", "corn", "eggs")
    ]
    before = torch.get_rng_state()
    field = returned(WordCRF.fitting(training * 6, ["size", "top"]))
    assert torch.equal(torch.get_rng_state(), before)
    regression = TfIdfRegression.fitted([*training, said("hello there", "j")])
    (found,) = told_by(regression, field, ["a tiny pizza with corn"], 0.1)
    assert found.intent == "i"
    assert found.slots == {(2, 6, "size"), (18, 22, "top")}


def test_a_list_marks_its_longest_values_and_more_may_be_added() -> None:
    lists = ValueLists(("city", "size"), {"city": ("new york", "york"), "size": ("big",)})
    marks = lists.marks_of(["in", "New", "York", "big"])
    assert marks == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert lists.with_values({"size": ["in"]}).marks_of(["in"]) == [[0, 0, 1, 0]]


def test_made_up_utterances_are_no_words_of_training_marks_or_negations() -> None:
    training = read_bot(BOT.encode(), "bot.yaml").utterances
    made = list(made_up_utterances(training))
    assert made == list(made_up_utterances(training))
    known = {word for one in training for word in one.text.lower().split()}
    plain = [
        one.text
        for one in made
        if not one.text.lower().startswith(("i don't", "do not", "don't", "please do", "never", "i do not"))
    ]
    assert not {word for text in plain for word in text.split()} & known
    assert any(one.text.startswith("I don't want ") for one in made)
    assert {one.intent for one in made} == {OUT_OF_SCOPE}
    assert not any(
        "don't" in one.text for one in made_up_utterances([said("do not open it", "i"), said("open it", "j")])
    )
