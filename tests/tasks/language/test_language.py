"""Language: what its scores are of, what it writes, foresees, scores and ranks, and what it refuses."""

import dataclasses
import json
import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.cli.main import run as command
from statewise.errors import DataError, UsageError
from statewise.tasks.language.answers import next_words
from statewise.tasks.language.data import UNIGRAM, LanguageData
from statewise.tasks.language.network import log_uniform
from statewise.tasks.language.rare_words import RareAsUnknown
from statewise.tasks.language.scoring import JudgedWords, NeuralCache, interval_of, word_nats
from statewise.tasks.language.task import Language
from statewise.underway import returned

SMALL: dict[str, Any] = {
    "hidden_size": 8, "embedding": 5, "batch_size": 3, "sequence_length": 7, "threads": 1, "sample_seconds": 0,
    "held_out": 0.2, "orders": 3, "cutoffs": "4,9",
}  # fmt: skip
KNOWN = ["the", "cat", "saw", "a", "dog", ",", "and", "ran", "home", ".", "It", "was"]


def written(folder: Path) -> Path:
    """Write a text in which `It` is always followed by `was`."""
    path, dice, lines = folder / "book.txt", random.Random(0), []
    for _ in range(150):
        lines.append(" ".join(["It", "was", *(dice.choice(KNOWN[:-2]) for _ in range(6)), "."]))
    path.write_text("\n\n".join(lines))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language")
    how: dict[str, Any] = {**SMALL, "dropout": 0, "validation": 0, "checks": 0, "keep": "last", "early_stop": 0}
    statewise.train(Language(source=str(written(folder)), updates=150, learning_rate=0.02, **how), run=folder / "run")
    return folder / "run"


def test_it_writes_on_in_words_and_repeats_by_its_seed(run: Path) -> None:
    model: Any = statewise.load(run)
    text = "".join(model.predict("It was", length=12, seed=3))
    assert text == "".join(model.predict("It was", length=12, seed=3))
    assert text.startswith(" ") or text[0] in ".,\n"
    assert "<unk>" not in text
    assert len(list(model.predict("", length=12, seed=3))) == 12
    assert "".join(model.predict("", length=40, seed=3, stop="was")).strip(" \n") == "It"


def test_what_was_learned_is_likeliest_and_in_the_order_of_all_odds(run: Path) -> None:
    model: Any = statewise.load(run)
    likely = next_words(model.task, model.model, model.codec, "a dog. It", 5)
    assert likely[0].word == "was"
    stream = model.task.stream(model.model, model.codec)
    stream.push_many(model.codec.encode("a dog. It").tolist())
    odds = model.model.head.logits(stream.params).softmax(dim=-1).detach()
    order = [code for code in odds.argsort(descending=True).tolist() if code != 0][:5]
    assert [model.codec.show(code) for code in order] == [one.word for one in likely]
    assert [one.probability for one in likely] == pytest.approx([float(odds[code]) for code in order], rel=1e-5)


def test_a_begun_word_is_completed_by_those_that_begin_so(run: Path) -> None:
    model: Any = statewise.load(run)
    likely = next_words(model.task, model.model, model.codec, "It was a d", 3, complete=True)
    assert [one.word for one in likely] == ["dog"]
    assert likely[0].probability == pytest.approx(1.0)


def test_sentences_are_scored_as_a_window_is_and_unknown_words_marked(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "said.txt").write_text("It was home.\n\nIt was zebra")
    assert command(["predict", str(run), "--score", str(tmp_path / "said.txt"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    words = [(one["word"], one["unknown"]) for sentence in told["sentences"] for one in sentence["words"]]
    wanted = ["It", "was", "home", ".", "</s>", "It", "was", "zebra", "</s>"]
    assert words == [(word, word == "zebra") for word in wanted]
    model: Any = statewise.load(run)
    codes = torch.tensor([1, *(model.codec.numbers.get(word, 0) for word in wanted)])
    window = statewise_window(codes)
    params, _ = model.model.scan(window, model.model.begin(1))
    nats = model.model.head.nats(params, window.targets).flatten().tolist()
    said = [one["nats"] for sentence in told["sentences"] for one in sentence["words"]]
    assert said == pytest.approx(nats, rel=1e-4)
    assert told["metrics"]["perplexity"] == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-4)
    assert command(["predict", str(run), "--score", str(tmp_path / "said.txt")]) == 0
    assert "zebra" in (shown := capsys.readouterr().out)
    assert "(unknown)" in shown
    assert "9 words, 1 unknown, perplexity" in shown


def statewise_window(codes: torch.Tensor) -> Any:
    from statewise.data.window import Window

    return Window(codes[:-1, None], codes[1:, None])


def test_alternatives_are_ranked_by_their_nats_each_from_the_beginning(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "either.txt").write_text("was It home\nIt was home\n\nhome home home\n")
    assert command(["predict", str(run), "--rank", str(tmp_path / "either.txt"), "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)["ranked"]
    assert ranked[0]["line"] == "It was home"
    assert [one["nats"] for one in ranked] == sorted(one["nats"] for one in ranked)


def test_a_sentence_costs_the_same_from_a_beginning_and_less_where_a_model_learns_on(run: Path, tmp_path: Path) -> None:
    model: Any = statewise.load(run)
    first, again = (model.task.live(model.model, model.codec).push("It was home .").bits for _ in range(2))
    assert first == again
    (tmp_path / "twice.txt").write_text("dog dog home ran .\n\n" * 30)
    data = model.task.prepare(tmp_path / "cache").on([str(tmp_path / "twice.txt")], tmp_path / "cache")
    nats = returned(word_nats(model.model, data.windows("held_out", rows=1, steps=6), rate=0.3))
    assert nats[-30:].mean() < nats[:30].mean()


def test_a_file_is_scored_the_same_at_any_batch_size_and_twice(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("It was a zebra .\n\nIt was the dog .\n\n" * 30)
    model: Any = statewise.load(run)
    found = []
    for rows in (1, 5):
        task = dataclasses.replace(model.task, batch_size=rows)
        data = task.prepare(tmp_path / "cache").on([str(tmp_path / "other.txt")], tmp_path / "cache")
        found.append(returned(task.score(model.model, data)).metrics)
    assert found[0] == found[1]
    assert found[0]["perplexity_adjusted"] >= found[0]["perplexity"]
    assert found[0]["unknown_share"] == pytest.approx(30 / (30 * 12 - 1))


def test_the_report_has_baselines_in_the_same_metrics_and_an_interval(run: Path) -> None:
    report = statewise.evaluate(run)
    assert set(report.baselines) == {UNIGRAM, "Kneser-Ney 2", "Kneser-Ney 3"}
    assert {*report.metrics} == {*report.baselines[UNIGRAM]}
    assert report.metrics["perplexity"] < report.baselines[UNIGRAM]["perplexity"]
    assert "full distribution over" in " ".join(report.remarks)


def test_a_smaller_vocabulary_does_not_look_better_once_unknown_words_are_told_apart(tmp_path: Path) -> None:
    dice = random.Random(1)
    names, odds = [f"w{n:03d}x".translate(LETTERS) for n in range(300)], [1 / (n + 2) for n in range(300)]
    lines = [" ".join(dice.choices(names, odds, k=12)) for _ in range(2000)]
    (tmp_path / "many.txt").write_text("\n\n".join(lines))
    plain, adjusted = [], []
    for size in (None, 60, 8):
        how = {**SMALL, "cutoffs": "3", "vocabulary": size}
        data = Language(source=str(tmp_path / "many.txt"), updates=1, **how).prepare(tmp_path / "cache")
        baseline = data.baselines()[UNIGRAM]
        plain.append(baseline["perplexity"])
        adjusted.append(baseline["perplexity_adjusted"] if "perplexity_adjusted" in baseline else plain[-1])
    assert plain[0] > plain[1] > plain[2]
    assert adjusted[0] < adjusted[1] < adjusted[2]


LETTERS = str.maketrans("0123456789", "abcdefghij")


def test_unknown_words_are_counted_left_out_and_told_apart_as_by_hand() -> None:
    nats, targets = np.log([2.0, 4.0, 8.0, 16.0]), np.array([3, 0, 5, 0])
    told = JudgedWords.of(nats, targets, 0).metrics("word", 9)
    assert told["perplexity"] == pytest.approx((2 * 4 * 8 * 16) ** 0.25)
    assert told["perplexity_of_known"] == pytest.approx(4.0)
    assert told["perplexity_adjusted"] == pytest.approx((2 * 4 * 8 * 16 * 81) ** 0.25)
    assert (told["unknown_share"], told["words"]) == (0.5, 4)
    assert told["bits_per_word"] == pytest.approx(2.5)


def test_a_cache_mixes_in_what_like_features_were_followed_by() -> None:
    cache = NeuralCache(size=2, weight=0.5, sharpness=2.0)
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    words, odds = torch.tensor([7, 8, 7, 7]), torch.tensor([0.1, 0.2, 0.3, 0.4])
    found = cache.mixed(-odds.log()[:3], features[:3], words[:3]).neg().exp().tolist()
    alike = math.exp(2) / (math.exp(2) + 1)
    assert found == pytest.approx([0.1, 0.5 * 0.2, 0.5 * 0.3 + 0.5 * alike])
    (last,) = cache.mixed(-odds.log()[3:], features[3:], words[3:]).neg().exp().tolist()  # the first is forgotten
    assert last == pytest.approx(0.5 * 0.4 + 0.5 * alike)


def test_learning_on_and_remembering_are_scored_each_alone_and_together(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("home home home dog dog .\n\n" * 40)
    model: Any = statewise.load(run)
    data = model.task.prepare(tmp_path / "cache").on([str(tmp_path / "other.txt")], tmp_path / "cache")
    weights = {name: weight.clone() for name, weight in model.model.state_dict().items()}
    metrics = returned(model.task.score(model.model, data, dynamic=True, dynamic_rate=0.5, cache=50)).metrics
    assert metrics["dynamic_perplexity"] < metrics["perplexity"]
    assert metrics["cached_perplexity"] < metrics["perplexity"]
    assert metrics["both_perplexity"] < metrics["cached_perplexity"]
    assert all(weights[name].equal(weight) for name, weight in model.model.state_dict().items())
    assert isinstance(data, LanguageData)
    windows = data.windows("held_out", rows=1)
    assert float(np.exp(returned(word_nats(model.model, windows)).mean())) == pytest.approx(metrics["perplexity"])


def test_an_interval_holds_the_mean_and_shrinks_with_its_spread() -> None:
    mean, low, high = interval_of(np.array([-0.1, -0.2, -0.3, -0.2]))
    assert mean == pytest.approx(-0.2)
    assert -0.3 <= low < mean < high <= -0.1


def test_odds_by_number_fall_and_add_up_to_one() -> None:
    odds = log_uniform(50)
    assert float(odds.sum()) == pytest.approx(1.0)
    assert bool((odds.diff() < 0).all())


def test_all_outputs_are_scored_by_the_full_distribution(tmp_path: Path) -> None:
    source = str(written(tmp_path))
    for output in ("full", "sampled"):
        task = Language(source=source, updates=1, output=output, negatives=2, **{**SMALL, "tied": True})
        data = task.prepare(tmp_path / "cache")
        model = task.model(data.codec).eval()
        window = data.windows("held_out")[0]
        with torch.no_grad():
            params, _ = model.scan(window, model.begin(1))
            nats, odds = model.head.nats(params, window.targets), model.head.logits(params).log_softmax(dim=-1)
        torch.testing.assert_close(nats, -odds.gather(-1, window.targets.unsqueeze(-1)).squeeze(-1))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"cutoffs": "9,4"}, "do not cut"),
        ({"cutoffs": "4,4000"}, "do not cut"),
        ({"cutoffs": "0"}, "do not cut"),
        ({"cutoffs": ""}, "not whole numbers"),
        ({"cutoffs": "4;9"}, "not whole numbers"),
        ({"tied": True}, "give both adaptive, or neither"),
        ({"unit": "bpe", "vocabulary": 100}, "too small for bpe"),
        ({"vocabulary": 2}, "vocabulary"),
        ({"vocabulary": 8}, "do not cut 8"),
        ({"output": "sampled", "optimizer": "sgd"}, "row"),
    ],
)
def test_settings_that_contradict_are_refused(how: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        statewise.train(Language(source=str(written(tmp_path)), updates=1, **{**SMALL, **how}), run=tmp_path / "run")


def test_a_text_too_short_and_an_empty_file_to_score_are_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("word")
    with pytest.raises(DataError, match="has 2 words"):
        Language(source=str(tmp_path / "one.txt"), **SMALL).prepare(tmp_path / "cache")
    (tmp_path / "none.txt").write_text("\n\n")
    assert command(["predict", str(run), "--score", str(tmp_path / "none.txt")]) == 2
    assert command(["predict", str(run), "--rank", str(tmp_path / "none.txt")]) == 2
    assert command(["predict", str(run), "It", "--choices", "3", "--rank", str(tmp_path / "one.txt")]) == 2
    assert command(["predict", str(run), "It", "--complete"]) == 2


def test_lines_of_a_stream_are_as_surprising_as_their_words(run: Path) -> None:
    model: Any = statewise.load(run)
    live = model.task.live(model.model, model.codec)
    first, second = live.push("It was home ."), live.push("home home was was")
    assert first.bits < second.bits
    assert first.characters == 5


def test_it_says_what_was_trained_and_what_cutting_saves(run: Path, tmp_path: Path) -> None:
    source = str(written(tmp_path))
    task = Language(source=source, output="sampled", updates=1, **{**SMALL, "tied": True})
    report = statewise.train(task, run=tmp_path / "run", quiet=True).report
    assert report.remarks[0].startswith("Trained by a full softmax")  # of fewer words than there would be negatives
    inspected = statewise.inspect(run)["data"]
    assert inspected["cutoffs"] == [4, 9]
    assert "should take longer than with --output full" in Language(source=source, **SMALL).size(inspected)
    large = {**inspected, "expected_speed_up": 9.5}
    assert "cut at 4, 9: an update of the output should be 9.5 times as fast" in Language(source=source, **SMALL).size(
        large
    )


def test_a_run_keeps_its_cutoffs_whatever_would_be_chosen_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {**SMALL, "cutoffs": "auto"}
    run = statewise.train(Language(source=str(written(tmp_path)), updates=4, **how), run=tmp_path / "run", quiet=True)
    cuts = statewise.inspect(run.path)["data"]["cutoffs"]
    monkeypatch.setattr("statewise.tasks.language.network.chosen_cutoffs", lambda *_, **__: [cuts[0] + 1])
    model: Any = statewise.load(run.path)
    assert [group.stop for group in model.model.head.groups[:-1]] == cuts
    assert statewise.evaluate(run.path, quiet=True).metrics == run.metrics
    more = Language(source=str(written(tmp_path)), updates=6, save_updates=1, **how)
    monkeypatch.undo()
    for event in statewise.training(more, run=tmp_path / "stopped"):
        if getattr(event, "update", 0) == 3:
            break
    monkeypatch.setattr("statewise.tasks.language.network.chosen_cutoffs", lambda *_, **__: [cuts[0] + 1])
    assert statewise.resume(tmp_path / "stopped", quiet=True).load().update == 6


def few_words(folder: Path) -> Path:
    """Write a short text of many words, of which the later parts have some that the beginning does not."""
    path, dice = folder / "few.txt", random.Random(2)
    odds = [1 / (n + 3) for n in range(2000)]
    names = [f"w{n:04d}x".translate(LETTERS) for n in range(2000)]
    path.write_text("\n\n".join(" ".join(dice.choices(names, odds, k=12)) for _ in range(250)))
    return path


def test_a_short_text_is_not_learned_by_heart_and_the_report_says_which_weights_it_kept(tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "hidden_size": 64, "embedding": 32, "cutoffs": "auto", "held_out": 0.1}
    task = Language(source=str(few_words(tmp_path)), updates=1500, learning_rate=0.01, checks=20, early_stop=6, **how)
    report = statewise.train(task, run=tmp_path / "run", quiet=True).report
    best = min(one["perplexity"] for one in report.baselines.values())
    assert report.metrics["perplexity"] < 1.1 * best
    (kept,) = [remark for remark in report.remarks if remark.startswith("The weights are those of update")]
    assert "no later one was better, the last had" in kept
    assert "training ended there, after" in kept
    assert report.training["updates"] < 1500


def test_checks_score_a_part_that_is_neither_learned_nor_reported(tmp_path: Path) -> None:
    data = Language(source=str(written(tmp_path)), updates=1, validation=0.3, checked=50, **SMALL).prepare(tmp_path)
    text = data.text
    assert len(text.validation) == data.facts["validation"] == int(0.3 * data.facts["length"])
    assert data.validating().scored.read().tolist() == text.validation.read(0, 50).tolist()
    assert data.scored.read().tolist() == text.held_out.read().tolist()
    assert (text.training.stop, text.validation.stop) == (text.validation.start, text.held_out.start)
    without = Language(source=str(written(tmp_path)), updates=1, validation=0, **SMALL).prepare(tmp_path)
    assert without.validating() is without
    assert "validation" not in without.facts


def test_words_that_occur_once_are_unknown_in_half_of_the_epochs(tmp_path: Path) -> None:
    data = Language(source=str(few_words(tmp_path)), updates=1, **SMALL).prepare(tmp_path)
    windows, counts = data.windows("training"), np.array(data.codec.counts)
    assert isinstance(windows, RareAsUnknown)
    told = [
        torch.cat([windows.in_epoch(epoch, index).targets.flatten() for index in range(len(windows))]).numpy()
        for epoch in (0, 1, 0)
    ]
    assert (told[0] == told[2]).all()
    assert (told[0] != told[1]).any()
    rare = (counts == 1).sum()
    for codes in told:
        assert 0.4 * rare < (codes == 0).sum() < 0.6 * rare
    window = windows.in_epoch(1, 0)
    assert window.inputs[1:].equal(window.targets[:-1])
    cut = Language(source=str(few_words(tmp_path)), updates=1, min_count=2, **SMALL).prepare(tmp_path)
    assert not isinstance(cut.windows("training"), RareAsUnknown)


def test_dropout_depends_on_how_many_words_there_are_unless_it_is_given(tmp_path: Path) -> None:
    source = str(written(tmp_path))
    for given, rate in ((None, 0.5), (0.0, None), (0.2, 0.2)):
        task = Language(source=source, updates=1, dropout=given, **SMALL)
        core = task.model(task.prepare(tmp_path / "cache").codec).core
        assert getattr(core, "rate", None) == rate


def test_checks_take_a_small_share_of_a_training_bounded_by_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(task: Language, *given: Any) -> Any:
        time.sleep(0.2)
        return (yield from scored(task, *given))

    scored = Language.score
    monkeypatch.setattr(Language, "score", slow)
    task = Language(source=str(written(tmp_path)), minutes=2 / 60, **SMALL)
    events = list(statewise.training(task, run=tmp_path / "run"))
    assert 1 <= sum(type(event).__name__ == "Checked" for event in events) <= 3  # one early, one at the end
