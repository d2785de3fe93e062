"""How replies are judged: hits among others, variety, and the simple methods they are compared with."""

import math
from pathlib import Path

import numpy as np
import pytest
from made_dialogues import dialogues

from statewise import Chat
from statewise.tasks.chat import n_grams
from statewise.tasks.chat.metrics import PlacesAsked, commonest, difference, hit_metrics, hits, variety
from statewise.tasks.chat.retrieval import TfIdf
from statewise.underway import returned

CONVERSATIONS = np.arange(4, dtype=np.int32)


def test_the_true_reply_is_among_others_with_other_words_none_of_them_twice() -> None:
    replies = ["Yes.", "yes!", "No.", "Perhaps", "no", "Why?"]
    asked = PlacesAsked.of([["a"]] * 6, replies, np.arange(6, dtype=np.int32))
    assert asked.among.shape == (6, 4)
    for number, row in enumerate(asked.among):
        keys = [replies[at].lower().strip("!.?") for at in row]
        assert row[0] == number
        assert len(set(keys)) == len(keys) == 4
    again = PlacesAsked.of([["a"]] * 6, replies, np.arange(6, dtype=np.int32))
    assert (again.among == asked.among).all()


def test_a_tie_counts_its_share_so_that_all_alike_is_chance() -> None:
    assert hits(np.zeros((3, 20))).tolist() == pytest.approx([0.05] * 3)
    found = hit_metrics(np.array([1.0, 0.0, 1.0, 0.0]), CONVERSATIONS)
    assert found["hits_at_1_low"] < found["hits_at_1"] == 0.5 < found["hits_at_1_high"]


def test_variety_counts_distinct_words_pairs_and_what_is_said_more_than_once() -> None:
    found = variety(["I do", "I do!", "I see it"])
    assert found["distinct_1"] == pytest.approx(4 / 7)
    assert found["distinct_2"] == pytest.approx(3 / 4)
    assert found["generic"] == pytest.approx(2 / 3)
    assert commonest(["No.", "Yes", "no"]) == [("No.", 2), ("Yes", 1)]
    assert variety(["..."]) == {"distinct_1": 0, "distinct_2": 0, "generic": 0}


def test_a_difference_at_the_same_places_is_surer_than_the_places_themselves() -> None:
    dice = np.random.default_rng(0)
    hard = dice.random(200).round()
    apart, low, high = difference(np.minimum(1, hard + 0.1), hard - 0.0, np.arange(200, dtype=np.int32))
    assert low <= apart <= high
    assert high - low < 0.05


@pytest.fixture
def index() -> TfIdf:
    turns = ["where is the cat", "where is the dog", "who is there", "the the the"]
    return TfIdf(turns, ["The cat sleeps.", "The dog eats.", "It is me.", "Yes."])


def test_weights_are_those_of_the_formula(index: TfIdf) -> None:
    found = index.weights("Cat, the the zebra!")
    raw = {"cat": 1 + math.log(5 / 2), "the": (1 + math.log(2)) * (1 + math.log(5 / 4))}
    length = math.hypot(*raw.values())
    assert found == pytest.approx({index.places[word]: weight / length for word, weight in raw.items()})
    assert index.matrix(["cat the the"]).to_dense()[0].norm().item() == pytest.approx(1)
    assert index.weights("zebra") == {}


def test_a_reply_is_looked_up_where_the_like_was_said(index: TfIdf) -> None:
    assert index.looked_up(["Where is my dog?", "who are you"]) == ["The dog eats.", "It is me."]
    replies = ["The dog eats.", "It is me.", "The cat sleeps."]
    among = np.array([[0, 1, 2]])
    assert hits(index.like_scores(["the dog"], replies, among)).tolist() == [1.0]
    assert hits(index.reply_scores(["dog"], replies, among)).tolist() == [1.0]


def test_n_grams_foresee_replies_and_weigh_them_by_what_was_said(tmp_path: Path) -> None:
    task = Chat(source=str(dialogues(tmp_path, 120)), subwords=110, held_out=0.2, validation=0.1, scored=30)
    data = task.prepare(tmp_path / "cache")
    model, order = returned(n_grams.fitted(data.dialogues, "validation"))
    nats = n_grams.nats_a_subword(model, order, data.dialogues, "held_out")
    assert all(
        n_grams.nats_a_subword(model, order, data.dialogues, "validation")
        <= n_grams.nats_a_subword(model, other, data.dialogues, "validation")
        for other in model.orders
    )
    assert 0 < nats < n_grams.nats_a_subword(model, 1, data.dialogues, "held_out")
    codes, wanted = n_grams.stream_of(data.dialogues, "held_out")
    places = sum(int(window.scored.sum()) for window in data.windows("held_out") if window.scored is not None)
    assert int(wanted.sum()) == places
    assert len(codes) > places
    scores = n_grams.scores(model, order, data.codec, data.asked)
    assert scores.shape == data.asked.among.shape
    assert hits(scores).mean() > 0.3
    row = 3
    said, reply = data.asked.said[row], data.asked.replies[row]
    read = [*data.codec.encode_turns(said[-1:]), *data.codec.encode_reply(reply)]
    after = model.log_probabilities(np.array(read), order)[-len(data.codec.encode_reply(reply)) :].mean()
    alone = model.log_probabilities(np.array(data.codec.encode_reply(reply)), order).mean()
    assert scores[row, 0] == pytest.approx(after - alone)
