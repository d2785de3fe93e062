"""A trained model of stories: its answers, what it looked at, what it does not know, and what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from made_stories import stories

import statewise
from statewise.cli.main import run
from statewise.errors import DataError, UsageError
from statewise.tasks.answer.answerer import told_of
from statewise.verbs import Trained

SMALL: dict[str, Any] = {"hidden_size": 24, "threads": 1, "batch_size": 16, "learning_rate": 0.02, "dropout": 0.0}
STORY = "Mary went to the garden. John went to the office. Mary went to the kitchen."


def train(folder: Path, **how: Any) -> Trained:
    task = statewise.QuestionAnswering(source=str(folder / "told"), **{**SMALL, **how})
    return statewise.train(task, run=folder / "run").load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("answer")
    stories(made / "told", 150, "qa_train.txt")
    stories(made / "told", 30, "qa_test.txt", seed=1)
    train(made, updates=250)
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return statewise.load(folder / "run")


def test_it_answers_what_it_never_saw_far_beyond_the_baselines(folder: Path) -> None:
    report = statewise.evaluate(folder / "run")
    assert report.metrics["accuracy"] > 0.95
    assert set(report.baselines) == {"commonest answer", "bag of words"}
    assert max(one["accuracy"] for one in report.baselines.values()) < report.metrics["accuracy"] - 0.2
    assert any(remark.endswith("bootstrap: better.") for remark in report.remarks)


def test_typed_stories_are_answered_with_the_sentences_that_were_looked_at(trained: Trained) -> None:
    (told,) = trained.predict(f"{STORY} Where is Mary?")
    assert told.answer == "kitchen"
    shares = dict(told.looked_at)
    assert max(shares, key=shares.__getitem__) == "Mary went to the kitchen."
    assert "Mary went to the kitchen." in str(told)
    two = list(trained.predict(f"Where is John?\n{STORY}\n4 Where is John?\toffice\n5 Where is Mary? kitchen"))
    assert [one.answer for one in two] == [None, "office", "kitchen"]
    assert two[0].why == "there is no story before the question"


@pytest.mark.parametrize("reader", ["attention", "words"])
def test_other_readers_learn_too_and_only_an_attention_shows_sentences(reader: str, tmp_path: Path) -> None:
    stories(tmp_path / "told", 60, "qa_train.txt")
    stories(tmp_path / "told", 20, "qa_test.txt", seed=1)
    model = train(tmp_path, updates=30, reader=reader, layers=1)
    (told,) = model.predict(f"{STORY} Where is Mary?")
    assert told.answer in ("kitchen", "garden", "office", "hallway")
    assert len(told.looked_at) == (3 if reader == "attention" else 0)
    if reader == "attention":
        assert sum(share for _, share in told.looked_at) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Where is Bob?", "the word 'bob' of the question"),
        ("Bob went to the office. Where is Mary?", "the word 'bob' of the story"),
        ("Mary went to the office. Is Mary where?", "a question of this kind"),
        ("Mary went to the the the office. Where is Mary?", "a sentence of more than 5 words"),
    ],
)
def test_what_training_never_saw_is_not_known(text: str, why: str, trained: Trained) -> None:
    (told,) = trained.predict(text)
    assert told.answer is None
    assert why in told.why
    assert str(told).startswith("not known: ")


def test_answers_are_the_same_alone_and_with_others_in_any_order(trained: Trained) -> None:
    data: Any = trained.data()
    answerer = trained.task.answerer(trained.model, trained.codec)  # type: ignore[attr-defined]
    together = answerer.codes(data.asked)
    assert answerer.codes(data.asked[::-1])[::-1] == together
    alone = [answerer.answer(one.sentences, one.text).answer for one in data.asked]
    assert [trained.codec.answers[code - 1] for code in together] == alone


def test_a_live_story_takes_sentences_answers_between_them_and_goes_back(trained: Trained) -> None:
    live: Any = trained.live(text="Mary went to the garden.")
    assert str(live.push("Mary went to the office.")) == "2 sentences"
    other = live.fork()
    assert live.push("Where is Mary?").answered.answer == "office"
    assert live.push("undo").sentences == 1
    assert live.push("Where is Mary?").as_json()["answer"] == "garden"
    assert other.push("Where is Mary?").answered.answer == "office"
    again = trained.live(live.save())
    assert again.push("Where is Mary?").as_json() == live.push("Where is Mary?").as_json()
    again.push("undo")
    for wrong, words in {"undo": "no sentence to take back", "...": "has no word", "a\nb": "is not a sentence"}.items():
        with pytest.raises(UsageError, match=words):
            again.push(wrong)
    with pytest.raises(UsageError, match="has a question"):
        trained.live(text="Where is Mary?")
    with pytest.raises(DataError, match="saved story is damaged"):
        trained.live(trained.stream().save())


def test_a_story_longer_than_any_of_training_is_refused(trained: Trained, folder: Path) -> None:
    sentence = "Mary went to the garden. "
    with pytest.raises(UsageError, match=r"the story has 7 sentences, and training saw at most 6: give fewer"):
        trained.predict(f"{sentence * 7} Where is Mary?")
    live = trained.live(text=sentence * 6)
    with pytest.raises(UsageError, match="give fewer"):
        live.push(sentence)
    assert run(["predict", str(folder / "run"), f"{sentence * 7} Where is Mary?"]) == 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", "there is no question"),
        ("Mary went to the garden.", "there is no question"),
        ("x" * 200_000 + "?", "200,001 characters is not a story"),
        ("Mary " + "very " * 80 + "left. Where is Mary?", "a sentence has 82 words"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    given: str, wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), given]) == 2
    said = capsys.readouterr().err
    assert wanted in said
    assert "Traceback" not in said


def test_an_answer_is_printed_and_told_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(folder / "run"), f"{STORY} Where is John?", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["answer"]
    assert (told["question"], told["answer"]) == ("Where is John?", "office")
    assert [one["sentence"] for one in told["looked_at"]] == [f"{s.strip()}." for s in STORY.split(".")[:-1]]
    assert run(["predict", str(folder / "run"), f"{STORY} Where is John?"]) == 0
    assert capsys.readouterr().out.startswith("office (")


def test_a_run_scores_other_stories_and_is_used_where_its_own_are_not(folder: Path, tmp_path: Path) -> None:
    other = stories(tmp_path, 10, "other.txt", seed=5)
    assert statewise.evaluate(folder / "run", other).data["held_out"] == other.read_text().count("?")
    shutil.copytree(folder / "run", tmp_path / "run")
    assert next(statewise.load(tmp_path / "run").predict(f"{STORY} Where is John?")).answer == "office"


def test_questions_of_a_text_are_told_apart_by_their_marks() -> None:
    assert told_of("A left. B came! Who left? C went. Who came?") == [
        (("A left.", "B came!"), "Who left?"),
        (("A left.", "B came!", "C went."), "Who came?"),
    ]
