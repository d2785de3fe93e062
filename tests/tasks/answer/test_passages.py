"""Questions about passages: files of SQuAD's form, what is read of words, exact match and F1, and a trained model."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made_stories import passages

import statewise
from statewise.cli.main import run
from statewise.data.left_out import LeftOutCount
from statewise.errors import DataError, UsageError
from statewise.tasks.answer.passage_answerer import best_span
from statewise.tasks.answer.passage_features import NUMBERS, PassagesCodec, asks_for, tags_of
from statewise.tasks.answer.passage_files import PassageQuestion, read_passages
from statewise.tasks.answer.sliding_window import by_sliding_window
from statewise.tasks.answer.squad_metrics import best_of, exact_match, f1
from statewise.verbs import Trained


def read(path: Path, longest: int = 99) -> tuple[list[PassageQuestion], LeftOutCount]:
    left_out = LeftOutCount("question")
    return list(read_passages([path], longest, left_out)), left_out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("passages")
    task = statewise.QuestionAnswering(
        source=str(passages(made)), held_out=0.2, updates=80, hidden_size=24, layers=1, learning_rate=0.02, threads=1
    )
    statewise.train(task, run=made / "run")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return statewise.load(folder / "run")


def test_files_of_squad_are_read_and_questions_without_an_answer_are_counted(tmp_path: Path) -> None:
    answers = [{"text": "1914", "answer_start": 3}, {"text": "in 1914", "answer_start": 0}]
    qas = [
        {"question": "When?", "answers": answers},
        {"question": "Why?", "answers": [], "is_impossible": True},
        {"question": "Who?", "answers": [{"text": "He", "answer_start": 3}]},
        {"question": " ", "answers": answers},
    ]
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps({"data": [{"title": "War", "paragraphs": [{"context": "In 1914 he left.", "qas": qas}]}]})
    )
    found, left_out = read(path)
    assert found == [PassageQuestion("In 1914 he left.", "When?", ("1914", "in 1914"), 3, "War")]
    assert left_out.counts == {
        "without an answer in the passage": 1,
        "whose answer does not stand where it says": 1,
        "without a word": 1,
    }
    assert read(path, longest=3)[1].counts["about passages of more than 3 words"] == 2


def test_files_line_by_line_are_read_by_spans_or_by_answers(tmp_path: Path) -> None:
    lines = {
        "context": "In 1914 he left .\nHe went home .\n",
        "question": "When ?\nWhere ?\n",
        "answer": "1914\nhome\n",
    }
    for ending, text in lines.items():
        (tmp_path / f"a.{ending}").write_text(text)
    found, _ = read(tmp_path / "a.context")
    assert [(one.answers, one.begin) for one in found] == [(("1914",), 3), (("home",), 8)]
    (tmp_path / "a.span").write_text("0 1\n9 9\n")
    found, left_out = read(tmp_path / "a.context")
    assert [one.answers for one in found] == [("In 1914",)]
    assert left_out.first == {"whose answer does not stand where it says": "line 2 of a.context"}
    (tmp_path / "a.question").write_text("When ?\n")
    with pytest.raises(DataError, match="have 2, 1, 2 lines: they must be as many"):
        read(tmp_path / "a.context")


@pytest.mark.parametrize("text", ["{", "[]", '{"data": 3}', '{"data": [{"paragraphs": [{"context": "a"}]}]}'])
def test_json_that_is_something_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match="holds no passages with questions"):
        read(tmp_path / "a.json")


def test_exact_match_and_f1_are_those_of_squad() -> None:
    assert exact_match("The Eiffel Tower.", "eiffel tower") == 1
    assert exact_match("tower", "eiffel tower") == 0
    assert f1("the big red house", "red house by") == pytest.approx(2 * (2 / 3) * (2 / 3) / (4 / 3))
    assert f1("a", "the") == 1
    assert f1("house", "the") == 0
    assert best_of(f1, "Paris", ["Lyon", "in Paris"]) == pytest.approx(2 / 3)


def test_words_are_told_what_part_of_the_answer_they_are() -> None:
    one = PassageQuestion("It was in May 1914.", "When?", ("May",), 10, "")
    assert tags_of(one) == [0, 0, 0, 4, 0, 0]
    assert asks_for(["how", "many", "are", "there"]) != asks_for(["how", "is", "it"])


def test_the_likeliest_answer_begins_before_it_ends_and_is_not_too_long() -> None:
    logits = torch.zeros(40, 5)
    logits[30, 1], logits[5, 3], logits[33, 3], logits[0, 1] = 9.0, 9.5, 8.0, 8.5
    assert best_span(logits)[:2] == (0, 5)
    logits[5, 3] = 0.0
    assert best_span(logits)[:2] == (30, 33)
    assert 0 < best_span(logits)[2] < 1


def test_a_codec_comes_back_from_json_and_a_sliding_window_finds_where_most_words_stand() -> None:
    one = PassageQuestion(
        "Bert left. a queen Anna lived in Oslo then.", "Where did queen Anna live?", ("Oslo",), 33, ""
    )
    codec = PassagesCodec.of([one] * 3)
    assert PassagesCodec.read(codec.as_json()).as_json() == codec.as_json()
    assert by_sliding_window(one.passage, one.text, PassagesCodec((), (), 99, ("a", "b"))) == "Oslo"
    assert codec.rows(one.passage, one.text).shape == (11, len(codec.choices) + NUMBERS)
    for name, wrong in {"words": ["a"], "rareness": ["x"] * len(codec.words), "longest": 0, "example": ["a"]}.items():
        with pytest.raises(DataError, match="not one of passages"):
            PassagesCodec.read({**codec.as_json(), name: wrong})


def test_a_model_answers_passages_it_never_saw_better_than_a_sliding_window(folder: Path, trained: Trained) -> None:
    report = statewise.evaluate(folder / "run")
    assert report.metrics["f1"] > 0.9
    assert report.metrics["f1"] > report.baselines["sliding window"]["f1"] + 0.1
    assert any("SQuAD" in remark for remark in report.remarks)
    (told,) = trained.predict(
        "Emil has a house in Oslo. Emil has a garden in Kiel. Emil has a school in Bonn. Where is the school of Emil?"
    )
    assert told.answer == "Bonn"
    assert (
        "Emil has a house in Oslo. Emil has a garden in Kiel. Emil has a school in Bonn."[told.begin : told.end]
        == "Bonn"
    )


def test_answers_are_the_same_alone_and_with_others(trained: Trained) -> None:
    from statewise.tasks.answer.passage_answerer import PassageAnswerer

    data: Any = trained.data()
    answerer = PassageAnswerer(trained.model, trained.codec)
    together = [one.answer for one in answerer.answers(data.asked)]
    assert [answerer.answers([one])[0].answer for one in data.asked] == together


def test_a_live_passage_is_asked_forked_and_saved(trained: Trained) -> None:
    live: Any = trained.live(text="Cora has a house in Rome. Cora has a garden in Lyon.")
    assert live.push("Where is the house of Cora?").answer == "Rome"
    assert live.fork().push("Where is the garden of Cora?").answer == "Lyon"
    again: Any = trained.live(live.save())
    assert again.passage == live.passage
    with pytest.raises(UsageError, match="is not a question"):
        live.push("...")
    with pytest.raises(UsageError, match="the passage has 0 words"):
        trained.live(text=" ")
    with pytest.raises(DataError, match="saved passage is damaged"):
        trained.live(trained.stream().save())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", "there is no question"),
        ("Where is the school of Emil?", "there is no question"),
        ("word " * 1200 + ". Where is the school of Emil?", "the passage has 1,201 words"),
        ("x" * 200_000 + "?", "200,001 characters is not a passage"),
    ],
)
def test_what_cannot_be_asked_of_a_passage_is_refused(
    given: str, wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), given]) == 2
    assert wanted in capsys.readouterr().err
