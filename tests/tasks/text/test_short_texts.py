"""A short text: what is chosen for it, and n-grams mixed in where few characters are to be learned from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.data.texts import code_text
from statewise.errors import DataError, UsageError
from statewise.tasks.text.mixture import learned_share, mixed_nats, read_nats
from statewise.tasks.text.short import usual_validation
from statewise.tasks.text.task import Text, TextData

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "to", "red", "hat", "then", "it", "was", "bad"]
TINY: dict[str, Any] = {
    "hidden_size": 6, "embedding": 5, "batch_size": 3, "sequence_length": 7, "gap": 9, "orders": 3, "threads": 1,
    "sample_seconds": 0,
}  # fmt: skip


@pytest.fixture
def book() -> str:
    rng = np.random.default_rng(0)
    text = " ".join(rng.choice(WORDS, 1600))
    Path("book.txt").write_text(text)
    return text


def prepared(**how: Any) -> tuple[Text, TextData]:
    made = Text(source="book.txt", **TINY | how)
    fitted, data = made.fitted(made.prepare(Path("cache")))
    assert isinstance(data, TextData)
    return fitted, data


def test_a_short_text_of_bounded_time_gets_dropout_checks_and_the_best_weights(book: str) -> None:
    task, data = prepared(minutes=1)
    assert (task.dropout, task.validation) == (0.5, 0.1)
    assert (task.checks, task.keep, task.early_stop) == (60, "best", 15)
    assert "dropout 0.5, checks 60" in task.size(data.facts)
    assert data.facts["validation"] == len(book) // 10 == len(data.text.validation)
    assert 0 < len(data.validating().scored) <= len(data.text.validation)
    told = book.encode()
    codec = data.codec
    held_out = codec.decode(data.text.held_out.read().tolist()).encode()
    assert told.endswith(codec.decode(data.text.validation.read().tolist()).encode() + held_out)


def test_what_was_given_stays_as_it_was_given(book: str) -> None:
    task, data = prepared(minutes=1, dropout=0.0, validation=0.2, checks=3)
    assert (task.dropout, task.validation, task.checks, task.keep, task.early_stop) == (0.0, 0.2, 3, "last", 0)
    assert data.facts["validation"] == len(book) // 5
    task, data = prepared(updates=4)
    assert (task.dropout or 0, task.validation, task.checks) == (0, 0.0, 0)
    assert "validation" not in data.facts
    assert "chosen" not in data.facts
    with pytest.raises(UsageError, match="leave nothing to learn from"):
        prepared(validation=0.95)


def test_a_run_says_what_was_chosen_and_is_resumed_alike(book: str) -> None:
    task, _ = prepared(minutes=0.02)
    run = statewise.train(replace(task, validation=None, dropout=None, checks=0, early_stop=0, keep="last"), run="r")
    settings = statewise.inspect("r")["settings"]
    assert (settings["dropout"], settings["validation"], settings["keep"]) == (0.5, 0.1, "best")
    assert run.load().data().facts["training"] == run.report.data["training"]
    again = statewise.resume("r").report.metrics
    assert again["mixed_bits_per_character"] == pytest.approx(run.metrics["mixed_bits_per_character"], abs=1e-6)


def test_the_mixture_is_no_worse_than_either_where_its_share_was_learned(book: str) -> None:
    run = statewise.train(Text(source="book.txt", validation=0.1, updates=30, **TINY), run="r")
    found = json.loads(Path("r/calibration.json").read_text())["found"]
    trained = run.load()
    data = trained.data()
    assert isinstance(data, TextData)
    checked = data.validating()
    stripes: Any = checked.windows("held_out")
    reading = read_nats(trained.model, stripes)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            network, places = done.value
            break
    counted = -data.counted_ngrams().log_probabilities(checked.scored.read(), found["order"])[places]
    mixed = mixed_nats(network, counted, found["share"]).mean()
    assert mixed <= min(network.mean(), counted.mean()) + 1e-9
    assert "predict, stream and export use the network alone" in " ".join(run.report.remarks)
    assert run.metrics["mixed_bits_per_character"] < run.metrics["bits_per_character"]


def test_places_of_nats_are_those_of_the_codes_foreseen(book: str) -> None:
    run = statewise.train(Text(source="book.txt", validation=0.1, updates=2, **TINY), run="r")
    trained = run.load()
    data = trained.data()
    assert isinstance(data, TextData)
    stripes: Any = data.windows("held_out", rows=3, steps=11)
    codes = data.scored.read()
    reading = read_nats(trained.model, stripes)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            _, places = done.value
            break
    targets = np.concatenate([window.targets.numpy().ravel() for window in stripes])
    np.testing.assert_array_equal(codes[places], targets)


def test_a_damaged_share_is_named(book: str) -> None:
    statewise.train(Text(source="book.txt", validation=0.1, updates=2, **TINY), run="r")
    path = Path("r/calibration.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "found": {**told["found"], "share": 3}}))
    with pytest.raises(DataError, match=r"calibration\.json is not that of a text \('share'\)"):
        statewise.evaluate("r")


def test_a_mixture_of_two_experts_is_the_log_of_their_mean() -> None:
    one, other = np.array([0.1, 3.0, 7.0]), np.array([2.0, 0.2, 7.0])
    np.testing.assert_allclose(mixed_nats(one, other, 0.5), -np.log((np.exp(-one) + np.exp(-other)) / 2))
    np.testing.assert_allclose(mixed_nats(one, other, 1.0), one)
    np.testing.assert_allclose(mixed_nats(one, other, 0.0), other)
    assert learned_share(other, np.full(3, 9.0)) == 1


def test_a_split_in_two_parts_is_kept_under_the_name_it_always_had(book: str) -> None:
    two = code_text(["book.txt"], "character", 0.1, 10, Path("cache"))
    again = code_text(["book.txt"], "character", 0.1, 10, Path("cache"), 0.0)
    assert len(list(Path("cache").iterdir())) == 1
    assert len(again.validation) == 0
    three = code_text(["book.txt"], "character", 0.1, 10, Path("cache"), usual_validation)
    assert len(three.training) + len(three.validation) == len(two.training)
    assert three.held_out.read().tolist() == two.held_out.read().tolist()
