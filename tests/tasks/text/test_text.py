"""The text task: what it reads, what it scores, what it writes and where it stops."""

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import statewise
from statewise.data.codec import Bytes, Characters
from statewise.errors import DataError, UsageError
from statewise.heads import Loss
from statewise.learning.events import Sampled, Updated
from statewise.learning.learner import Learner
from statewise.tasks.shared.writing import before
from statewise.tasks.text.data import TextData, metrics_of
from statewise.tasks.text.task import Text

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding": 4, "batch_size": 3, "sequence_length": 7, "orders": 2, "gap": 5}


def make_task(**settings: Any) -> Text:
    return Text(**{"source": "book.txt", **SMALL, **settings})


def prepared(**settings: Any) -> TextData:
    return make_task(**settings).prepare(Path("cache"))


@settings(max_examples=200)
@given(st.lists(st.text("ab", max_size=3), max_size=8), st.text("ab", min_size=1, max_size=4))
def test_writing_ends_before_the_stopping_string_however_the_pieces_fall(pieces: list[str], stop: str) -> None:
    whole = "".join(pieces)
    assert "".join(before(iter(pieces), stop)) == whole.split(stop)[0]


def test_only_what_might_be_the_beginning_of_the_stop_is_held_back() -> None:
    shown, held = [], before(iter("to --be"), "---")
    for piece in held:
        shown.append(piece)
    assert shown == ["t", "o", " ", "", "", "--b", "e", ""]


def test_nothing_is_asked_for_after_the_stop() -> None:
    def pieces() -> Iterator[str]:
        yield from "ab."
        raise AssertionError("asked on")

    assert "".join(before(pieces(), ".")) == "ab"


def test_metrics_are_bits_and_perplexity_a_place() -> None:
    loss = Loss(torch.tensor(30 * math.log(8.0), dtype=torch.float64), torch.tensor(30))
    assert make_task().metrics(loss) == pytest.approx({"bits_per_character": 3.0, "perplexity": 8.0, "characters": 30})
    assert make_task(unit="byte").metrics(loss) == pytest.approx({"bits_per_byte": 3.0, "perplexity": 8.0, "bytes": 30})


def test_a_perplexity_beyond_all_numbers_is_infinite() -> None:
    assert metrics_of(2000 * math.log(2), 1, "character")["perplexity"] == math.inf
    assert metrics_of(1000 * math.log(2), 1, "character")["perplexity"] == pytest.approx(2.0**1000)


def test_a_gauge_is_in_bits_of_the_unit() -> None:
    assert make_task().gauge(math.log(2)) == "1.000 bits per character"
    assert make_task(unit="byte").gauge(3 * math.log(2)) == "3.000 bits per byte"


@pytest.mark.parametrize(
    ("source", "label"),
    [("a/Moby Dick.txt", "Moby Dick"), (("b.txt", "c.txt"), "b"), ("shakespeare", "shakespeare"), (".", "text")],
)
def test_a_run_is_called_after_the_first_source(source: Any, label: str) -> None:
    assert make_task(source=source).label == label


def test_several_files_are_read_one_after_another(book: Path) -> None:
    (book.parent / "more.txt").write_text("zebra " * 40)
    data = prepared(source=("book.txt", "more.txt"))
    assert data.facts["length"] == len(book.read_text()) + 240
    assert data.facts["files"] == 2
    ending = prepared(source=("more.txt", "book.txt")).text.training.read(0, 6)
    assert data.codec != Characters("")
    assert prepared(source=("more.txt", "book.txt")).codec.decode(ending) == "zebra "


def test_the_held_out_part_is_scored_whole_in_as_many_rows_as_fill_windows(book: Path) -> None:
    data = prepared(held_out=0.1)
    windows = data.windows("held_out")
    held_out = len(book.read_text()) // 10
    assert [window.inputs.shape for window in windows] == [(256, 3), (7, 3)]
    assert 3 * (256 + 7) <= held_out - 1 < 3 * (256 + 7) + 3
    assert data.windows("held_out", rows=1, steps=5)[0].inputs.shape == (5, 1)
    assert data.windows("training")[0].inputs.shape == (7, 3)
    few = prepared(scored=9)
    assert [window.inputs.shape for window in few.windows("held_out")] == [(8, 1)]
    assert few.facts["scored"] == 9


def test_a_text_too_short_for_its_windows_is_refused_before_anything_is_trained(book: Path) -> None:
    with pytest.raises(DataError, match="3 rows of 9000 steps need 27,001"):
        prepared(sequence_length=9000)


def test_baselines_are_scored_on_the_same_text_and_may_count_less_of_it(book: Path) -> None:
    data = prepared(orders=3)
    baselines = data.baselines()
    assert list(baselines) == ["1-gram", "2-gram", "3-gram"]
    bits = [scores["bits_per_character"] for scores in baselines.values()]
    assert bits == sorted(bits, reverse=True)
    assert {scores["characters"] for scores in baselines.values()} == {len(data.scored)}
    less = prepared(orders=3, counted=50)
    assert less.facts["counted_by_n_grams"] == 50
    assert less.baselines()["3-gram"]["bits_per_character"] > bits[2]


def test_another_text_is_scored_by_the_same_alphabet(book: Path) -> None:
    Path("other.txt").write_text("It was Ω")
    Path("one.txt").write_text("a")
    data = prepared()
    other = data.on(["other.txt"], Path("cache"))
    assert other.codec == data.codec
    assert data.codec.decode(other.scored.read()) == "It was \N{REPLACEMENT CHARACTER}"
    assert other.text.training == data.text.training
    with pytest.raises(DataError, match=r"one\.txt has 1 characters: give at least 2 to score"):
        data.on(["one.txt"], Path("cache"))


def test_bytes_of_any_file_can_be_learned_and_written() -> None:
    Path("any.bin").write_bytes(bytes(range(256)) * 5)
    task = make_task(source="any.bin", unit="byte", updates=2, sample_seconds=0.000001, threads=1)
    run = statewise.train(task, run="run")
    assert list(run.metrics) == ["bits_per_byte", "perplexity", "bytes"]
    assert run.load().codec == Bytes()
    assert sum(len(piece.encode()) > 0 for piece in run.load().predict("é", length=30, seed=1)) > 0


def test_a_model_of_each_depth_and_unit_has_the_sizes_that_were_asked_for() -> None:
    deep: Any = make_task(layers=3, cell="gru").model(Characters("abcde"))
    assert [(part.features, part.units) for part in deep.core] == [(4, 8), (8, 8), (8, 8)]
    assert deep.encoder.weight.shape == (6, 4)
    assert not deep.encoder.weight[0].any()
    single: Any = make_task(unit="byte").model(Bytes())
    assert single.encoder.weight.shape == (256, 4)
    assert single.encoder.padding_idx is None


@pytest.fixture
def trained(run_path: Path) -> statewise.Trained:
    return statewise.load(run_path)


@pytest.fixture
def bytes_run(book: Path) -> statewise.Trained:
    book.write_text("é🙂 日本\n" * 100)
    statewise.train(make_task(unit="byte", updates=3, sample_seconds=0, threads=1), run="bytes")
    return statewise.load("bytes")


def choices_of(trained: statewise.Trained, text: str, count: int) -> list[tuple[str, list[tuple[str, float]]]]:
    task = trained.task
    assert isinstance(task, Text)
    return list(task.choices(trained.model, trained.codec, text, count))


def test_choices_are_the_likeliest_after_each_character_with_their_odds(trained: statewise.Trained) -> None:
    listed = choices_of(trained, "It w", 3)
    assert [seen for seen, _ in listed] == list("It w")
    stream = trained.stream()
    for seen, likely in listed:
        odds = stream.push(seen).double().softmax(dim=-1)
        assert [probability for _, probability in likely] == odds.sort(descending=True).values[:3].tolist()
        assert [int(trained.codec.encode(choice)[0]) for choice, _ in likely] == odds.topk(3).indices.tolist()


def test_more_choices_than_there_are_are_all_of_them_and_sum_to_1(trained: statewise.Trained) -> None:
    ((_, likely),) = choices_of(trained, "I", 9999)
    assert len({choice for choice, _ in likely}) == len(likely) == trained.codec.choices
    assert sum(probability for _, probability in likely) == pytest.approx(1)


def test_choices_of_bytes_are_all_told_apart(bytes_run: statewise.Trained) -> None:
    listed = choices_of(bytes_run, "é", 9999)
    assert [seen for seen, _ in listed] == [r"\xc3", r"\xa9"]
    assert len({choice for choice, _ in listed[0][1]}) == 256


def test_a_byte_model_writes_as_many_bytes_as_were_asked_for_and_no_broken_text_halfway(
    bytes_run: statewise.Trained,
) -> None:
    pieces = list(bytes_run.predict("é", length=40, temperature=0, seed=1))
    assert len(pieces) == 40
    with pytest.raises(UsageError, match="'é' is 2 bytes: push one at a time, or use push_many"):
        bytes_run.stream().push("é")
    assert torch.equal(bytes_run.stream().push(195), bytes_run.stream().push_many([195]))


def test_length_stop_and_seed_do_what_they_say(trained: statewise.Trained) -> None:
    whole = "".join(trained.predict("It", length=50, seed=2, temperature=1.0))
    assert len(whole) == 50
    assert "".join(trained.predict("It", length=20, seed=2, temperature=1.0)) == whole[:20]
    assert (
        "".join(trained.predict("It", length=50, seed=2, temperature=1.0, stop=whole[9:12]))
        == (whole.split(whole[9:12])[0])
    )
    assert "".join(trained.predict("It", length=50, seed=3, temperature=1.0)) != whole
    with pytest.raises(UsageError, match="length 0 is not a whole number from 1 to"):
        next(trained.predict("It", length=0))


def test_a_stop_typed_in_two_code_points_is_the_same_as_in_one(book: Path) -> None:
    book.write_text("aé" * 1000)
    statewise.train(make_task(updates=60, learning_rate=0.05, warmup=0, sample_seconds=0, threads=1), run="accents")
    model = statewise.load("accents")
    for stop in ("é", "e\u0301"):
        assert "".join(model.predict("aéa", length=9, temperature=0, stop=stop)) == ""


def test_a_stream_that_met_the_stop_has_read_it(trained: statewise.Trained) -> None:
    whole = "".join(trained.predict("It", length=20, seed=1))
    stream = trained.stream()
    written = "".join(trained.predict("It", length=20, seed=1, stop=whole[5:8], stream=stream))
    assert torch.equal(trained.stream().push_many("It" + written + whole[5:8]), stream.params)


def test_no_prompt_begins_a_line(trained: statewise.Trained) -> None:
    silent, line = trained.stream(), trained.stream()
    for stream, prompt in ((silent, ""), (line, "\n")):
        list(trained.predict(prompt, length=9, seed=1, stream=stream))
    assert torch.equal(silent.params, line.params)


def test_a_stream_goes_on_from_its_place_and_stops_after_what_was_written(trained: statewise.Trained) -> None:
    stream = trained.stream()
    stream.push_many("It was")
    written = "".join(trained.predict(" the", length=8, seed=1, stream=stream))
    assert written == "".join(trained.predict("It was the", length=8, seed=1))
    again = trained.stream()
    assert torch.equal(again.push_many("It was the" + written), stream.params)


@pytest.mark.parametrize("reads", [lambda s: s.push("It"), lambda s: s.push("")])
def test_a_stream_reads_one_character_at_a_time(trained: statewise.Trained, reads: Callable[[Any], Any]) -> None:
    with pytest.raises(UsageError, match=r"characters: push one at a time, or use push_many"):
        reads(trained.stream())


def test_what_training_never_saw_is_never_written(trained: statewise.Trained) -> None:
    written = "".join(trained.predict("日本", length=200, temperature=5.0, seed=1))
    assert "\N{REPLACEMENT CHARACTER}" not in written
    assert set(written) <= set(trained.codec.alphabet)


def test_a_sample_is_of_the_same_dice_each_time(trained: statewise.Trained) -> None:
    samples = [trained.task.sample(trained.model, trained.codec) for _ in range(2)]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 200


@pytest.mark.parametrize("segment", [0, 37])
def test_without_truncation_a_window_is_a_whole_row_and_its_gradient_flows_through_all_of_it(
    book: Path, segment: int
) -> None:
    how: dict[str, Any] = {
        "source": str(book),
        "hidden_size": 8,
        "batch_size": 4,
        "orders": 2,
        "updates": 2,
        "segment": segment,
    }
    task = Text(**how, truncate="none", precision="64-true")
    data = task.prepare(Path("cache"))
    (window,) = data.windows("training")
    assert window.inputs.shape == ((len(data.text.training) - 1) // 4, 4)
    torch.manual_seed(0)
    model = task.model(data.codec)
    learner = Learner(model, [window], task)
    whole = copy.deepcopy(model)
    loss, _ = whole.loss(window, whole.begin(4))
    loss.mean.backward()  # type: ignore[no-untyped-call]
    learner.update()
    norm = torch.nn.utils.get_total_norm([w.grad for w in whole.parameters() if w.grad is not None])
    found = torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])
    expected = torch.cat([w.grad.flatten() for w in whole.parameters() if w.grad is not None])
    torch.testing.assert_close(found * max(1.0, float(norm)), expected)


SENTENCE = "It was the best of times, it was the worst of times, it was the age of wisdom.\n"


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("average", [0.0, 0.5])
def test_samples_of_a_run_whose_loss_falls_differ_and_say_what_its_model_then_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, average: float
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(SENTENCE * 60)
    how: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": {"adam": 0.05, "sgd": 1.0, "rmsprop": 0.03}[optimizer],
        "average": average,
    }
    task = make_task(hidden_size=24, embedding=8, updates=40, warmup=0, sample_seconds=1e-9, average_from=0.0, **how)
    events = list(statewise.training(task, run="run"))
    losses = [event.nats for event in events if isinstance(event, Updated)]
    samples = [event.sample for event in events if isinstance(event, Sampled)]
    assert losses[-1] < 0.8 * losses[0]
    assert samples[0] != samples[len(samples) // 2] != samples[-1] != samples[0]
    assert len(set(samples)) > len(samples) / 2
    kept = sorted(Path("run/samples").iterdir())
    assert [path.read_text() for path in kept] == samples
    assert samples[-1] == task.sample(statewise.load("run").model, statewise.load("run").codec)
