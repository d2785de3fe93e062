"""A short text: what is chosen for it, and n-grams mixed in where few characters are to be learned from."""

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import statewise
from statewise.data.stripes import Stripes
from statewise.data.texts import code_text
from statewise.data.window import Window
from statewise.errors import DataError, RunError, UsageError
from statewise.state import where_rows
from statewise.stream import Stream
from statewise.tasks.shared.kneser_ney import KneserNey
from statewise.tasks.shared.measured_width import LADDER, fitting_width
from statewise.tasks.shared.written_text import nats_of_next
from statewise.tasks.text.data import TextData
from statewise.tasks.text.mixture import (
    MOST_COUNTED,
    NgramMixture,
    learned_share,
    mixed_nats,
    read_nats,
)
from statewise.tasks.text.short import usual_validation
from statewise.tasks.text.sizes import PLAIN_SIZES, usual_sizes
from statewise.tasks.text.task import Text
from statewise.underway import returned

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
    assert again["bits_per_character"] == pytest.approx(run.metrics["bits_per_character"], abs=1e-6)


def test_sizes_follow_from_the_text_and_the_alphabet_and_stand_in_the_run(book: str) -> None:
    none: dict[str, Any] = dict.fromkeys(("hidden_size", "embedding", "batch_size", "sequence_length"), 0)
    task, data = prepared(minutes=1, **none)
    assert (task.embedding, task.batch_size, task.sequence_length) == (32, 8, 64)
    assert task.hidden_size in LADDER
    assert f"hidden size {task.hidden_size}, embedding 32, batch size 8, sequence length 64" in data.facts["chosen"]
    assert data.task == task
    task, data = prepared(minutes=1, **{**none, "hidden_size": 5, "batch_size": 2})
    assert (task.hidden_size, task.batch_size, task.embedding) == (5, 2, 32)
    assert "hidden size" not in data.facts["chosen"]
    task, data = prepared(updates=3, **none)
    assert (task.hidden_size, task.embedding, task.batch_size, task.sequence_length) == PLAIN_SIZES
    assert "chosen" not in data.facts
    run = statewise.train(Text(source="book.txt", minutes=0.02, threads=1, gap=9, sample_seconds=0), run="r")
    settings = statewise.inspect("r")["settings"]
    assert f"hidden size {settings['hidden_size']}, " in run.report.data["chosen"]
    assert settings["hidden_size"] in LADDER


def test_a_width_is_the_largest_that_the_time_allows() -> None:
    asked = list[int]()

    def took(width: int) -> float:
        asked.append(width)
        return width / 1000

    assert fitting_width(256, 300, 60.0, took) == 32
    assert asked == [256, 192, 128, 96, 64, 48, 32]
    assert fitting_width(256, 300, 1200 * 0.192 / 0.85 + 1, took) == 192
    assert fitting_width(384, 100_000, 4000 * 0.384 / 0.85 + 1, took) == 384
    widths = [usual_sizes(length, 80).hidden_size for length in (10_000, 100_000, 500_000, 5_000_000)]
    assert widths == sorted(widths)
    assert usual_sizes(10_000, 4000).embedding > usual_sizes(10_000, 40).embedding


def test_measuring_uses_up_no_random_number_and_leaves_the_threads(book: str) -> None:
    torch.manual_seed(3)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    prepared(minutes=1, hidden_size=0)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def mixed_run(updates: int = 30) -> Any:
    return statewise.train(Text(source="book.txt", validation=0.1, updates=updates, **TINY), run="r")


def test_the_mixture_is_no_worse_than_either_where_its_shares_were_learned(book: str) -> None:
    run = mixed_run()
    trained = run.load()
    data = trained.data()
    assert isinstance(data, TextData)
    assert isinstance(trained.task, Text)
    checked = data.validating()
    network, places = returned(read_nats(trained.model, cast(Stripes, checked.windows("held_out"))))
    codes = checked.scored.read()
    ngrams = KneserNey.fit(data.counted(with_checks=False), data.codec.choices, 8)
    shares = np.array(json.loads(Path("r/calibration.json").read_text())["found"]["shares"])
    alone = [-ngrams.log_probabilities(codes, order)[places] for order in ngrams.orders]
    counted = alone[len(shares) - 1]
    mixed = mixed_nats(network, counted, shares[ngrams.seen(codes, len(shares))[places]]).mean()
    assert mixed <= min(network.mean(), *(one.mean() for one in alone)) + 1e-9
    assert run.metrics["bits_per_character"] < run.metrics["network_bits_per_character"]
    assert "This model is its network mixed with" in " ".join(run.report.remarks)
    assert statewise.evaluate("r").metrics == run.metrics


def test_what_answers_has_the_odds_that_were_scored(book: str) -> None:
    run = mixed_run()
    trained = run.load()
    codec, text = trained.codec, "the cat sat on a mat and then it ran"
    codes = codec.encode(text)
    mixture = trained.task.mixture(codec)
    assert mixture is not None
    plain, stream = Stream(trained.model), trained.stream()
    network = []
    for code in codes:
        network.append(nats_of_next(plain, int(code)))
        plain.push(int(code))
    stream.push(int(codes[0]))
    told = []
    for code in codes[1:]:
        told.append(nats_of_next(stream, int(code)))
        stream.push(int(code))
    wanted = mixture.nats(np.array(network)[1:], codes, np.arange(1, len(codes)))
    np.testing.assert_allclose(told, wanted, atol=1e-5)
    assert stream.params.exp().sum() == pytest.approx(1, abs=1e-5)
    live = trained.live()
    assert live.push(text).bits == pytest.approx(trained.live().push(text).bits)


def test_the_state_of_a_mixture_is_a_value_like_any_other(book: str) -> None:
    trained = mixed_run().load()
    stream = trained.stream()
    stream.push_many("the ca")
    assert stream.state.history.shape == (1, trained.task.mixture(trained.codec).order - 1)
    other = trained.stream(stream.save())
    assert torch.equal(other.push("t"), stream.fork().push("t"))
    stream.push("x" if "x" in trained.codec.symbols else "t")
    stream.undo()
    assert torch.equal(stream.peek("t"), other.params)
    writing = {"length": 20, "temperature": 0.5, "seed": 3}
    assert "".join(trained.predict("the ", **writing)) == "".join(trained.predict("the ", **writing))
    window = Window(torch.tensor([[1, 2], [3, 1], [2, 2]]), torch.zeros(3, 2, dtype=torch.long))
    model = stream.model
    scanned, last = model.scan(
        window._replace(reset=torch.tensor([[0, 0], [0, 1], [0, 0]], dtype=torch.bool)), model.begin(2)
    )
    state = model.begin(2)
    for step, x in enumerate(window.inputs):
        if step == 1:
            state = where_rows(torch.tensor([False, True]), model.begin(2), state)
        params, state = model.step(x, state)
    torch.testing.assert_close(params, scanned[-1])
    assert torch.equal(state.history, last.history)
    wild = state._replace(history=torch.full_like(state.history, 2**40))
    assert model.step(window.inputs[0], wild)[0].isfinite().all()


def test_places_of_nats_are_those_of_the_codes_foreseen(book: str) -> None:
    run = statewise.train(Text(source="book.txt", validation=0.1, updates=2, **TINY), run="r")
    trained = run.load()
    data = trained.data()
    assert isinstance(data, TextData)
    stripes: Any = data.windows("held_out", rows=3, steps=11)
    codes = data.scored.read()
    _, places = returned(read_nats(trained.model, stripes))
    targets = np.concatenate([window.targets.numpy().ravel() for window in stripes])
    np.testing.assert_array_equal(codes[places], targets)


@pytest.mark.parametrize(
    ("name", "value"),
    [("shares", [3]), ("shares", []), ("counted", "no"), ("counted", base64.b64encode(b"none").decode())],
)
def test_a_damaged_mixture_is_named(name: str, value: Any, book: str) -> None:
    mixed_run(2)
    path = Path("r/calibration.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "found": {**told["found"], name: value}}))
    with pytest.raises(DataError, match=rf"calibration\.json is not that of a text \('{name}'\)"):
        statewise.evaluate("r")


def test_a_mixture_that_does_not_say_of_which_update_it_is_is_not_left_out_without_a_word(book: str) -> None:
    mixed_run(2)
    path = Path("r/calibration.json")
    for wrong in ("2", None, True, 2.0):
        path.write_text(json.dumps({**json.loads(path.read_text()), "update": wrong}))
        with pytest.raises(RunError, match="does not say of which update it is: `statewise resume` writes it again"):
            statewise.load("r")
    statewise.resume("r", quiet=True)
    assert statewise.load("r").task.calibration


def test_counted_codes_that_are_too_many_or_none_of_the_alphabet_are_refused(book: str) -> None:
    mixed_run(2)
    found = json.loads(Path("r/calibration.json").read_text())["found"]
    many = base64.b64encode(zlib.compress(bytes(4 * MOST_COUNTED + 4))).decode()
    odd = base64.b64encode(zlib.compress(np.array([99], "<u4").tobytes())).decode()
    for text in (many, odd):
        with pytest.raises(DataError, match="the run is damaged"):
            NgramMixture.read({**found, "counted": text}, 20)


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
